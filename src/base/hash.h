/* SHA-256 (FIPS 180-4): identities of trials and base models. */
#ifndef EBB_BASE_HASH_H
#define EBB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

void ebb_sha256(const void *data, size_t n, uint8_t digest[32]);

/* The first n_hex (<= 64) hexadecimal digits of the digest, zero-terminated. */
void ebb_sha256_hex(const void *data, size_t n, char *hex, int n_hex);

#endif
