#include "CCryptoIKE.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

/// No passphrase: without this OpenSSL would ask on the terminal.
static int refuse(char *buffer, int size, int writing, void *user)
{
    (void)buffer; (void)size; (void)writing; (void)user;
    return -1;
}

ike_key *ike_private_key(const void *bytes, size_t count)
{
    if (count == 0 || count > INT_MAX) return NULL;
    EVP_PKEY *made = NULL;
    const unsigned char *at = bytes;
    // Only DER begins with a SEQUENCE's tag; PEM is text.
    if (*at == 0x30) {
        made = d2i_AutoPrivateKey(NULL, &at, (long)count);
        if (made && at != (const unsigned char *)bytes + count) {
            EVP_PKEY_free(made);
            made = NULL;
        }
    } else {
        BIO *text = BIO_new_mem_buf(bytes, (int)count);
        if (text) made = PEM_read_bio_PrivateKey(text, NULL, refuse, NULL);
        BIO_free(text);
    }
    if (!made) ERR_clear_error();
    return made;
}

// The usual public keys, in the only form that DER has for them: RFC 5480 with a named curve and a whole point, RFC 8410. A peer's
// key is read in every handshake, and OpenSSL's own decoder takes longer for that than for the signature.
static const struct {
    const char *type, *group;
    size_t bytes, head_bytes;
    unsigned char head[27];
} key_forms[] = {
    {"EC", "P-256", 91, 27, {0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                             3, 1, 7, 3, 0x42, 0, 4}},
    {"EC", "P-384", 120, 24, {0x30, 0x76, 0x30, 0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x22, 3,
                              0x62, 0, 4}},
    {"EC", "P-521", 158, 26, {0x30, 0x81, 0x9b, 0x30, 0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x23,
                              3, 0x81, 0x86, 0, 4}},
    {"ED25519", NULL, 44, 12, {0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0}},
};

static EVP_PKEY *point_key(const char *group, const unsigned char *point, size_t bytes)
{
    EVP_PKEY *made = NULL;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, bytes), OSSL_PARAM_END};
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (c && EVP_PKEY_fromdata_init(c) == 1 && EVP_PKEY_fromdata(c, &made, EVP_PKEY_PUBLIC_KEY, parameters) != 1) made = NULL;
    EVP_PKEY_CTX_free(c);
    return made;
}

/// RSA of 256 bytes and more, rsaEncryption with NULL (RFC 4055): the lengths are of two octets each.
static EVP_PKEY *rsa_key(const unsigned char *bytes, size_t count)
{
    static const unsigned char algorithm[] = {0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0};
    if (count < 4 + sizeof algorithm + 5 + 256 || count - 4 > 0xFFFF) return NULL;
    const unsigned char *at = bytes + 4 + sizeof algorithm + 5;
    size_t whole = count - 4, inner = whole - sizeof algorithm - 4;
    if (memcmp(bytes + 4, algorithm, sizeof algorithm) ||
        bytes[0] != 0x30 || bytes[1] != 0x82 || bytes[2] != whole >> 8 || bytes[3] != (whole & 0xFF) || at[-5] != 3 ||
        at[-4] != 0x82 || at[-3] != inner >> 8 || at[-2] != (inner & 0xFF) || at[-1] != 0)
        return NULL;
    EVP_PKEY *made = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)(inner - 1));
    if (made && at == bytes + count) return made;
    EVP_PKEY_free(made);
    return NULL;
}

/// NULL for what is none of these, or wrong: the decoder has the last word.
static EVP_PKEY *usual_key(const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < sizeof key_forms / sizeof *key_forms; i++) {
        size_t head = key_forms[i].head_bytes;
        if (count != key_forms[i].bytes || memcmp(bytes, key_forms[i].head, head)) continue;
        // A point begins by the octet that says it is whole.
        if (key_forms[i].group) return point_key(key_forms[i].group, bytes + head - 1, count - head + 1);
        return EVP_PKEY_new_raw_public_key_ex(NULL, key_forms[i].type, NULL, bytes + head, count - head);
    }
    return rsa_key(bytes, count);
}

ike_key *ike_public_key(const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    EVP_PKEY *made = usual_key(bytes, count);
    if (!made && count <= INT_MAX) {
        made = d2i_PUBKEY(NULL, &at, (long)count);
        if (made && at != (const unsigned char *)bytes + count) {
            EVP_PKEY_free(made);
            made = NULL;
        }
    }
    if (!made) ERR_clear_error();
    return made;
}

