#include "CKernel.h"

extern char **environ;

long ckernel_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    long result = syscall(number, a, b, c, d, e, f);
    return result == -1 ? -(long)errno : result;
}

long ckernel_clone3(const void *arguments, unsigned long size)
{
    long result = syscall(SYS_clone3, arguments, size);
    return result == -1 ? -(long)errno : result;
}

char **ckernel_environment(void)
{
    return environ;
}

int ckernel_processor_level(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4")) return 4;
    if (__builtin_cpu_supports("x86-64-v3")) return 3;
    if (__builtin_cpu_supports("x86-64-v2")) return 2;
#endif
    return 1;
}
