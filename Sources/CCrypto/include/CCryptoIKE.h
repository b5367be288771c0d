// The thin surface over OpenSSL 3.0's EVP for IKEv2: HMAC, AEAD, CBC, key exchange, signatures, randomness. No algorithm
// of ours. Every call may be made from any thread; an object may be read by several at once, but an ike_mac has one user.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Hash functions.
enum { ike_sha1 = 0, ike_sha256 = 1, ike_sha384 = 2, ike_sha512 = 3, ike_no_hash = -1 };

// -- HMAC (IKEHash.c)

/// HMAC under one key, for one message after another.
typedef struct evp_mac_ctx_st ike_mac;

/// NULL when memory is short. The key may be of any length.
ike_mac *_Nullable ike_mac_new(int hash, const void *_Nonnull key, size_t key_bytes);
/// Wipes and frees.
void ike_mac_free(ike_mac *_Nonnull mac);
/// More of the message. 1, or 0 for a failure of OpenSSL's.
int ike_mac_update(ike_mac *_Nonnull mac, const void *_Nullable bytes, size_t count);
/// The code of the message, as long as the hash, to `code`; afterwards the next message begins. 1 or 0.
int ike_mac_finish(ike_mac *_Nonnull mac, void *_Nonnull code, size_t capacity);

/// Whether both are the same, in a time that does not depend on where they differ.
int ike_equal(const void *_Nonnull a, const void *_Nonnull b, size_t count);

/// Bytes from getrandom(2). 1, or 0 when the kernel refuses.
int ike_random(void *_Nonnull bytes, size_t count);

// -- Ciphers (IKECipher.c)

/// AEADs with a 12-byte nonce and a 16-byte tag, and block ciphers.
enum {
    ike_aes128_gcm = 0,
    ike_aes192_gcm = 1,
    ike_aes256_gcm = 2,
    ike_chacha20_poly1305 = 3,
    ike_aes128_cbc = 4,
    ike_aes192_cbc = 5,
    ike_aes256_cbc = 6,
    ike_cipher_count = 7,
};

/// Ciphertext of the plaintext's length to `destination`, then the 16 bytes of the tag. 1, or 0 for a failure.
int ike_aead_seal(int cipher, const void *_Nonnull key, const void *_Nonnull nonce, const void *_Nonnull aad,
                  size_t aad_bytes, const void *_Nonnull source, size_t bytes, void *_Nonnull destination);
/// `source` is `bytes` of ciphertext and a tag of 16. 1 when the tag is right, 0 otherwise; then nothing in
/// `destination` may be used.
int ike_aead_open(int cipher, const void *_Nonnull key, const void *_Nonnull nonce, const void *_Nonnull aad,
                  size_t aad_bytes, const void *_Nonnull source, size_t bytes, void *_Nonnull destination);
/// CBC over whole blocks of 16, without padding. 1, or 0 for a failure.
int ike_cbc(int encrypt, int cipher, const void *_Nonnull key, const void *_Nonnull iv, const void *_Nonnull source,
            size_t bytes, void *_Nonnull destination);

// -- Keys of two halves

typedef struct evp_pkey_st ike_key;
/// Wipes and frees.
void ike_key_free(ike_key *_Nonnull key);

// -- Key exchange (IKEKeyExchange.c); `group` is the number IANA gave it for IKEv2

/// The key whose private half is given: a big-endian number, or X25519's 32 bytes. NULL when it is out of range.
ike_key *_Nullable ike_group_import(int group, const void *_Nonnull private_key, size_t bytes);
/// The public half as IKEv2 sends it, exactly `bytes` long. 1 or 0.
int ike_group_public(const ike_key *_Nonnull key, int group, void *_Nonnull public_key, size_t bytes);
/// The shared secret, exactly `secret_bytes` long. 0 when the peer's half is none: of another length, not on the curve,
/// of small order, out of range.
int ike_group_agree(const ike_key *_Nonnull key, int group, const void *_Nonnull peer, size_t peer_bytes,
                    void *_Nonnull secret, size_t secret_bytes);

// -- Signatures (IKESignature.c)

enum { ike_key_other = 0, ike_key_rsa = 1, ike_key_p256 = 2, ike_key_p384 = 3, ike_key_p521 = 4, ike_key_ed25519 = 5 };

/// A private key in PEM or DER (PKCS#8, PKCS#1, SEC 1), unencrypted. NULL when it is none.
ike_key *_Nullable ike_private_key(const void *_Nonnull bytes, size_t count);
/// A public key as the DER of a SubjectPublicKeyInfo (RFC 5280). NULL when it is none.
ike_key *_Nullable ike_public_key(const void *_Nonnull bytes, size_t count);
/// What kind it is; a curve spelt out in parameters is `ike_key_other`.
int ike_key_kind(const ike_key *_Nonnull key);
/// Bits of the modulus or of the curve.
int ike_key_bits(const ike_key *_Nonnull key);
/// The public half as a SubjectPublicKeyInfo: its length, written when `capacity` allows. 0 for a failure.
size_t ike_key_info(const ike_key *_Nonnull key, void *_Nullable info, size_t capacity);

/// Signs. RSA by PSS (the salt as long as the hash) or PKCS#1, ECDSA as DER, Ed25519 with ike_no_hash. `signature` has
/// room for `*bytes`, which becomes the length. 1 or 0.
int ike_sign(const ike_key *_Nonnull key, int hash, int pss, const void *_Nonnull message, size_t message_bytes,
             void *_Nonnull signature, size_t *_Nonnull bytes);
/// The most bytes a signature of this key has.
size_t ike_signature_capacity(const ike_key *_Nonnull key);
/// Whether the signature is right: 1 or 0.
int ike_verify(const ike_key *_Nonnull key, int hash, int pss, const void *_Nonnull message, size_t message_bytes,
               const void *_Nonnull signature, size_t bytes);
/// An ECDSA signature between its DER form and r || s, each `half_bytes` long (RFC 4754). The length written, or 0.
size_t ike_ecdsa_from_halves(const void *_Nonnull halves, size_t half_bytes, void *_Nonnull der, size_t capacity);
int ike_ecdsa_to_halves(const void *_Nonnull der, size_t der_bytes, void *_Nonnull halves, size_t half_bytes);
