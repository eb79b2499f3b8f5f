/* SHA-256 (FIPS 180-4): identities of trials and base models. CRC-32: bytes that a kill, a full disk
 * or a bad cable changed. */
#ifndef EBB_BASE_HASH_H
#define EBB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

void ebb_sha256(const void *data, size_t n, uint8_t digest[32]);

/* The first n_hex (<= 64) hexadecimal digits of the digest, zero-terminated. */
void ebb_sha256_hex(const void *data, size_t n, char *hex, int n_hex);

/* The CRC-32 of zlib, PNG and Ethernet, continued: crc is that of the bytes before, 0 at the start.
 */
uint32_t ebb_crc32(uint32_t crc, const void *data, size_t n);

#endif
