#include "CCrypto.h"

#include <dlfcn.h>
#include <stdlib.h>

#if CRYPTO_HAS_MULTI_BUFFER

_Static_assert(sizeof(struct gcm_key_data) <= crypto_mb_key_bytes, "an expanded key fits its room");

// Linking against the library would make a machine without it unable to start; it is looked for instead.
static struct {
    IMB_MGR *(*allocate)(uint64_t);
    void (*release)(IMB_MGR *);
    void (*init)(IMB_MGR *, IMB_ARCH *);
} library;

static int load_library(void)
{
    static int state; // 0 not tried, 1 there, -1 not
    if (state) return state > 0;
    state = -1;
    void *handle = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!handle) return 0;
    unsigned (*version)(void) = (unsigned (*)(void))dlsym(handle, "imb_get_version");
    *(void **)&library.allocate = dlsym(handle, "alloc_mb_mgr");
    *(void **)&library.release = dlsym(handle, "free_mb_mgr");
    *(void **)&library.init = dlsym(handle, "init_mb_mgr_auto");
    // The manager's layout belongs to a version: calls go through its function pointers.
    if (!version || version() != IMB_VERSION_NUM || !library.allocate || !library.release || !library.init) return 0;
    state = 1;
    return 1;
}

IMB_MGR *crypto_mb_open(void)
{
    const char *provider = getenv("VIADUCT_CIPHERS"); // for tests and comparisons: "openssl" leaves the library alone
    if ((provider && provider[0] == 'o') || !load_library()) return NULL;
    IMB_MGR *manager = library.allocate(0);
    if (!manager) return NULL;
    IMB_ARCH path;
    library.init(manager, &path);
    // The library's C fallback without AES instructions is slower than OpenSSL and not constant time.
    if (manager->features & IMB_FEATURE_AESNI) return manager;
    library.release(manager);
    return NULL;
}

void crypto_mb_close(IMB_MGR *manager) { library.release(manager); }

const char *crypto_mb_version(void) { return IMB_VERSION_STR; }

const char *crypto_mb_path(const IMB_MGR *manager)
{
    uint64_t has = manager->features;
    if ((has & IMB_FEATURE_AVX512_SKX) == IMB_FEATURE_AVX512_SKX) return (has & IMB_FEATURE_VAES) ? "VAES" : "AVX512";
    if (has & IMB_FEATURE_AVX2) return "AVX2";
    return (has & IMB_FEATURE_AVX) ? "AVX" : "SSE";
}

void crypto_mb_expand(IMB_MGR *manager, const void *key, size_t key_bytes, void *expanded)
{
    if (key_bytes == 16) IMB_AES128_GCM_PRE(manager, key, (struct gcm_key_data *)expanded);
    else if (key_bytes == 24) IMB_AES192_GCM_PRE(manager, key, (struct gcm_key_data *)expanded);
    else IMB_AES256_GCM_PRE(manager, key, (struct gcm_key_data *)expanded);
}

#else

IMB_MGR *crypto_mb_open(void) { return NULL; }
void crypto_mb_close(IMB_MGR *manager) { (void)manager; abort(); }
const char *crypto_mb_version(void) { return "none"; }
const char *crypto_mb_path(const IMB_MGR *manager) { (void)manager; return "none"; }
void crypto_mb_expand(IMB_MGR *manager, const void *key, size_t key_bytes, void *expanded)
{
    (void)manager; (void)key; (void)key_bytes; (void)expanded;
    abort();
}

#endif
