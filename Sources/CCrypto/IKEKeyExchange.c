#include "CCryptoIKE.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

struct group {
    int number;
    const char *type, *name;
    size_t public_bytes;
};

static const struct group groups[] = {
    {14, "DH", "modp_2048", 256}, {15, "DH", "modp_3072", 384}, {16, "DH", "modp_4096", 512}, {19, "EC", "P-256", 64},
    {20, "EC", "P-384", 96},      {21, "EC", "P-521", 132},     {31, "X25519", NULL, 32},
};

static const struct group *find(int number)
{
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (groups[i].number == number) return &groups[i];
    return NULL;
}

void ike_key_free(ike_key *key) { EVP_PKEY_free(key); }

/// A key from its halves, each of which may be missing: the public one as octets (EC) or as a number (DH).
static EVP_PKEY *assemble(const struct group *group, BIGNUM *private_key, BIGNUM *public_number,
                          const unsigned char *point, size_t point_bytes)
{
    EVP_PKEY *made = NULL;
    OSSL_PARAM *parameters = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, group->type, NULL);
    if (builder && c && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group->name, 0) == 1 &&
        (!private_key || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, private_key) == 1) &&
        (!public_number || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PUB_KEY, public_number) == 1) &&
        (!point || OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, point_bytes) == 1) &&
        (parameters = OSSL_PARAM_BLD_to_param(builder)) && EVP_PKEY_fromdata_init(c) == 1 &&
        EVP_PKEY_fromdata(c, &made, private_key ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        made = NULL;
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(c);
    return made;
}

static int derive(const EVP_PKEY *key, EVP_PKEY *peer, int is_modp, void *secret, size_t bytes)
{
    size_t count = 0;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, (EVP_PKEY *)key, NULL);
    // The peer's half is not validated a second time here: a point was found on its curve when it was read, a number's
    // range was checked, X25519 refuses an all-zero result. The full check of a number would double the cost.
    int ok = c && EVP_PKEY_derive_init(c) == 1 && (!is_modp || EVP_PKEY_CTX_set_dh_pad(c, 1) == 1) &&
             EVP_PKEY_derive_set_peer_ex(c, peer, 0) == 1 && EVP_PKEY_derive(c, NULL, &count) == 1 && count == bytes &&
             EVP_PKEY_derive(c, secret, &count) == 1 && count == bytes;
    EVP_PKEY_CTX_free(c);
    return ok;
}

/// Whether 1 < y < p - 1 (RFC 6989 §2.1): for these groups, where (p - 1) / 2 is prime, the quick check is all of that.
static int is_in_range(EVP_PKEY *peer)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
    int ok = c && EVP_PKEY_public_check_quick(c) == 1;
    EVP_PKEY_CTX_free(c);
    return ok;
}

/// The group's generator to the private key's power, where that is what the exchange itself computes.
static BIGNUM *public_number(const struct group *group, BIGNUM *private_key)
{
    unsigned char number[512];
    BIGNUM *two = BN_new(), *result = NULL;
    EVP_PKEY *peer = NULL, *half = assemble(group, private_key, NULL, NULL, 0);
    if (two && BN_set_word(two, 2) == 1) peer = assemble(group, NULL, two, NULL, 0);
    if (half && peer && derive(half, peer, 1, number, group->public_bytes))
        result = BN_bin2bn(number, (int)group->public_bytes, NULL);
    EVP_PKEY_free(half);
    EVP_PKEY_free(peer);
    BN_free(two);
    return result;
}

static EVP_PKEY *import_point(const struct group *group, BIGNUM *private_key)
{
    unsigned char point[133];
    size_t count = 0;
    EVP_PKEY *made = NULL;
    EC_GROUP *curve = EC_GROUP_new_by_curve_name(EC_curve_nist2nid(group->name));
    EC_POINT *product = curve ? EC_POINT_new(curve) : NULL;
    if (product && BN_cmp(private_key, EC_GROUP_get0_order(curve)) < 0 &&
        EC_POINT_mul(curve, product, private_key, NULL, NULL, NULL) == 1)
        count = EC_POINT_point2oct(curve, product, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL);
    if (count) made = assemble(group, private_key, NULL, point, count);
    EC_POINT_free(product);
    EC_GROUP_free(curve);
    return made;
}

ike_key *ike_group_import(int number, const void *private_key, size_t bytes)
{
    const struct group *group = find(number);
    if (!group || bytes > group->public_bytes) return NULL;
    if (!group->name) return EVP_PKEY_new_raw_private_key_ex(NULL, group->type, NULL, private_key, bytes);
    EVP_PKEY *made = NULL;
    BIGNUM *power = BN_secure_new(), *open = NULL;
    if (power && BN_bin2bn(private_key, (int)bytes, power) && !BN_is_zero(power)) {
        BN_set_flags(power, BN_FLG_CONSTTIME);
        if (!strcmp(group->type, "EC")) made = import_point(group, power);
        else if ((open = public_number(group, power))) made = assemble(group, power, open, NULL, 0);
    }
    BN_clear_free(power);
    BN_free(open);
    if (!made) ERR_clear_error();
    return made;
}

int ike_group_public(const ike_key *key, int number, void *public_key, size_t bytes)
{
    const struct group *group = find(number);
    unsigned char *encoded = NULL;
    size_t count = EVP_PKEY_get1_encoded_public_key((EVP_PKEY *)key, &encoded);
    // A point is x || y in IKEv2 (RFC 5903 §7), without the octet that says it is not compressed.
    size_t skipped = group && !strcmp(group->type, "EC");
    int ok = group && count == group->public_bytes + skipped && bytes == group->public_bytes;
    if (ok) memcpy(public_key, encoded + skipped, bytes);
    OPENSSL_free(encoded);
    return ok;
}

int ike_group_agree(const ike_key *key, int number, const void *peer, size_t peer_bytes, void *secret,
                    size_t secret_bytes)
{
    const struct group *group = find(number);
    if (!group || peer_bytes != group->public_bytes) return 0;
    EVP_PKEY *other = NULL;
    int is_modp = !strcmp(group->type, "DH");
    if (!group->name) {
        other = EVP_PKEY_new_raw_public_key_ex(NULL, group->type, NULL, peer, peer_bytes);
    } else if (is_modp) {
        BIGNUM *value = BN_bin2bn(peer, (int)peer_bytes, NULL);
        if (value) other = assemble(group, NULL, value, NULL, 0);
        BN_free(value);
    } else {
        unsigned char point[133] = {POINT_CONVERSION_UNCOMPRESSED};
        memcpy(point + 1, peer, peer_bytes);
        other = assemble(group, NULL, NULL, point, peer_bytes + 1);
    }
    int ok = other && (!is_modp || is_in_range(other)) && derive(key, other, is_modp, secret, secret_bytes);
    EVP_PKEY_free(other);
    if (!ok) ERR_clear_error();
    return ok;
}
