// The thin surface over Intel's multi-buffer library (x86-64, found at run time) and OpenSSL. No algorithm of ours.
#pragma once
#include "CCryptoIKE.h"
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && __has_include(<intel-ipsec-mb.h>)
#define CRYPTO_HAS_MULTI_BUFFER 1
#include <intel-ipsec-mb.h>
#else
#define CRYPTO_HAS_MULTI_BUFFER 0
typedef struct crypto_no_manager IMB_MGR;
typedef struct { int unused; } IMB_JOB;
#endif

#include "CCryptoESP.h"

/// Bytes of one expanded AES-GCM key of the multi-buffer library, and its alignment.
enum { crypto_mb_key_bytes = 1024, crypto_mb_key_alignment = 64 };

/// A manager of the multi-buffer library for this processor, or NULL where the library is not installed, is of another
/// version than the headers this was built with, or finds no AES instructions. Free it with crypto_mb_close.
IMB_MGR *_Nullable crypto_mb_open(void);
void crypto_mb_close(IMB_MGR *_Nonnull manager);

/// The library's version, "1.3.0", and the code path it chose: "VAES", "AVX512", "AVX2", "AVX" or "SSE".
const char *_Nonnull crypto_mb_version(void);
const char *_Nonnull crypto_mb_path(const IMB_MGR *_Nonnull manager);

/// Expands an AES-GCM key of 16, 24 or 32 bytes into crypto_mb_key_bytes aligned bytes.
void crypto_mb_expand(IMB_MGR *_Nonnull manager, const void *_Nonnull key, size_t key_bytes, void *_Nonnull expanded);

#if CRYPTO_HAS_MULTI_BUFFER

/// Makes jobs ready for crypto_mb_set_counter_job: what is the same for all packets.
static inline void crypto_mb_prepare_jobs(IMB_JOB *_Nonnull jobs, size_t count, size_t key_bytes)
{
    for (size_t i = 0; i < count; i++) {
        jobs[i] = (IMB_JOB){
            .key_len_in_bytes = key_bytes,
            .cipher_mode = IMB_CIPHER_CNTR,
            .cipher_direction = IMB_DIR_ENCRYPT,
            .hash_alg = IMB_AUTH_NULL,
            .chain_order = IMB_ORDER_CIPHER_HASH,
        };
    }
}

/// One run of AES-CTR. An `iv` of 12 bytes starts at counter 1, one of 16 at the counter it ends with.
static inline void crypto_mb_set_counter_job(IMB_JOB *_Nonnull job, const void *_Nonnull expanded, const void *_Nonnull iv,
                                             uint64_t iv_bytes, const void *_Nonnull source, void *_Nonnull destination,
                                             uint64_t bytes)
{
    job->enc_keys = expanded;
    job->iv = (const uint8_t *)iv;
    job->iv_len_in_bytes = iv_bytes;
    job->src = (const uint8_t *)source;
    job->dst = (uint8_t *)destination;
    job->msg_len_to_cipher_in_bytes = bytes;
}

/// Runs the jobs, all of one key size; returns how many were done.
static inline uint32_t crypto_mb_run_counter_jobs(IMB_MGR *_Nonnull manager, IMB_JOB *_Nonnull jobs, uint32_t count,
                                                  size_t key_bytes)
{
    return IMB_SUBMIT_CIPHER_BURST_NOCHECK(manager, jobs, count, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT,
                                           (IMB_KEY_SIZE_BYTES)key_bytes);
}

/// GHASH over `bytes` (a multiple of 16), from a zero start; the 16 bytes of the result go to `tag`.
static inline void crypto_mb_ghash(IMB_MGR *_Nonnull manager, const void *_Nonnull expanded, const void *_Nonnull source,
                                   uint64_t bytes, void *_Nonnull tag)
{
    __builtin_memset(tag, 0, 16);
    IMB_GHASH(manager, (const struct gcm_key_data *)expanded, source, bytes, tag, 16);
}

/// AES-GCM over one message, in place or not; `iv` has 12 bytes, `tag` gets 16.
static inline void crypto_mb_gcm(IMB_MGR *_Nonnull manager, int encrypt, size_t key_bytes, const void *_Nonnull expanded,
                                 const void *_Nonnull source, void *_Nonnull destination, uint64_t bytes,
                                 const void *_Nonnull iv, const void *_Nonnull aad, uint64_t aad_bytes, void *_Nonnull tag)
{
    struct gcm_context_data context;
    const struct gcm_key_data *key = (const struct gcm_key_data *)expanded;
    uint8_t *out = (uint8_t *)destination, *t = (uint8_t *)tag;
    const uint8_t *in = (const uint8_t *)source, *v = (const uint8_t *)iv, *a = (const uint8_t *)aad;
    if (key_bytes == 16) {
        if (encrypt) IMB_AES128_GCM_ENC(manager, key, &context, out, in, bytes, v, a, aad_bytes, t, 16);
        else IMB_AES128_GCM_DEC(manager, key, &context, out, in, bytes, v, a, aad_bytes, t, 16);
    } else if (key_bytes == 24) {
        if (encrypt) IMB_AES192_GCM_ENC(manager, key, &context, out, in, bytes, v, a, aad_bytes, t, 16);
        else IMB_AES192_GCM_DEC(manager, key, &context, out, in, bytes, v, a, aad_bytes, t, 16);
    } else {
        if (encrypt) IMB_AES256_GCM_ENC(manager, key, &context, out, in, bytes, v, a, aad_bytes, t, 16);
        else IMB_AES256_GCM_DEC(manager, key, &context, out, in, bytes, v, a, aad_bytes, t, 16);
    }
}

