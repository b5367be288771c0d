// HMAC is made of the hashes' own functions, which OpenSSL 3.0 calls deprecated: EVP's copy a context for every message,
// and that allocates. They run the same code.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

// Behind OpenSSL's headers: the multi-buffer library has macros of their functions' names.
#include "CCrypto.h"

/// A hash on its way.
typedef union {
    SHA_CTX sha1;
    SHA256_CTX sha256;
    SHA512_CTX sha512;
} hash_state;

struct crypto_openssl_esp {
    /// NULL for ENCR_NULL.
    EVP_CIPHER_CTX *open, *seal;
    /// For CBC: what makes IVs.
    EVP_CIPHER_CTX *iv;
    /// After HMAC's key.
    hash_state inner, outer;
};

static int begin(int hash, hash_state *state)
{
    switch (hash) {
    case esp_sha1: return SHA1_Init(&state->sha1);
    case esp_sha256: return SHA256_Init(&state->sha256);
    case esp_sha384: return SHA384_Init(&state->sha512);
    default: return SHA512_Init(&state->sha512);
    }
}

static int more(int hash, hash_state *state, const void *bytes, size_t count)
{
    switch (hash) {
    case esp_sha1: return SHA1_Update(&state->sha1, bytes, count);
    case esp_sha256: return SHA256_Update(&state->sha256, bytes, count);
    case esp_sha384: return SHA384_Update(&state->sha512, bytes, count);
    default: return SHA512_Update(&state->sha512, bytes, count);
    }
}

static int finish(int hash, hash_state *state, unsigned char *digest)
{
    switch (hash) {
    case esp_sha1: return SHA1_Final(digest, &state->sha1);
    case esp_sha256: return SHA256_Final(digest, &state->sha256);
    case esp_sha384: return SHA384_Final(digest, &state->sha512);
    default: return SHA512_Final(digest, &state->sha512);
    }
}

static size_t digest_bytes(int hash)
{
    static const size_t bytes[] = {0, 20, 32, 48, 64};
    return bytes[hash];
}

/// The states after the first block of the inner and the outer hash (RFC 2104). The keys of ESP's HMACs are as long as the
/// digest (RFC 4868 section 2.1.1), so never longer than a block.
static int hmac_begin(int hash, const void *key, size_t key_bytes, hash_state *inner, hash_state *outer)
{
    unsigned char block[128] = {0};
    size_t block_bytes = hash >= esp_sha384 ? 128 : 64;
    if (key_bytes > block_bytes) return 0;
    memcpy(block, key, key_bytes);
    for (size_t i = 0; i < block_bytes; i++) block[i] ^= 0x36;
    int good = begin(hash, inner) && more(hash, inner, block, block_bytes);
    for (size_t i = 0; i < block_bytes; i++) block[i] ^= 0x36 ^ 0x5c;
    good = good && begin(hash, outer) && more(hash, outer, block, block_bytes);
    OPENSSL_cleanse(block, sizeof block);
    return good;
}

int crypto_esp_hmac_states(int hash, const void *key, size_t key_bytes, void *inner, void *outer)
{
    hash_state states[2];
    if (!hmac_begin(hash, key, key_bytes, &states[0], &states[1])) return 0;
    void *to[2] = {inner, outer};
    for (int i = 0; i < 2; i++) {
        switch (hash) {
        case esp_sha1: {
            SHA_LONG words[5] = {states[i].sha1.h0, states[i].sha1.h1, states[i].sha1.h2, states[i].sha1.h3,
                                 states[i].sha1.h4};
            memcpy(to[i], words, sizeof words);
            OPENSSL_cleanse(words, sizeof words);
            break;
        }
        case esp_sha256: memcpy(to[i], states[i].sha256.h, sizeof states[i].sha256.h); break;
        default: memcpy(to[i], states[i].sha512.h, sizeof states[i].sha512.h);
        }
    }
    OPENSSL_cleanse(states, sizeof states);
    return 1;
}

int crypto_esp_iv_key(const void *key, size_t key_bytes, void *iv_key)
{
    static const unsigned char label[] = "ESP CBC IV";
    unsigned char code[32];
    unsigned count = sizeof code;
    int good = key_bytes <= sizeof code && HMAC(EVP_sha256(), key, (int)key_bytes, label, sizeof label - 1, code, &count) != NULL;
    if (good) memcpy(iv_key, code, key_bytes);
    OPENSSL_cleanse(code, sizeof code);
    return good;
}

