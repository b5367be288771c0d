#include "CCryptoIKE.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

// Looking an algorithm up by name costs more than using it: one context for each hash is kept, and copied.
static EVP_MAC_CTX *templates[4];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_templates(void)
{
    static char *const names[4] = {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!hmac) return;
    for (int i = 0; i < 4; i++) {
        OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, names[i], 0), OSSL_PARAM_END};
        EVP_MAC_CTX *made = EVP_MAC_CTX_new(hmac);
        // Only a context that has a key can be copied; this one is replaced before use.
        if (made && EVP_MAC_init(made, (const unsigned char *)"", 1, parameters) == 1) templates[i] = made;
        else EVP_MAC_CTX_free(made);
    }
    EVP_MAC_free(hmac);
}

ike_mac *ike_mac_new(int hash, const void *key, size_t key_bytes)
{
    pthread_once(&once, make_templates);
    if (hash < 0 || hash > 3 || !templates[hash]) return NULL;
    EVP_MAC_CTX *made = EVP_MAC_CTX_dup(templates[hash]);
    if (made && EVP_MAC_init(made, key, key_bytes, NULL) == 1) return made;
    EVP_MAC_CTX_free(made);
    return NULL;
}

void ike_mac_free(ike_mac *mac) { EVP_MAC_CTX_free(mac); }

int ike_mac_update(ike_mac *mac, const void *bytes, size_t count)
{
    return count == 0 || EVP_MAC_update(mac, bytes, count) == 1;
}

int ike_mac_finish(ike_mac *mac, void *code, size_t capacity)
{
    size_t count;
    return EVP_MAC_final(mac, code, &count, capacity) == 1 && EVP_MAC_init(mac, NULL, 0, NULL) == 1;
}

int ike_equal(const void *a, const void *b, size_t count) { return CRYPTO_memcmp(a, b, count) == 0; }

int ike_random(void *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        ssize_t got = getrandom((char *)bytes + done, count - done, 0);
        if (got < 0 && errno != EINTR) return 0;
        if (got > 0) done += (size_t)got;
    }
    return 1;
}
