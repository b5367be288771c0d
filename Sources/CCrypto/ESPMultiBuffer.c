#include "CCrypto.h"

#include <stdlib.h>
#include <string.h>

#if CRYPTO_HAS_MULTI_BUFFER

/// The expanded keys of an SA, unless it is AES-GCM or AES-GMAC.
typedef struct {
    /// Round keys; ChaCha20's key lies in `encrypt` as it is.
    uint8_t encrypt[256], decrypt[256];
    uint8_t inner[64], outer[64];
    /// Round keys of what makes CBC's IVs.
    uint8_t iv[256];
} esp_keys;

_Static_assert(sizeof(esp_keys) <= crypto_mb_key_bytes, "expanded keys fit their room");

/// What is kept for a packet while a batch is worked on.
typedef struct {
    uint8_t code[64];
    /// The last block of a peek that does not reach the end.
    uint8_t last[64];
    /// Counter blocks: the first, and the last one's.
    uint8_t counter[16], last_counter[16];
    /// Of the ICV, what the number's upper half lies on while an HMAC runs over it.
    uint8_t covered[4];
} esp_slot;

struct crypto_mb_esp {
    size_t capacity;
    esp_slot *slots;
    IMB_JOB *jobs; // two for each packet
};

static const IMB_HASH_ALG hashes[] = {IMB_AUTH_NULL, IMB_AUTH_HMAC_SHA_1, IMB_AUTH_HMAC_SHA_256, IMB_AUTH_HMAC_SHA_384,
                                      IMB_AUTH_HMAC_SHA_512};

static void expand_aes(IMB_MGR *manager, const void *key, size_t key_bytes, void *encrypt, void *decrypt)
{
    switch (key_bytes) {
    case 16: IMB_AES_KEYEXP_128(manager, key, encrypt, decrypt); break;
    case 24: IMB_AES_KEYEXP_192(manager, key, encrypt, decrypt); break;
    default: IMB_AES_KEYEXP_256(manager, key, encrypt, decrypt);
    }
}

int crypto_mb_esp_expand(IMB_MGR *manager, const crypto_esp_suite *suite, const void *key, const void *authentication_key,
                         size_t authentication_key_bytes, void *expanded)
{
    esp_keys *keys = expanded;
    uint8_t unused[256];
    switch (suite->cipher) {
    case esp_gcm:
    case esp_gmac: crypto_mb_expand(manager, key, suite->key_bytes, expanded); return 1;
    case esp_chacha20_poly1305: memcpy(keys->encrypt, key, suite->key_bytes); break;
    case esp_null: break;
    case esp_cbc: {
        uint8_t iv_key[32];
        if (!crypto_esp_iv_key(key, suite->key_bytes, iv_key)) return 0;
        expand_aes(manager, iv_key, suite->key_bytes, keys->iv, unused);
        explicit_bzero(iv_key, sizeof iv_key);
    } // fallthrough
    default: expand_aes(manager, key, suite->key_bytes, keys->encrypt, keys->decrypt);
    }
    explicit_bzero(unused, sizeof unused);
    return suite->hash == esp_no_hash ||
           crypto_esp_hmac_states(suite->hash, authentication_key, authentication_key_bytes, keys->inner, keys->outer);
}

crypto_mb_esp *crypto_mb_esp_new(size_t capacity)
{
    crypto_mb_esp *batch = calloc(1, sizeof *batch);
    if (!batch) return NULL;
    batch->capacity = capacity;
    batch->slots = calloc(capacity, sizeof *batch->slots);
    batch->jobs = calloc(capacity * 2, sizeof *batch->jobs);
    if (batch->slots && batch->jobs) return batch;
    crypto_mb_esp_free(batch);
    return NULL;
}

void crypto_mb_esp_free(crypto_mb_esp *batch)
{
    if (batch->slots) explicit_bzero(batch->slots, batch->capacity * sizeof *batch->slots);
    free(batch->slots);
    free(batch->jobs);
    free(batch);
}

