#include "twin.h"
#include <stdlib.h>

struct twin_sealer {
    struct gcm_key_data key;
    struct gcm_context_data context;
    uint32_t key_bytes;
};

/// One for all of them: it is large, and nobody seals with two at a time.
static IMB_MGR *mb;

struct twin_sealer *twin_sealer_create(const uint8_t *key, uint32_t key_bytes)
{
    struct twin_sealer *sealer = NULL;
    if (posix_memalign((void **)&sealer, LINE, sizeof *sealer) != 0) return NULL;
    if (!mb) init_mb_mgr_auto(mb = alloc_mb_mgr(0), NULL);
    sealer->key_bytes = key_bytes;
    if (key_bytes == 32)
        IMB_AES256_GCM_PRE(mb, key, &sealer->key);
    else
        IMB_AES128_GCM_PRE(mb, key, &sealer->key);
    return sealer;
}

void twin_sealer_destroy(struct twin_sealer *sealer)
{
    free(sealer);
}

void twin_seal(struct twin_sealer *sealer, const uint8_t nonce[12], const uint8_t *aad, size_t aad_bytes, uint8_t *text,
               size_t text_bytes, uint8_t icv[16])
{
    if (sealer->key_bytes == 32)
        IMB_AES256_GCM_ENC(mb, &sealer->key, &sealer->context, text, text, text_bytes, nonce, aad, aad_bytes,
                           icv, 16);
    else
        IMB_AES128_GCM_ENC(mb, &sealer->key, &sealer->context, text, text, text_bytes, nonce, aad, aad_bytes,
                           icv, 16);
}
