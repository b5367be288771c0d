// ESP packets of any transform for the multi-buffer library and for OpenSSL: what lies where in a packet, and the calls
// over a batch of them. AES-GCM by the multi-buffer library has a way of its own (CCrypto.h). No algorithm of ours.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Ciphers. AES-GMAC is told apart from AES-GCM because its payload is authenticated and not encrypted (RFC 4543).
enum { esp_gcm = 0, esp_gmac = 1, esp_chacha20_poly1305 = 2, esp_cbc = 3, esp_ctr = 4, esp_null = 5 };
/// HMACs, or none where the cipher authenticates itself.
enum { esp_no_hash = 0, esp_sha1 = 1, esp_sha256 = 2, esp_sha384 = 3, esp_sha512 = 4 };

/// A transform as its packets need it. Lengths in bytes: of the cipher's key, of ESP header and IV together, of the ICV.
/// With extended sequence numbers (`esn` is 1) the number's upper half is authenticated, too, and not sent: behind all else
/// by an HMAC (RFC 4303 section 2.2.1), between SPI and lower half by the others (RFC 4106 section 5, RFC 4543 section 3.3,
/// RFC 7634 section 2.1).
typedef struct {
    uint8_t cipher, hash, key_bytes, prefix_bytes, icv_bytes, esn;
} crypto_esp_suite;

/// One packet of a batch.
typedef struct {
    /// SPI, number, IV, ciphertext, ICV, and 16 bytes behind it that may be written and are put back.
    uint8_t *_Nonnull esp;
    /// Of crypto_mb_esp_expand, or a crypto_openssl_esp.
    void *_Nonnull key;
    /// Where a peek puts the first `head_bytes` of the plaintext, or all there are.
    uint8_t *_Nonnull head;
    /// Of the ciphertext, trailer included: a multiple of 4, of 16 with CBC, and not 0.
    uint32_t bytes;
    /// The salt's four bytes as they lie in memory.
    uint32_t salt;
    /// The number's upper half; of no use without ESN.
    uint32_t high;
    crypto_esp_suite suite;
    /// A multiple of 16. `head` has room for them.
    uint16_t head_bytes;
    /// What was found: the ICV is right, pad length, next header.
    uint8_t authentic, pad, next;
} crypto_esp_work;

/// For CBC: the key under which sequence numbers become IVs, `key_bytes` long: HMAC-SHA-256 under the cipher's key over
/// the octets "ESP CBC IV". Another key than the data's, since an encrypted counter is unpredictable to whoever sees or
/// chooses plaintexts only when no data passes the same permutation (RFC 3602 section 3, NIST SP 800-38A appendix C).
int crypto_esp_iv_key(const void *_Nonnull key, size_t key_bytes, void *_Nonnull iv_key);

/// The state of a hash after one block of HMAC's key, exclusive-ored with its pads, in the machine's byte order: at most
/// 64 bytes each. 1 or 0.
int crypto_esp_hmac_states(int hash, const void *_Nonnull key, size_t key_bytes, void *_Nonnull inner, void *_Nonnull outer);

// -- The multi-buffer library (ESPMultiBuffer.c)

/// Expands the keys of an SA into crypto_mb_key_bytes aligned bytes; AES-GCM's as crypto_mb_expand does. 1, or 0 when
/// OpenSSL, which makes HMAC's states, failed.
int crypto_mb_esp_expand(IMB_MGR *_Nonnull manager, const crypto_esp_suite *_Nonnull suite, const void *_Nullable key,
                         const void *_Nullable authentication_key, size_t authentication_key_bytes,
                         void *_Nonnull expanded);

/// Jobs and codes for batches of up to `capacity` packets. NULL when memory is short. Freed, and wiped, by
/// crypto_mb_esp_free.
typedef struct crypto_mb_esp crypto_mb_esp;
crypto_mb_esp *_Nullable crypto_mb_esp_new(size_t capacity);
void crypto_mb_esp_free(crypto_mb_esp *_Nonnull batch);

/// Decrypts heads and trailers, and with `verifying` says which packets are authentic; packets stay as they are. No work
/// is of AES-GCM. (Opening and sealing take it, for ESN.) Traps when there are more than the capacity.
void crypto_mb_esp_peek(IMB_MGR *_Nonnull manager, crypto_mb_esp *_Nonnull batch, crypto_esp_work *_Nonnull works,
                        size_t count, int verifying);
/// Verifies, and decrypts in place whether authentic or not.
void crypto_mb_esp_open(IMB_MGR *_Nonnull manager, crypto_mb_esp *_Nonnull batch, crypto_esp_work *_Nonnull works,
                        size_t count);
/// Encrypts in place and writes the ICV. With CBC the 16 bytes of the IV hold the sequence number, and become the IV.
void crypto_mb_esp_seal(IMB_MGR *_Nonnull manager, crypto_mb_esp *_Nonnull batch, crypto_esp_work *_Nonnull works,
                        size_t count);

// -- OpenSSL (ESPOpenSSL.c): every transform, AES-GCM too

/// The keys of an SA in OpenSSL's hands.
typedef struct crypto_openssl_esp crypto_openssl_esp;
/// NULL when memory is short.
crypto_openssl_esp *_Nullable crypto_openssl_esp_new(const crypto_esp_suite *_Nonnull suite, const void *_Nullable key,
                                                     const void *_Nullable authentication_key,
                                                     size_t authentication_key_bytes);
/// Wipes and frees.
void crypto_openssl_esp_free(crypto_openssl_esp *_Nonnull key);

/// Decrypts all of a packet to `plaintext`, which has room for `work->bytes` and may be where the ciphertext is, and sets
/// what was found; `authentic` only with `verifying`. 1, or 0 for a failure of OpenSSL's.
int crypto_openssl_esp_open(crypto_esp_work *_Nonnull work, void *_Nonnull plaintext, int verifying);
/// As crypto_mb_esp_seal, one packet. 1, or 0 for a failure of OpenSSL's.
int crypto_openssl_esp_seal(crypto_esp_work *_Nonnull work);