/// In a time that does not depend on where they differ.
static int equal(const uint8_t *a, const uint8_t *b, size_t count)
{
    uint8_t difference = 0;
    for (size_t i = 0; i < count; i++) difference |= a[i] ^ b[i];
    return difference == 0;
}

static void nonce_of(const crypto_esp_work *work, uint8_t *nonce)
{
    memcpy(nonce, &work->salt, 4);
    memcpy(nonce + 4, work->esp + 8, 8);
}

static inline uint8_t *text_of(const crypto_esp_work *work) { return work->esp + work->suite.prefix_bytes; }

/// SPI and number as an AEAD authenticates them: 8 bytes, or 12 with ESN. Returns how many.
static size_t header_of(const crypto_esp_work *work, uint8_t *header)
{
    memcpy(header, work->esp, 8);
    if (!work->suite.esn) return 8;
    uint32_t high = __builtin_bswap32(work->high);
    memcpy(header + 4, &high, 4);
    memcpy(header + 8, work->esp + 4, 4);
    return 12;
}

/// With ESN an HMAC's message ends with the number's upper half: it is written over the ICV for the time of the calls.
static void cover(crypto_mb_esp *batch, const crypto_esp_work *works, size_t count, int putting)
{
    for (size_t i = 0; i < count; i++) {
        if (!works[i].suite.esn || works[i].suite.hash == esp_no_hash) continue;
        uint8_t *end = text_of(&works[i]) + works[i].bytes;
        uint32_t high = __builtin_bswap32(works[i].high);
        if (putting) memcpy(batch->slots[i].covered, end, 4);
        memcpy(end, putting ? (void *)&high : batch->slots[i].covered, 4);
    }
}

/// The codes of all packets with an HMAC into their slots: one burst for each hash, so that the lanes of the library are
/// full of packets of many SAs.
static void run_hmacs(IMB_MGR *manager, crypto_mb_esp *batch, const crypto_esp_work *works, size_t count, unsigned present)
{
    cover(batch, works, count, 1);
    for (int hash = esp_sha1; hash <= esp_sha512; hash++) {
        if (!(present & 1u << hash)) continue;
        uint32_t jobs = 0;
        for (size_t i = 0; i < count; i++) {
            if (works[i].suite.hash != hash) continue;
            const esp_keys *keys = works[i].key;
            batch->jobs[jobs++] = (IMB_JOB){
                .src = works[i].esp,
                .msg_len_to_hash_in_bytes = works[i].suite.prefix_bytes + works[i].bytes + 4 * works[i].suite.esn,
                .auth_tag_output = batch->slots[i].code,
                .auth_tag_output_len_in_bytes = works[i].suite.icv_bytes,
                .u.HMAC = {keys->inner, keys->outer},
                .cipher_mode = IMB_CIPHER_NULL,
                .hash_alg = hashes[hash],
                .chain_order = IMB_ORDER_HASH_CIPHER,
            };
        }
        if (hash == esp_sha1 || hash == esp_sha256) {
            if (IMB_SUBMIT_HASH_BURST_NOCHECK(manager, batch->jobs, jobs, hashes[hash]) != jobs) abort();
            continue;
        }
        // No bursts of these in the library's version 1.3; its queue takes as many as it has lanes and gives back the eldest.
        for (uint32_t at = 0; at < jobs; at++) {
            IMB_JOB *job = IMB_GET_NEXT_JOB(manager);
            *job = batch->jobs[at];
            (void)IMB_SUBMIT_JOB_NOCHECK(manager);
            while (IMB_GET_COMPLETED_JOB(manager)) {}
        }
        while (IMB_FLUSH_JOB(manager)) {}
    }
    cover(batch, works, count, 0);
}