static const EVP_CIPHER *cipher_of(const crypto_esp_suite *suite)
{
    int size = suite->key_bytes / 8 - 2; // 0, 1, 2 for 128, 192 and 256 bits
    switch (suite->cipher) {
    case esp_chacha20_poly1305: return EVP_chacha20_poly1305();
    case esp_cbc: return size == 0 ? EVP_aes_128_cbc() : size == 1 ? EVP_aes_192_cbc() : EVP_aes_256_cbc();
    case esp_ctr: return size == 0 ? EVP_aes_128_ctr() : size == 1 ? EVP_aes_192_ctr() : EVP_aes_256_ctr();
    default: return size == 0 ? EVP_aes_128_gcm() : size == 1 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
    }
}

crypto_openssl_esp *crypto_openssl_esp_new(const crypto_esp_suite *suite, const void *key, const void *authentication_key,
                                           size_t authentication_key_bytes)
{
    crypto_openssl_esp *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    int good = 1;
    if (suite->cipher != esp_null) {
        const EVP_CIPHER *cipher = cipher_of(suite);
        made->open = EVP_CIPHER_CTX_new();
        made->seal = EVP_CIPHER_CTX_new();
        good = made->open && made->seal && EVP_DecryptInit_ex(made->open, cipher, NULL, key, NULL) == 1 &&
               EVP_EncryptInit_ex(made->seal, cipher, NULL, key, NULL) == 1;
        if (good && suite->cipher == esp_cbc) {
            unsigned char iv_key[32];
            made->iv = EVP_CIPHER_CTX_new();
            good = made->iv && crypto_esp_iv_key(key, suite->key_bytes, iv_key) &&
                   EVP_EncryptInit_ex(made->iv, suite->key_bytes == 16 ? EVP_aes_128_ecb() : EVP_aes_256_ecb(), NULL,
                                      iv_key, NULL) == 1 &&
                   EVP_CIPHER_CTX_set_padding(made->open, 0) == 1 && EVP_CIPHER_CTX_set_padding(made->seal, 0) == 1 &&
                   EVP_CIPHER_CTX_set_padding(made->iv, 0) == 1;
            OPENSSL_cleanse(iv_key, sizeof iv_key);
        }
    }
    if (good && suite->hash != esp_no_hash)
        good = hmac_begin(suite->hash, authentication_key, authentication_key_bytes, &made->inner, &made->outer);
    if (good) return made;
    crypto_openssl_esp_free(made);
    return NULL;
}

void crypto_openssl_esp_free(crypto_openssl_esp *key)
{
    // All are allowed to be NULL; OpenSSL wipes what it frees.
    EVP_CIPHER_CTX_free(key->open);
    EVP_CIPHER_CTX_free(key->seal);
    EVP_CIPHER_CTX_free(key->iv);
    OPENSSL_cleanse(key, sizeof *key);
    free(key);
}

/// SPI and number as an AEAD authenticates them: 8 bytes, or 12 with ESN. Returns how many.
static int header_of(const crypto_esp_work *work, unsigned char *header)
{
    unsigned char high[4] = {work->high >> 24, work->high >> 16, work->high >> 8, work->high};
    memcpy(header, work->esp, 8);
    if (!work->suite.esn) return 8;
    memcpy(header + 4, high, 4);
    memcpy(header + 8, work->esp + 4, 4);
    return 12;
}

/// The whole code over ESP header, IV and ciphertext, and with ESN the number's upper half (RFC 4303 section 2.8).
static int hmac(const crypto_openssl_esp *key, const crypto_esp_work *work, unsigned char *code)
{
    int hash = work->suite.hash;
    hash_state state = key->inner;
    unsigned char high[4] = {work->high >> 24, work->high >> 16, work->high >> 8, work->high};
    return more(hash, &state, work->esp, work->suite.prefix_bytes + work->bytes) &&
           (!work->suite.esn || more(hash, &state, high, sizeof high)) && finish(hash, &state, code) &&
           (state = key->outer, more(hash, &state, code, digest_bytes(hash))) && finish(hash, &state, code);
}

/// The nonce of the AEADs, 12 bytes, and with 00000001 behind it AES-CTR's first counter block (RFC 3686 section 4).
static void nonce_of(const crypto_esp_work *work, unsigned char *nonce)
{
    memcpy(nonce, &work->salt, 4);
    memcpy(nonce + 4, work->esp + 8, 8);
    memcpy(nonce + 12, "\0\0\0\1", 4);
}

