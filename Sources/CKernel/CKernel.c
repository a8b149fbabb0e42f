#include "CKernel.h"

extern char **environ;

static long negated(long result) { return result == -1 ? -(long)errno : result; }

long ckernel_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    return negated(syscall(number, a, b, c, d, e, f));
}

long ckernel_clone3(const void *arguments, unsigned long size) { return negated(syscall(SYS_clone3, arguments, size)); }

char **ckernel_environment(void) { return environ; }

#if defined(__x86_64__)
#include <sys/platform/x86.h>
#define HAS(feature) CPU_FEATURE_ACTIVE(feature)
// As ld.so has it (glibc, dl-hwcaps_subdirs.c), from what the C library asked the processor. __builtin_cpu_supports would ask
// again at every start: twelve CPUID instructions, each a trap in a virtual machine.
int ckernel_processor_level(void)
{
    if (!(HAS(CMPXCHG16B) && HAS(LAHF64_SAHF64) && HAS(POPCNT) && HAS(SSE3) && HAS(SSSE3) && HAS(SSE4_1) && HAS(SSE4_2))) return 1;
    if (!(HAS(AVX) && HAS(AVX2) && HAS(BMI1) && HAS(BMI2) && HAS(F16C) && HAS(FMA) && HAS(LZCNT) && HAS(MOVBE))) return 2;
    return HAS(AVX512F) && HAS(AVX512BW) && HAS(AVX512CD) && HAS(AVX512DQ) && HAS(AVX512VL) ? 4 : 3;
}
#else
int ckernel_processor_level(void) { return 1; }
#endif
