#include "CCrypto.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct crypto_openssl_key {
    EVP_CIPHER_CTX *open, *seal;
};

crypto_openssl_key *crypto_openssl_key_new(const void *key, size_t key_bytes)
{
    const EVP_CIPHER *cipher = key_bytes == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
    crypto_openssl_key *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    made->open = EVP_CIPHER_CTX_new();
    made->seal = EVP_CIPHER_CTX_new();
    if (made->open && made->seal && EVP_DecryptInit_ex(made->open, cipher, NULL, key, NULL) == 1 &&
        EVP_EncryptInit_ex(made->seal, cipher, NULL, key, NULL) == 1)
        return made;
    crypto_openssl_key_free(made);
    return NULL;
}

void crypto_openssl_key_free(crypto_openssl_key *key)
{
    // Both are allowed to be NULL; OpenSSL wipes what it frees.
    EVP_CIPHER_CTX_free(key->open);
    EVP_CIPHER_CTX_free(key->seal);
    free(key);
}

int crypto_openssl_open(crypto_openssl_key *key, const void *source, void *destination, size_t bytes, const void *iv,
                        const void *aad, size_t aad_bytes, const void *tag)
{
    int count;
    unsigned char rest[16];
    if (EVP_DecryptInit_ex(key->open, NULL, NULL, NULL, iv) != 1 ||
        EVP_DecryptUpdate(key->open, NULL, &count, aad, (int)aad_bytes) != 1 ||
        EVP_DecryptUpdate(key->open, destination, &count, source, (int)bytes) != 1)
        return -1;
    if (!tag) return 1;
    if (EVP_CIPHER_CTX_ctrl(key->open, EVP_CTRL_AEAD_SET_TAG, 16, (void *)tag) != 1) return -1;
    return EVP_DecryptFinal_ex(key->open, rest, &count) == 1;
}

int crypto_openssl_seal(crypto_openssl_key *key, const void *source, void *destination, size_t bytes, const void *iv,
                        const void *aad, size_t aad_bytes, void *tag)
{
    int count;
    unsigned char rest[16];
    if (EVP_EncryptInit_ex(key->seal, NULL, NULL, NULL, iv) != 1 ||
        EVP_EncryptUpdate(key->seal, NULL, &count, aad, (int)aad_bytes) != 1 ||
        EVP_EncryptUpdate(key->seal, destination, &count, source, (int)bytes) != 1 ||
        EVP_EncryptFinal_ex(key->seal, rest, &count) != 1 ||
        EVP_CIPHER_CTX_ctrl(key->seal, EVP_CTRL_AEAD_GET_TAG, 16, tag) != 1)
        return -1;
    return 1;
}

int crypto_sha256(const void *bytes, size_t count, void *digest)
{
    return EVP_Digest(bytes, count, digest, NULL, EVP_sha256(), NULL) == 1;
}

int crypto_sha1(const void *bytes, size_t count, void *digest)
{
    return EVP_Digest(bytes, count, digest, NULL, EVP_sha1(), NULL) == 1;
}
