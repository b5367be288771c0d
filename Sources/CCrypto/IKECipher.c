#include "CCryptoIKE.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

// Looked up once; EVP_aes_128_gcm() and the like would be looked up again with every message.
static EVP_CIPHER *ciphers[ike_cipher_count];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch_ciphers(void)
{
    static const char *const names[ike_cipher_count] = {
        "AES-128-GCM", "AES-192-GCM", "AES-256-GCM", "ChaCha20-Poly1305", "AES-128-CBC", "AES-192-CBC", "AES-256-CBC",
    };
    for (int i = 0; i < ike_cipher_count; i++) ciphers[i] = EVP_CIPHER_fetch(NULL, names[i], NULL);
}

static EVP_CIPHER_CTX *context(int encrypt, int cipher, const void *key, const void *iv, size_t bytes)
{
    pthread_once(&once, fetch_ciphers);
    if (cipher < 0 || cipher >= ike_cipher_count || !ciphers[cipher] || bytes > INT_MAX) return NULL;
    EVP_CIPHER_CTX *made = EVP_CIPHER_CTX_new();
    if (made && EVP_CipherInit_ex2(made, ciphers[cipher], key, iv, encrypt, NULL) == 1) return made;
    EVP_CIPHER_CTX_free(made);
    return NULL;
}

int ike_aead_seal(int cipher, const void *key, const void *nonce, const void *aad, size_t aad_bytes,
                  const void *source, size_t bytes, void *destination)
{
    int count;
    unsigned char rest[16];
    EVP_CIPHER_CTX *c = aad_bytes > INT_MAX ? NULL : context(1, cipher, key, nonce, bytes);
    int ok = c && EVP_EncryptUpdate(c, NULL, &count, aad, (int)aad_bytes) == 1 &&
             EVP_EncryptUpdate(c, destination, &count, source, (int)bytes) == 1 &&
             EVP_EncryptFinal_ex(c, rest, &count) == 1 &&
             EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, (unsigned char *)destination + bytes) == 1;
    EVP_CIPHER_CTX_free(c);
    return ok;
}

int ike_aead_open(int cipher, const void *key, const void *nonce, const void *aad, size_t aad_bytes,
                  const void *source, size_t bytes, void *destination)
{
    int count;
    unsigned char rest[16];
    EVP_CIPHER_CTX *c = aad_bytes > INT_MAX ? NULL : context(0, cipher, key, nonce, bytes);
    int ok = c && EVP_DecryptUpdate(c, NULL, &count, aad, (int)aad_bytes) == 1 &&
             EVP_DecryptUpdate(c, destination, &count, source, (int)bytes) == 1 &&
             EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, (unsigned char *)source + bytes) == 1 &&
             EVP_DecryptFinal_ex(c, rest, &count) == 1;
    EVP_CIPHER_CTX_free(c);
    // A wrong tag is the peer's fault and no news; it must not be found later as if it were ours.
    if (!ok) ERR_clear_error();
    return ok;
}

int ike_cbc(int encrypt, int cipher, const void *key, const void *iv, const void *source, size_t bytes,
            void *destination)
{
    int count;
    EVP_CIPHER_CTX *c = context(encrypt, cipher, key, iv, bytes);
    int ok = c && bytes % 16 == 0 && EVP_CIPHER_CTX_set_padding(c, 0) == 1 &&
             EVP_CipherUpdate(c, destination, &count, source, (int)bytes) == 1 && count == (int)bytes;
    EVP_CIPHER_CTX_free(c);
    return ok;
}
