#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

// Behind OpenSSL's headers: the multi-buffer library has macros of their functions' names.
#include "CVectors.h"

static const EVP_CIPHER *aead_of(int cipher, size_t key_bytes)
{
    if (cipher == vectors_chacha20_poly1305) return EVP_chacha20_poly1305();
    return key_bytes == 16 ? EVP_aes_128_gcm() : key_bytes == 24 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
}

static EVP_CIPHER_CTX *begin(const EVP_CIPHER *cipher, int encrypt, const vectors_input *in, const void *tag, size_t tag_bytes)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int count;
    if (context && EVP_CipherInit_ex(context, cipher, NULL, NULL, NULL, encrypt) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)in->iv_bytes, NULL) == 1 &&
        EVP_CipherInit_ex(context, NULL, NULL, in->key, in->iv, encrypt) == 1 &&
        (encrypt || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, (int)tag_bytes, (void *)tag) == 1) &&
        (in->aad_bytes == 0 || EVP_CipherUpdate(context, NULL, &count, in->aad, (int)in->aad_bytes) == 1))
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

static int openssl_seal(int cipher, const vectors_input *in, void *destination, void *tag)
{
    EVP_CIPHER_CTX *context = begin(aead_of(cipher, in->key_bytes), 1, in, NULL, 0);
    if (!context) return 0;
    int count, good = (in->bytes == 0 || EVP_CipherUpdate(context, destination, &count, in->source, (int)in->bytes) == 1) &&
                      EVP_CipherFinal_ex(context, (unsigned char *)destination + in->bytes, &count) == 1 &&
                      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
    EVP_CIPHER_CTX_free(context);
    return good;
}

int vectors_aead_open(int cipher, const vectors_input *in, const void *tag, size_t tag_bytes, void *destination)
{
    EVP_CIPHER_CTX *context = begin(aead_of(cipher, in->key_bytes), 0, in, tag, tag_bytes);
    if (!context) return 0;
    int count, good = (in->bytes == 0 || EVP_CipherUpdate(context, destination, &count, in->source, (int)in->bytes) == 1) &&
                      EVP_CipherFinal_ex(context, (unsigned char *)destination + in->bytes, &count) == 1;
    EVP_CIPHER_CTX_free(context);
    return good;
}

static int openssl_cipher(int is_cbc, int encrypt, const vectors_input *in, void *destination)
{
    const EVP_CIPHER *cipher = is_cbc ? (in->key_bytes == 16 ? EVP_aes_128_cbc() : EVP_aes_256_cbc())
                                      : (in->key_bytes == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr());
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int count, good = EVP_CipherInit_ex(context, cipher, NULL, in->key, in->iv, encrypt) == 1 &&
                      EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
                      EVP_CipherUpdate(context, destination, &count, in->source, (int)in->bytes) == 1;
    EVP_CIPHER_CTX_free(context);
    return good;
}

/// ESP's own HMAC of OpenSSL's hashes, on a packet of ENCR_NULL: messages of 9 bytes and more, of which 8 are the header.
static int openssl_hmac(int hash, const vectors_input *in, void *code)
{
    crypto_esp_suite suite = {.cipher = esp_null, .hash = (uint8_t)hash, .prefix_bytes = 8, .icv_bytes = 64};
    static const uint8_t whole[] = {0, 20, 32, 48, 64};
    suite.icv_bytes = whole[hash];
    if (in->bytes < 9) {
        const EVP_MD *digests[] = {NULL, EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()};
        unsigned count = 64;
        return HMAC(digests[hash], in->key, (int)in->key_bytes, in->source, in->bytes, code, &count) != NULL;
    }
    crypto_openssl_esp *key = crypto_openssl_esp_new(&suite, NULL, in->key, in->key_bytes);
    uint8_t *packet = calloc(1, in->bytes + 96);
    if (!key || !packet) abort();
    memcpy(packet, in->source, in->bytes);
    crypto_esp_work work = {.esp = packet, .key = key, .head = packet, .bytes = (uint32_t)in->bytes - 8, .suite = suite};
    int good = crypto_openssl_esp_seal(&work);
    memcpy(code, packet + in->bytes, suite.icv_bytes);
    crypto_openssl_esp_free(key);
    free(packet);
    return good;
}

#if CRYPTO_HAS_MULTI_BUFFER

static int run(IMB_MGR *manager, IMB_JOB wanted)
{
    IMB_JOB *job = IMB_GET_NEXT_JOB(manager);
    *job = wanted;
    job = IMB_SUBMIT_JOB(manager);
    if (!job) job = IMB_FLUSH_JOB(manager);
    return job && job->status == IMB_STATUS_COMPLETED;
}

static int any_iv(IMB_MGR *manager, int encrypt, const vectors_input *in, const void *expanded, void *destination, void *tag)
{
    struct gcm_context_data context;
    const struct gcm_key_data *key = expanded;
#define CALLS(N)                                                                                                        \
    IMB_AES##N##_GCM_INIT_VAR_IV(manager, key, &context, in->iv, in->iv_bytes, in->aad, in->aad_bytes);                 \
    if (encrypt) IMB_AES##N##_GCM_ENC_UPDATE(manager, key, &context, destination, in->source, in->bytes);               \
    else IMB_AES##N##_GCM_DEC_UPDATE(manager, key, &context, destination, in->source, in->bytes);                       \
    if (encrypt) IMB_AES##N##_GCM_ENC_FINALIZE(manager, key, &context, tag, 16);                                        \
    else IMB_AES##N##_GCM_DEC_FINALIZE(manager, key, &context, tag, 16)
    switch (in->key_bytes) {
    case 16: CALLS(128); break;
    case 24: CALLS(192); break;
    default: CALLS(256);
    }
    return 1;
}