/// One run of a cipher over `bytes` of whole blocks (CBC) or any number (CTR).
static void add_run(crypto_mb_esp *batch, uint32_t *jobs, const crypto_esp_work *work, int encrypt, const uint8_t *iv,
                    size_t iv_bytes, const uint8_t *source, uint8_t *destination, size_t bytes)
{
    const esp_keys *keys = work->key;
    int is_cbc = work->suite.cipher == esp_cbc;
    batch->jobs[(*jobs)++] = (IMB_JOB){
        .enc_keys = keys->encrypt,
        .dec_keys = keys->decrypt,
        .key_len_in_bytes = work->suite.key_bytes,
        .src = source,
        .dst = destination,
        .msg_len_to_cipher_in_bytes = bytes,
        .iv = iv,
        .iv_len_in_bytes = iv_bytes,
        .cipher_mode = is_cbc ? IMB_CIPHER_CBC : IMB_CIPHER_CNTR,
        .cipher_direction = encrypt || !is_cbc ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT,
        .hash_alg = IMB_AUTH_NULL,
        .chain_order = IMB_ORDER_CIPHER_HASH,
    };
}

static void run_ciphers(IMB_MGR *manager, crypto_mb_esp *batch, uint32_t jobs, int cipher, int key_bytes, int encrypt)
{
    if (jobs == 0) return;
    int is_cbc = cipher == esp_cbc;
    if (IMB_SUBMIT_CIPHER_BURST_NOCHECK(manager, batch->jobs, jobs, is_cbc ? IMB_CIPHER_CBC : IMB_CIPHER_CNTR,
                                        encrypt || !is_cbc ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT,
                                        (IMB_KEY_SIZE_BYTES)key_bytes) != jobs)
        abort();
}

/// Every cipher with its key size that a burst can be for.
static const struct {
    uint8_t cipher, key_bytes;
} bursts[] = {{esp_cbc, 16}, {esp_cbc, 32}, {esp_ctr, 16}, {esp_ctr, 32}};
enum { burst_count = sizeof bursts / sizeof bursts[0] };

static int is_of(const crypto_esp_work *work, int burst)
{
    return work->suite.cipher == bursts[burst].cipher && work->suite.key_bytes == bursts[burst].key_bytes;
}

/// Which hashes there are, as bits.
static unsigned hashes_of(const crypto_esp_work *works, size_t count)
{
    unsigned present = 0;
    for (size_t i = 0; i < count; i++) present |= 1u << works[i].suite.hash;
    return present;
}

static void check(const crypto_mb_esp *batch, size_t count)
{
    if (count > batch->capacity) abort();
}

static void gmac(IMB_MGR *manager, const crypto_esp_work *work, uint8_t *tag)
{
    uint8_t nonce[12], header[12];
    nonce_of(work, nonce);
    if (!work->suite.esn) {
        crypto_mb_gcm(manager, 1, work->suite.key_bytes, work->key, nonce, nonce, 0, nonce, work->esp,
                      work->suite.prefix_bytes + work->bytes, tag);
        return;
    }
    header_of(work, header);
    crypto_mb_gmac(manager, work->suite.key_bytes, work->key, nonce, header, sizeof header, work->esp + 8,
                   work->suite.prefix_bytes - 8 + work->bytes, tag);
}

/// AES-GCM with ESN, whole; without it has its own way.
static void gcm(IMB_MGR *manager, const crypto_esp_work *work, int encrypt, uint8_t *tag)
{
    uint8_t nonce[12], header[12], *text = text_of(work);
    nonce_of(work, nonce);
    size_t header_bytes = header_of(work, header);
    crypto_mb_gcm(manager, encrypt, work->suite.key_bytes, work->key, text, text, work->bytes, nonce, header, header_bytes,
                  tag);
}

// -- ChaCha20-Poly1305 (RFC 7634, RFC 8439)