/// AES-GMAC over two pieces; `iv` has 12 bytes, `tag` gets 16.
static inline void crypto_mb_gmac(IMB_MGR *_Nonnull manager, size_t key_bytes, const void *_Nonnull expanded,
                                  const void *_Nonnull iv, const void *_Nonnull first, uint64_t first_bytes,
                                  const void *_Nonnull second, uint64_t second_bytes, void *_Nonnull tag)
{
    struct gcm_context_data context;
    const struct gcm_key_data *key = (const struct gcm_key_data *)expanded;
    const uint8_t *v = (const uint8_t *)iv, *one = (const uint8_t *)first, *two = (const uint8_t *)second;
    uint8_t *t = (uint8_t *)tag;
    if (key_bytes == 16) {
        IMB_AES128_GMAC_INIT(manager, key, &context, v, 12);
        IMB_AES128_GMAC_UPDATE(manager, key, &context, one, first_bytes);
        IMB_AES128_GMAC_UPDATE(manager, key, &context, two, second_bytes);
        IMB_AES128_GMAC_FINALIZE(manager, key, &context, t, 16);
    } else if (key_bytes == 24) {
        IMB_AES192_GMAC_INIT(manager, key, &context, v, 12);
        IMB_AES192_GMAC_UPDATE(manager, key, &context, one, first_bytes);
        IMB_AES192_GMAC_UPDATE(manager, key, &context, two, second_bytes);
        IMB_AES192_GMAC_FINALIZE(manager, key, &context, t, 16);
    } else {
        IMB_AES256_GMAC_INIT(manager, key, &context, v, 12);
        IMB_AES256_GMAC_UPDATE(manager, key, &context, one, first_bytes);
        IMB_AES256_GMAC_UPDATE(manager, key, &context, two, second_bytes);
        IMB_AES256_GMAC_FINALIZE(manager, key, &context, t, 16);
    }
}

#else

// Never called: crypto_mb_open returned NULL.
static inline void crypto_mb_prepare_jobs(IMB_JOB *_Nonnull jobs, size_t count, size_t key_bytes) { (void)jobs; (void)count; (void)key_bytes; __builtin_trap(); }
static inline void crypto_mb_set_counter_job(IMB_JOB *_Nonnull job, const void *_Nonnull e, const void *_Nonnull iv, uint64_t n, const void *_Nonnull s, void *_Nonnull d, uint64_t b) { (void)job; (void)e; (void)iv; (void)n; (void)s; (void)d; (void)b; __builtin_trap(); }
static inline uint32_t crypto_mb_run_counter_jobs(IMB_MGR *_Nonnull m, IMB_JOB *_Nonnull j, uint32_t c, size_t k) { (void)m; (void)j; (void)c; (void)k; __builtin_trap(); }
static inline void crypto_mb_ghash(IMB_MGR *_Nonnull m, const void *_Nonnull e, const void *_Nonnull s, uint64_t b, void *_Nonnull t) { (void)m; (void)e; (void)s; (void)b; (void)t; __builtin_trap(); }
static inline void crypto_mb_gcm(IMB_MGR *_Nonnull m, int x, size_t k, const void *_Nonnull e, const void *_Nonnull s, void *_Nonnull d, uint64_t b, const void *_Nonnull iv, const void *_Nonnull a, uint64_t ab, void *_Nonnull t) { (void)m; (void)x; (void)k; (void)e; (void)s; (void)d; (void)b; (void)iv; (void)a; (void)ab; (void)t; __builtin_trap(); }

#endif

/// SHA-256, for fingerprints of keys: 32 bytes to `digest`. 1, or 0 for a failure of OpenSSL's.
int crypto_sha256(const void *_Nonnull bytes, size_t count, void *_Nonnull digest);
/// SHA-1, for the one place where a protocol wants it and nothing depends on it: NAT detection (RFC 7296 section 2.23).
/// 20 bytes to `digest`. 1, or 0 for a failure of OpenSSL's.
int crypto_sha1(const void *_Nonnull bytes, size_t count, void *_Nonnull digest);
