// A system call that needs nothing of the C library: neither its code nor its data.
#include "CKernel.h"
#define NOT_INSTRUMENTED __attribute__((no_stack_protector, no_sanitize("all"), no_builtin))

NOT_INSTRUMENTED static inline __attribute__((always_inline)) long call(long number, long a, long b, long c, long d, long e)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e;
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
    return number;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d, x4 __asm__("x4") = e;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
#else
    return ckernel_syscall(number, a, b, c, d, e, 0);
#endif
}