/// Poly1305 wants AAD, ciphertext and lengths, each padded to 16 bytes: all but the padding lie in the packet in that
/// order, so it is written there for the time of one call, as for GHASH (MultiBufferCiphers+Unsafe.swift). AAD with ESN has
/// 12 bytes, which reach into the IV's place.
static void poly1305(IMB_MGR *manager, crypto_esp_work *work, const uint8_t *one_time_key, uint8_t *tag)
{
    uint8_t *end = text_of(work) + work->bytes, start[16], header[16] = {0}, tail[32];
    size_t padding = -(size_t)work->bytes & 15;
    uint64_t lengths[2] = {header_of(work, header), work->bytes}; // little-endian, as x86-64 is
    memcpy(start, work->esp, 16);
    memcpy(tail, end, 32);
    memcpy(work->esp, header, 16);
    memset(end, 0, 16);
    memcpy(end + padding, lengths, 16);
    IMB_JOB *job = IMB_GET_NEXT_JOB(manager);
    *job = (IMB_JOB){
        .src = work->esp,
        .msg_len_to_hash_in_bytes = 16 + work->bytes + padding + 16,
        .auth_tag_output = tag,
        .auth_tag_output_len_in_bytes = 16,
        .u.POLY1305 = {one_time_key},
        .cipher_mode = IMB_CIPHER_NULL,
        .hash_alg = IMB_AUTH_POLY1305,
        .chain_order = IMB_ORDER_HASH_CIPHER,
    };
    (void)IMB_SUBMIT_JOB_NOCHECK(manager);
    while (IMB_FLUSH_JOB(manager)) {}
    memcpy(work->esp, start, 16);
    memcpy(end, tail, 32);
}

/// Block 0 of the key stream is Poly1305's key, block 1 is the plaintext's first.
static void chacha_peek(IMB_MGR *manager, crypto_esp_work *work, esp_slot *slot, int verifying)
{
    struct chacha20_poly1305_context_data context;
    const esp_keys *keys = work->key;
    uint8_t nonce[12], *text = text_of(work);
    uint32_t head = work->bytes < work->head_bytes ? work->bytes : work->head_bytes;
    nonce_of(work, nonce);
    IMB_CHACHA20_POLY1305_INIT(manager, keys->encrypt, &context, nonce, work->esp, 8);
    work->authentic = 0;
    if (verifying) {
        poly1305(manager, work, context.poly_key, slot->code);
        work->authentic = equal(slot->code, text + work->bytes, 16);
    }
    // What the context hashes meanwhile nobody asks for.
    IMB_CHACHA20_POLY1305_DEC_UPDATE(manager, keys->encrypt, &context, work->head, text, head);
    const uint8_t *last = work->head + head;
    if (head < work->bytes) {
        uint32_t start = (work->bytes - 2) / 64 * 64;
        uint8_t rest[128];
        context.last_block_count = start / 64;
        context.remain_ks_bytes = 0;
        context.remain_ct_bytes = 0;
        IMB_CHACHA20_POLY1305_DEC_UPDATE(manager, keys->encrypt, &context, rest, text + start, work->bytes - start);
        memcpy(slot->last, rest + work->bytes - start - 2, 2);
        last = slot->last + 2;
    }
    work->pad = last[-2];
    work->next = last[-1];
    explicit_bzero(&context, sizeof context);
}

static void chacha(IMB_MGR *manager, const crypto_esp_work *work, int encrypt, uint8_t *tag)
{
    struct chacha20_poly1305_context_data context;
    const esp_keys *keys = work->key;
    uint8_t nonce[12], header[12], *text = text_of(work);
    nonce_of(work, nonce);
    size_t header_bytes = header_of(work, header);
    IMB_CHACHA20_POLY1305_INIT(manager, keys->encrypt, &context, nonce, header, header_bytes);
    if (encrypt) {
        IMB_CHACHA20_POLY1305_ENC_UPDATE(manager, keys->encrypt, &context, text, text, work->bytes);
        IMB_CHACHA20_POLY1305_ENC_FINALIZE(manager, &context, tag, 16);
    } else {
        IMB_CHACHA20_POLY1305_DEC_UPDATE(manager, keys->encrypt, &context, text, text, work->bytes);
        IMB_CHACHA20_POLY1305_DEC_FINALIZE(manager, &context, tag, 16);
    }
    explicit_bzero(&context, sizeof context);
}

