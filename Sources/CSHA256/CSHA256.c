#include "CSHA256.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <sys/platform/x86.h>

int csha256_is_supported(void)
{
    // What the C library knows since its start: to ask the processor costs a virtual machine a trap each time.
    return CPU_FEATURE_ACTIVE(SSSE3) && CPU_FEATURE_ACTIVE(SSE4_1) && CPU_FEATURE_ACTIVE(SHA);
}

static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

__attribute__((target("sha,ssse3,sse4.1"))) void csha256_compress(uint32_t state[8], const void *blocks,
                                                                    unsigned long count)
{
    const __m128i *block = blocks;
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    // The instructions want the eight variables as a b e f and c d g h, highest word first.
    __m128i dcba = _mm_loadu_si128((const __m128i *)state);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
    __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
    for (; count > 0; count--, block += 4) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i words[4];
        // Four rounds a turn; each turn from the fifth on makes its four words from the last sixteen.
#pragma clang loop unroll(full)
        for (int turn = 0; turn < 16; turn++) {
            __m128i *word = &words[turn & 3];
            if (turn < 4) {
                *word = _mm_shuffle_epi8(_mm_loadu_si128(block + turn), big_endian);
            } else {
                __m128i last = words[(turn + 3) & 3];
                __m128i middle = _mm_alignr_epi8(last, words[(turn + 2) & 3], 4);
                __m128i early = _mm_sha256msg1_epu32(*word, words[(turn + 1) & 3]);
                *word = _mm_sha256msg2_epu32(_mm_add_epi32(early, middle), last);
            }
            __m128i sum = _mm_add_epi32(*word, _mm_load_si128((const __m128i *)(constants + 4 * turn)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

#else

int csha256_is_supported(void)
{
    return 0;
}

void csha256_compress(uint32_t state[8], const void *blocks, unsigned long count)
{
    (void)state, (void)blocks, (void)count;
}

#endif