int ike_key_kind(const ike_key *key)
{
    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) return ike_key_rsa;
    if (EVP_PKEY_is_a(key, "ED25519")) return ike_key_ed25519;
    char name[64];
    size_t count;
    int is_explicit = 1;
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, name, sizeof name, &count) != 1 ||
        EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) != 1 || is_explicit)
        return ike_key_other;
    if (!strcmp(name, "prime256v1") || !strcmp(name, "P-256")) return ike_key_p256;
    if (!strcmp(name, "secp384r1") || !strcmp(name, "P-384")) return ike_key_p384;
    if (!strcmp(name, "secp521r1") || !strcmp(name, "P-521")) return ike_key_p521;
    return ike_key_other;
}

int ike_key_bits(const ike_key *key) { return EVP_PKEY_get_bits(key); }

size_t ike_key_info(const ike_key *key, void *info, size_t capacity)
{
    unsigned char *encoded = NULL;
    int count = i2d_PUBKEY((EVP_PKEY *)key, &encoded);
    if (count > 0 && info && (size_t)count <= capacity) memcpy(info, encoded, (size_t)count);
    OPENSSL_free(encoded);
    return count > 0 ? (size_t)count : 0;
}

static const char *const hash_names[] = {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"};

static int start(EVP_MD_CTX *c, const ike_key *key, int hash, int pss,
                 int (*begin)(EVP_MD_CTX *, EVP_PKEY_CTX **, const char *, OSSL_LIB_CTX *, const char *, EVP_PKEY *,
                              const OSSL_PARAM *))
{
    EVP_PKEY_CTX *inner = NULL;
    if (hash > 3) return 0;
    if (begin(c, &inner, hash < 0 ? NULL : hash_names[hash], NULL, NULL, (EVP_PKEY *)key, NULL) != 1) return 0;
    if (ike_key_kind(key) != ike_key_rsa) return !pss;
    if (EVP_PKEY_CTX_set_rsa_padding(inner, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) != 1) return 0;
    return !pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_DIGEST) == 1;
}

int ike_sign(const ike_key *key, int hash, int pss, const void *message, size_t message_bytes, void *signature,
             size_t *bytes)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    int ok = c && start(c, key, hash, pss, EVP_DigestSignInit_ex) &&
             EVP_DigestSign(c, signature, bytes, message, message_bytes) == 1;
    EVP_MD_CTX_free(c);
    if (!ok) ERR_clear_error();
    return ok;
}

size_t ike_signature_capacity(const ike_key *key)
{
    int count = EVP_PKEY_get_size(key);
    return count > 0 ? (size_t)count : 0;
}

int ike_verify(const ike_key *key, int hash, int pss, const void *message, size_t message_bytes, const void *signature,
               size_t bytes)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    int ok = c && start(c, key, hash, pss, EVP_DigestVerifyInit_ex) &&
             EVP_DigestVerify(c, signature, bytes, message, message_bytes) == 1;
    EVP_MD_CTX_free(c);
    if (!ok) ERR_clear_error();
    return ok;
}

size_t ike_ecdsa_from_halves(const void *halves, size_t half_bytes, void *der, size_t capacity)
{
    const unsigned char *at = halves;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(at, (int)half_bytes, NULL), *s = BN_bin2bn(at + half_bytes, (int)half_bytes, NULL);
    int count = 0;
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        // They are the pair's now.
        r = s = NULL;
        unsigned char *to = der;
        count = i2d_ECDSA_SIG(pair, NULL);
        count = count > 0 && (size_t)count <= capacity ? i2d_ECDSA_SIG(pair, &to) : 0;
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return count > 0 ? (size_t)count : 0;
}

int ike_ecdsa_to_halves(const void *der, size_t der_bytes, void *halves, size_t half_bytes)
{
    const unsigned char *at = der;
    unsigned char *to = halves;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der_bytes);
    int ok = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), to, (int)half_bytes) >= 0 &&
             BN_bn2binpad(ECDSA_SIG_get0_s(pair), to + half_bytes, (int)half_bytes) >= 0;
    ECDSA_SIG_free(pair);
    return ok;
}