// -- Batches

void crypto_mb_esp_peek(IMB_MGR *manager, crypto_mb_esp *batch, crypto_esp_work *works, size_t count, int verifying)
{
    check(batch, count);
    if (verifying) run_hmacs(manager, batch, works, count, hashes_of(works, count));
    for (int burst = 0; burst < burst_count; burst++) {
        uint32_t jobs = 0;
        for (size_t i = 0; i < count; i++) {
            crypto_esp_work *work = &works[i];
            if (!is_of(work, burst)) continue;
            esp_slot *slot = &batch->slots[i];
            uint8_t *text = text_of(work);
            uint32_t head = work->bytes < work->head_bytes ? work->bytes : work->head_bytes;
            uint32_t last = (work->bytes - 1) / 16 * 16;
            if (work->suite.cipher == esp_cbc) {
                add_run(batch, &jobs, work, 0, work->esp + 8, 16, text, work->head, head);
                if (head < work->bytes) add_run(batch, &jobs, work, 0, text + last - 16, 16, text + last, slot->last, 16);
                continue;
            }
            nonce_of(work, slot->counter);
            add_run(batch, &jobs, work, 1, slot->counter, 12, text, work->head, head);
            if (head < work->bytes) {
                uint32_t block = __builtin_bswap32(1 + last / 16);
                nonce_of(work, slot->last_counter);
                memcpy(slot->last_counter + 12, &block, 4);
                add_run(batch, &jobs, work, 1, slot->last_counter, 16, text + last, slot->last, work->bytes - last);
            }
        }
        run_ciphers(manager, batch, jobs, bursts[burst].cipher, bursts[burst].key_bytes, 0);
    }
    for (size_t i = 0; i < count; i++) {
        crypto_esp_work *work = &works[i];
        esp_slot *slot = &batch->slots[i];
        const uint8_t *text = text_of(work);
        if (work->suite.cipher == esp_chacha20_poly1305) {
            chacha_peek(manager, work, slot, verifying);
            continue;
        }
        uint32_t head = work->bytes < work->head_bytes ? work->bytes : work->head_bytes;
        const uint8_t *end = text + work->bytes;
        if (work->suite.cipher == esp_null || work->suite.cipher == esp_gmac) {
            memcpy(work->head, text, head);
        } else if (head < work->bytes) {
            end = slot->last + (work->bytes - 1) % 16 + 1;
        } else {
            end = work->head + head;
        }
        if (verifying && work->suite.cipher == esp_gmac) gmac(manager, work, slot->code);
        work->authentic = verifying && equal(slot->code, text + work->bytes, work->suite.icv_bytes);
        work->pad = end[-2];
        work->next = end[-1];
    }
}

void crypto_mb_esp_open(IMB_MGR *manager, crypto_mb_esp *batch, crypto_esp_work *works, size_t count)
{
    check(batch, count);
    run_hmacs(manager, batch, works, count, hashes_of(works, count));
    for (int burst = 0; burst < burst_count; burst++) {
        uint32_t jobs = 0;
        for (size_t i = 0; i < count; i++) {
            crypto_esp_work *work = &works[i];
            if (!is_of(work, burst)) continue;
            uint8_t *text = text_of(work), *iv = batch->slots[i].counter;
            if (work->suite.cipher == esp_cbc) {
                add_run(batch, &jobs, work, 0, work->esp + 8, 16, text, text, work->bytes);
            } else {
                nonce_of(work, iv);
                add_run(batch, &jobs, work, 1, iv, 12, text, text, work->bytes);
            }
        }
        run_ciphers(manager, batch, jobs, bursts[burst].cipher, bursts[burst].key_bytes, 0);
    }
    for (size_t i = 0; i < count; i++) {
        crypto_esp_work *work = &works[i];
        uint8_t *end = text_of(work) + work->bytes, *code = batch->slots[i].code;
        if (work->suite.cipher == esp_chacha20_poly1305) chacha(manager, work, 0, code);
        if (work->suite.cipher == esp_gcm) gcm(manager, work, 0, code);
        if (work->suite.cipher == esp_gmac) gmac(manager, work, code);
        work->authentic = equal(code, end, work->suite.icv_bytes);
        work->pad = end[-2];
        work->next = end[-1];
    }
}

