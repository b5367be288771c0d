// Below ESP: the ciphers and MACs of both providers with what published vectors have and no ESP packet has: any length of
// IV, AAD and text. For tests only. Every function returns 1, or 0 for what the provider cannot do.
#pragma once
#include "CCrypto.h"

/// `bits` of AES or of ChaCha20; AES-GMAC is AES-GCM through the calls that the packet path has for it.
enum { vectors_gcm = 0, vectors_gmac = 1, vectors_chacha20_poly1305 = 2 };

typedef struct {
    const void *_Nonnull key;
    size_t key_bytes;
    const void *_Nonnull iv;
    size_t iv_bytes;
    const void *_Nonnull aad;
    size_t aad_bytes;
    const void *_Nonnull source;
    size_t bytes;
} vectors_input;

/// Encrypts or decrypts to `destination` and gives the tag of 16 bytes that belongs to the ciphertext.
/// A `manager` of NULL asks OpenSSL.
int vectors_aead(IMB_MGR *_Nullable manager, int cipher, int encrypt, const vectors_input *_Nonnull input,
                 void *_Nonnull destination, void *_Nonnull tag);
/// OpenSSL alone, which opens without showing the tag it computed: 1 when this tag, however short, is right.
int vectors_aead_open(int cipher, const vectors_input *_Nonnull input, const void *_Nonnull tag, size_t tag_bytes,
                      void *_Nonnull destination);
/// AES-CBC (a multiple of 16 bytes), or AES-CTR from a whole counter block.
int vectors_cipher(IMB_MGR *_Nullable manager, int is_cbc, int encrypt, const vectors_input *_Nonnull input,
                   void *_Nonnull destination);
/// The whole HMAC over `source`; `hash` as in CCryptoESP.h.
int vectors_hmac(IMB_MGR *_Nullable manager, int hash, const vectors_input *_Nonnull input, void *_Nonnull code);