static int mb_aead(IMB_MGR *manager, int cipher, int encrypt, const vectors_input *in, void *destination, void *tag)
{
    if (cipher == vectors_chacha20_poly1305) {
        if (in->iv_bytes != 12) return 0;
        IMB_JOB job = {.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305,
                       .hash_alg = IMB_AUTH_CHACHA20_POLY1305,
                       .cipher_direction = encrypt ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT,
                       .chain_order = encrypt ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER,
                       .enc_keys = in->key,
                       .dec_keys = in->key,
                       .key_len_in_bytes = 32,
                       .iv = in->iv,
                       .iv_len_in_bytes = 12,
                       .src = in->source,
                       .dst = destination,
                       .msg_len_to_cipher_in_bytes = in->bytes,
                       .msg_len_to_hash_in_bytes = in->bytes,
                       .auth_tag_output = tag,
                       .auth_tag_output_len_in_bytes = 16};
        job.u.CHACHA20_POLY1305.aad = in->aad;
        job.u.CHACHA20_POLY1305.aad_len_in_bytes = in->aad_bytes;
        return run(manager, job);
    }
    if (in->iv_bytes == 0) return 0;
    _Alignas(crypto_mb_key_alignment) uint8_t expanded[crypto_mb_key_bytes];
    crypto_mb_expand(manager, in->key, in->key_bytes, expanded);
    if (cipher == vectors_gmac) {
        if (in->iv_bytes != 12 || in->bytes) return 0;
        size_t first = in->aad_bytes / 2;
        crypto_mb_gmac(manager, in->key_bytes, expanded, in->iv, in->aad, first, (const uint8_t *)in->aad + first,
                       in->aad_bytes - first, tag);
        return 1;
    }
    if (in->iv_bytes != 12) return any_iv(manager, encrypt, in, expanded, destination, tag);
    // As the packet path does.
    crypto_mb_gcm(manager, encrypt, in->key_bytes, expanded, in->source, destination, in->bytes, in->iv, in->aad,
                  in->aad_bytes, tag);
    return 1;
}

static int mb_cipher(IMB_MGR *manager, int is_cbc, int encrypt, const vectors_input *in, void *destination)
{
    _Alignas(16) uint8_t forward[256], backward[256];
    if (in->key_bytes == 16) IMB_AES_KEYEXP_128(manager, in->key, forward, backward);
    else IMB_AES_KEYEXP_256(manager, in->key, forward, backward);
    return run(manager, (IMB_JOB){.cipher_mode = is_cbc ? IMB_CIPHER_CBC : IMB_CIPHER_CNTR,
                                  .hash_alg = IMB_AUTH_NULL,
                                  .cipher_direction = encrypt ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT,
                                  .chain_order = encrypt ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER,
                                  .enc_keys = forward,
                                  .dec_keys = is_cbc ? backward : forward,
                                  .key_len_in_bytes = in->key_bytes,
                                  .iv = in->iv,
                                  .iv_len_in_bytes = 16,
                                  .src = in->source,
                                  .dst = destination,
                                  .msg_len_to_cipher_in_bytes = in->bytes});
}

/// The library's job on the states that ESP's keys are expanded to.
static int mb_hmac(IMB_MGR *manager, int hash, const vectors_input *in, void *code)
{
    static const IMB_HASH_ALG hashes[] = {IMB_AUTH_NULL, IMB_AUTH_HMAC_SHA_1, IMB_AUTH_HMAC_SHA_256,
                                          IMB_AUTH_HMAC_SHA_384, IMB_AUTH_HMAC_SHA_512};
    static const uint8_t whole[] = {0, 20, 32, 48, 64};
    _Alignas(16) uint8_t inner[64], outer[64];
    if (!crypto_esp_hmac_states(hash, in->key, in->key_bytes, inner, outer)) return 0;
    IMB_JOB job = {.cipher_mode = IMB_CIPHER_NULL,
                   .hash_alg = hashes[hash],
                   .cipher_direction = IMB_DIR_ENCRYPT,
                   .chain_order = IMB_ORDER_HASH_CIPHER,
                   .src = in->source,
                   .msg_len_to_hash_in_bytes = in->bytes,
                   .auth_tag_output = code,
                   .auth_tag_output_len_in_bytes = whole[hash]};
    job.u.HMAC._hashed_auth_key_xor_ipad = inner;
    job.u.HMAC._hashed_auth_key_xor_opad = outer;
    return run(manager, job);
}

#else

static int mb_aead(IMB_MGR *m, int c, int e, const vectors_input *in, void *d, void *t)
{
    (void)m; (void)c; (void)e; (void)in; (void)d; (void)t;
    abort();
}
static int mb_cipher(IMB_MGR *m, int c, int e, const vectors_input *in, void *d) { return mb_aead(m, c, e, in, d, d); }
static int mb_hmac(IMB_MGR *m, int h, const vectors_input *in, void *c) { return mb_aead(m, h, 0, in, c, c); }

#endif

int vectors_aead(IMB_MGR *manager, int cipher, int encrypt, const vectors_input *input, void *destination, void *tag)
{
    if (manager) return mb_aead(manager, cipher, encrypt, input, destination, tag);
    return encrypt && openssl_seal(cipher, input, destination, tag);
}

int vectors_cipher(IMB_MGR *manager, int is_cbc, int encrypt, const vectors_input *input, void *destination)
{
    return manager ? mb_cipher(manager, is_cbc, encrypt, input, destination)
                   : openssl_cipher(is_cbc, encrypt, input, destination);
}

int vectors_hmac(IMB_MGR *manager, int hash, const vectors_input *input, void *code)
{
    return manager ? mb_hmac(manager, hash, input, code) : openssl_hmac(hash, input, code);
}