void crypto_mb_esp_seal(IMB_MGR *manager, crypto_mb_esp *batch, crypto_esp_work *works, size_t count)
{
    check(batch, count);
    static const uint8_t zero[16];
    for (int burst = 0; burst < burst_count; burst++) {
        uint32_t jobs = 0;
        if (bursts[burst].cipher == esp_cbc) {
            // Numbers become IVs: one block each, under the key that is for that.
            for (size_t i = 0; i < count; i++) {
                if (!is_of(&works[i], burst)) continue;
                uint8_t *iv = works[i].esp + 8;
                add_run(batch, &jobs, &works[i], 1, zero, 16, iv, iv, 16);
                batch->jobs[jobs - 1].enc_keys = ((const esp_keys *)works[i].key)->iv;
            }
            run_ciphers(manager, batch, jobs, esp_cbc, bursts[burst].key_bytes, 1);
            jobs = 0;
        }
        for (size_t i = 0; i < count; i++) {
            crypto_esp_work *work = &works[i];
            if (!is_of(work, burst)) continue;
            uint8_t *text = text_of(work), *counter = batch->slots[i].counter;
            int is_cbc = work->suite.cipher == esp_cbc;
            if (!is_cbc) nonce_of(work, counter);
            add_run(batch, &jobs, work, 1, is_cbc ? work->esp + 8 : counter, is_cbc ? 16 : 12, text, text, work->bytes);
        }
        run_ciphers(manager, batch, jobs, bursts[burst].cipher, bursts[burst].key_bytes, 1);
    }
    run_hmacs(manager, batch, works, count, hashes_of(works, count));
    for (size_t i = 0; i < count; i++) {
        const crypto_esp_work *work = &works[i];
        uint8_t *end = text_of(work) + work->bytes, *code = batch->slots[i].code;
        if (work->suite.cipher == esp_chacha20_poly1305) chacha(manager, work, 1, code);
        if (work->suite.cipher == esp_gcm) gcm(manager, work, 1, code);
        if (work->suite.cipher == esp_gmac) gmac(manager, work, code);
        memcpy(end, code, work->suite.icv_bytes);
    }
}

#else

int crypto_mb_esp_expand(IMB_MGR *m, const crypto_esp_suite *s, const void *k, const void *a, size_t n, void *e)
{
    (void)m; (void)s; (void)k; (void)a; (void)n; (void)e;
    abort();
}
crypto_mb_esp *crypto_mb_esp_new(size_t capacity) { (void)capacity; return NULL; }
void crypto_mb_esp_free(crypto_mb_esp *batch) { (void)batch; abort(); }
void crypto_mb_esp_peek(IMB_MGR *m, crypto_mb_esp *b, crypto_esp_work *w, size_t n, int v)
{
    (void)m; (void)b; (void)w; (void)n; (void)v;
    abort();
}
void crypto_mb_esp_open(IMB_MGR *m, crypto_mb_esp *b, crypto_esp_work *w, size_t n) { crypto_mb_esp_peek(m, b, w, n, 1); }
void crypto_mb_esp_seal(IMB_MGR *m, crypto_mb_esp *b, crypto_esp_work *w, size_t n) { crypto_mb_esp_peek(m, b, w, n, 1); }

#endif
