#include "twin.h"
#include <stdlib.h>

struct twin_bare {
    struct gcm_key_data key;
    struct gcm_context_data context;
    IMB_MGR *mb;
    IMB_JOB jobs[2 * TWIN_BATCH];
    uint8_t nonces[2 * TWIN_BATCH][16], heads[TWIN_BATCH][128], tags[TWIN_BATCH][16];
    uint8_t salt[4];
};

enum { ESP_AND_IV = 16, SHORT_HEAD = 48, LONG_HEAD = 112 };

struct twin_bare *twin_bare_create(const uint8_t key[16], const uint8_t salt[4])
{
    struct twin_bare *bare = NULL;
    if (posix_memalign((void **)&bare, LINE, sizeof *bare) != 0) return NULL;
    memset(bare, 0, sizeof *bare);
    bare->mb = alloc_mb_mgr(0);
    init_mb_mgr_auto(bare->mb, NULL);
    memcpy(bare->salt, salt, 4);
    IMB_AES128_GCM_PRE(bare->mb, key, &bare->key);
    for (int i = 0; i < 2 * TWIN_BATCH; i++) {
        IMB_JOB *job = &bare->jobs[i];
        job->cipher_mode = IMB_CIPHER_CNTR;
        job->cipher_direction = IMB_DIR_DECRYPT;
        job->hash_alg = IMB_AUTH_NULL;
        job->chain_order = IMB_ORDER_HASH_CIPHER;
        job->key_len_in_bytes = 16;
        job->enc_keys = job->dec_keys = bare->key.expanded_keys;
        job->iv = bare->nonces[i];
    }
    return bare;
}

void twin_bare_destroy(struct twin_bare *bare)
{
    free_mb_mgr(bare->mb);
    free(bare);
}

void twin_bare_gcm(struct twin_bare *bare, bool encrypt, uint8_t *memory, const int64_t *starts, size_t count,
                   size_t text_bytes)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *esp = memory + starts[i], *text = esp + ESP_AND_IV;
        memcpy(bare->nonces[i], bare->salt, 4);
        memcpy(bare->nonces[i] + 4, esp + 8, 8);
        if (encrypt)
            IMB_AES128_GCM_ENC(bare->mb, &bare->key, &bare->context, text, text, text_bytes, bare->nonces[i], esp, 8,
                               text + text_bytes, 16);
        else
            IMB_AES128_GCM_DEC(bare->mb, &bare->key, &bare->context, text, text, text_bytes, bare->nonces[i], esp, 8,
                               bare->tags[i], 16);
    }
}

void twin_bare_verify(struct twin_bare *bare, uint8_t *memory, const int64_t *starts, size_t count, size_t text_bytes)
{
    uint32_t jobs = 0;
    bool all = text_bytes <= LONG_HEAD;
    for (size_t i = 0; i < count; i++) {
        uint8_t *esp = memory + starts[i];
        IMB_JOB *job = &bare->jobs[jobs];
        memcpy(bare->nonces[jobs], bare->salt, 4);
        memcpy(bare->nonces[jobs++] + 4, esp + 8, 8);
        job->src = esp;
        job->dst = bare->heads[i];
        job->msg_len_to_cipher_in_bytes = 16 + (all ? text_bytes : SHORT_HEAD);
        job->iv_len_in_bytes = 12;
        if (all) continue;
        uint32_t block = (uint32_t)(text_bytes - 1) / 16;
        job = &bare->jobs[jobs];
        memcpy(bare->nonces[jobs], bare->salt, 4);
        memcpy(bare->nonces[jobs] + 4, esp + 8, 8);
        store32(bare->nonces[jobs++] + 12, 2 + block);
        job->src = esp + ESP_AND_IV + 16 * block;
        job->dst = bare->heads[i] + 64;
        job->msg_len_to_cipher_in_bytes = text_bytes - 16 * block;
        job->iv_len_in_bytes = 16;
    }
    IMB_SUBMIT_CIPHER_BURST_NOCHECK(bare->mb, bare->jobs, jobs, IMB_CIPHER_CNTR, IMB_DIR_DECRYPT, IMB_KEY_128_BYTES);
    size_t hashed = ESP_AND_IV + ((text_bytes + 15) & ~(size_t)15) + 16;
    for (size_t i = 0; i < count; i++)
        IMB_GHASH(bare->mb, &bare->key, memory + starts[i], hashed, bare->tags[i], 16);
}
