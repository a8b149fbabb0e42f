// What Swift cannot say: the processor's own instructions for SHA-256. Blobs is the only importer.
#pragma once
#include <stdint.h>

/// Whether this processor has them (x86-64: SHA-NI with SSE4.1). CPUID is a trap in a virtual machine: ask once.
int csha256_is_supported(void);

/// The compression function (FIPS 180-4, 6.2.2) over `count` blocks of 64 bytes. Only where it is supported.
void csha256_compress(uint32_t state[8], const void *blocks, unsigned long count);
