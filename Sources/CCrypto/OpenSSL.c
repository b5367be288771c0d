#include "CCrypto.h"

#include <openssl/evp.h>

int crypto_sha256(const void *bytes, size_t count, void *digest)
{
    return EVP_Digest(bytes, count, digest, NULL, EVP_sha256(), NULL) == 1;
}

int crypto_sha1(const void *bytes, size_t count, void *digest)
{
    return EVP_Digest(bytes, count, digest, NULL, EVP_sha1(), NULL) == 1;
}