/// AEADs: what is authenticated only comes first, what is also encrypted behind it.
static int aead_text_bytes(const crypto_esp_work *work) { return work->suite.cipher == esp_gmac ? 0 : (int)work->bytes; }

/// Of AES-GMAC all but the header is authenticated only, too. 1 or 0.
static int aead_begin(EVP_CIPHER_CTX *context, const crypto_esp_work *work,
                      int (*update)(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *, int))
{
    unsigned char header[12];
    int count, header_bytes = header_of(work, header);
    return update(context, NULL, &count, header, header_bytes) == 1 &&
           (work->suite.cipher != esp_gmac ||
            update(context, NULL, &count, work->esp + 8, work->suite.prefix_bytes - 8 + (int)work->bytes) == 1);
}

int crypto_openssl_esp_open(crypto_esp_work *work, void *plaintext, int verifying)
{
    const crypto_openssl_esp *key = work->key;
    const crypto_esp_suite *suite = &work->suite;
    uint8_t *text = work->esp + suite->prefix_bytes;
    unsigned char nonce[16], rest[16], code[64];
    int count, good = 1;
    work->authentic = 0;
    nonce_of(work, nonce);
    if (suite->hash != esp_no_hash) {
        if (verifying) {
            if (!hmac(key, work, code)) return 0;
            work->authentic = CRYPTO_memcmp(code, text + work->bytes, suite->icv_bytes) == 0;
        }
        if (suite->cipher == esp_null) {
            if (plaintext != text) memcpy(plaintext, text, work->bytes);
        } else {
            good = EVP_DecryptInit_ex(key->open, NULL, NULL, NULL, suite->cipher == esp_cbc ? work->esp + 8 : nonce) == 1 &&
                   EVP_DecryptUpdate(key->open, plaintext, &count, text, (int)work->bytes) == 1;
        }
    } else {
        int text_bytes = aead_text_bytes(work);
        good = EVP_DecryptInit_ex(key->open, NULL, NULL, NULL, nonce) == 1 &&
               (!verifying ||
                EVP_CIPHER_CTX_ctrl(key->open, EVP_CTRL_AEAD_SET_TAG, 16, text + work->bytes) == 1) &&
               aead_begin(key->open, work, EVP_DecryptUpdate) &&
               (text_bytes == 0 || EVP_DecryptUpdate(key->open, plaintext, &count, text, text_bytes) == 1);
        if (good && verifying) work->authentic = EVP_DecryptFinal_ex(key->open, rest, &count) == 1;
        if (text_bytes == 0 && plaintext != text) memcpy(plaintext, text, work->bytes);
    }
    if (!good) {
        work->authentic = 0;
        return 0;
    }
    work->pad = ((uint8_t *)plaintext)[work->bytes - 2];
    work->next = ((uint8_t *)plaintext)[work->bytes - 1];
    return 1;
}

int crypto_openssl_esp_seal(crypto_esp_work *work)
{
    const crypto_openssl_esp *key = work->key;
    const crypto_esp_suite *suite = &work->suite;
    uint8_t *text = work->esp + suite->prefix_bytes;
    unsigned char nonce[16], rest[16], code[64];
    int count, text_bytes = aead_text_bytes(work);
    if (suite->hash != esp_no_hash) {
        if (suite->cipher == esp_cbc && EVP_EncryptUpdate(key->iv, work->esp + 8, &count, work->esp + 8, 16) != 1) return 0;
        nonce_of(work, nonce);
        if (suite->cipher != esp_null &&
            (EVP_EncryptInit_ex(key->seal, NULL, NULL, NULL, suite->cipher == esp_cbc ? work->esp + 8 : nonce) != 1 ||
             EVP_EncryptUpdate(key->seal, text, &count, text, (int)work->bytes) != 1))
            return 0;
        if (!hmac(key, work, code)) return 0;
        memcpy(text + work->bytes, code, suite->icv_bytes);
        return 1;
    }
    nonce_of(work, nonce);
    return EVP_EncryptInit_ex(key->seal, NULL, NULL, NULL, nonce) == 1 &&
           aead_begin(key->seal, work, EVP_EncryptUpdate) &&
           (text_bytes == 0 || EVP_EncryptUpdate(key->seal, text, &count, text, text_bytes) == 1) &&
           EVP_EncryptFinal_ex(key->seal, rest, &count) == 1 &&
           EVP_CIPHER_CTX_ctrl(key->seal, EVP_CTRL_AEAD_GET_TAG, 16, text + work->bytes) == 1;
}
