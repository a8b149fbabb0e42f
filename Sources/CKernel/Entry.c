// Before anything of the C library or of Swift has run: a runtime that will enter a container executes itself once more, from
// a detached read-only clone of the mount that its file lies on. What is inside can never write to the program that made it
// then (CVE-2019-5736). Swift does the same where this did not (Inside/SealedExecutable.swift); here it costs the kernel's
// share of an exec only, half of the whole: the start of the C library alone executes some forty CPUID instructions, each
// of which is a trap in a virtual machine.
//
// A release names `ckernel_entry` as the program's entry point. No function of the C library may be called from here, not even
// memcpy by a loop that copies, and nothing thread-local is there yet, stack protectors included.
#include "Call.h"
#if defined(__x86_64__) || defined(__aarch64__)

NOT_INSTRUMENTED static int is_equal(const char *a, const char *b)
{
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

NOT_INSTRUMENTED static int begins(const char *text, const char *prefix)
{
    while (*prefix && *text == *prefix) text++, prefix++;
    return !*prefix;
}

NOT_INSTRUMENTED static const char *last_component(const char *path)
{
    const char *name = path;
    for (; *path; path++)
        if (*path == '/') name = path + 1;
    return name;
}

// Whether the words may lead into a container. One word too many costs an exec; one too few is seen by Swift.
NOT_INSTRUMENTED static int enters_container(long count, char **words)
{
    if (count < 2) return 0;
    if (!is_equal(last_component(words[0]), "skiff-runtime")) return count > 2 && is_equal(words[1], "oci");
    for (long i = 1; i < count; i++)
        if (is_equal(words[i], "create") || is_equal(words[i], "run") || is_equal(words[i], "exec")) return 1;
    return 0;
}

// The program's own file, as nobody can write to it; a negated errno where the kernel has no such thing. It stays open: whoever
// closes it last waits for RCU, which is better done while there is nothing else to do.
NOT_INSTRUMENTED static long open_sealed(void)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    long file = call(SYS_open_tree, AT_FDCWD, (long)"/proc/self/exe", OPEN_TREE_CLONE, 0, 0);
    // Its number is told in one digit; more files than that are open only where somebody hands some over.
    if (file >= 0 && file <= 9 &&
        call(SYS_mount_setattr, file, (long)"", AT_EMPTY_PATH, (long)&attributes, sizeof attributes) == 0)
        return file;
    if (file >= 0) call(SYS_close, file, 0, 0, 0, 0);
    return -1;
}

// With `stack` as the kernel hands it over: the number of words, the words, NULL, the environment, NULL. Returns where it cannot
// do it: Swift has a second way, and words for what is wrong.
NOT_INSTRUMENTED __attribute__((used)) void ckernel_seal(long *stack)
{
    long count = stack[0], variables = 0;
    char **words = (char **)(stack + 1), **environment = words + count + 1;
    if (!enters_container(count, words)) return;
    for (; environment[variables]; variables++)
        if (begins(environment[variables], CKERNEL_SEALED "=")) return;
    long file = open_sealed();
    if (file < 0) return;
    char mark[] = CKERNEL_SEALED "=0";
    mark[sizeof mark - 2] = (char)('0' + file);
    char *changed[variables + 3];
    for (long i = 0; i < variables; i++) changed[i] = environment[i];
    changed[variables] = mark;
    // Nobody looks for the program that prints backtraces then, which what enters a container must not start anyway.
    changed[variables + 1] = "SWIFT_BACKTRACE=enable=no,swift-backtrace=/";
    changed[variables + 2] = 0;
    call(SYS_execveat, file, (long)"", (long)words, (long)changed, AT_EMPTY_PATH);
    call(SYS_close, file, 0, 0, 0, 0);
}

__asm__(".globl ckernel_entry\n"
        ".type ckernel_entry, %function\n"
        "ckernel_entry:\n"
#if defined(__x86_64__)
        "  xor %ebp, %ebp\n"
        "  mov %rsp, %rdi\n"
        "  mov %rsp, %rbx\n"
        "  mov %rdx, %r12\n" // What the kernel wants called at the end, for _start.
        "  and $-16, %rsp\n"
        "  call ckernel_seal\n"
        "  mov %r12, %rdx\n"
        "  mov %rbx, %rsp\n"
        "  jmp _start\n");
#else
        "  mov x29, #0\n"
        "  mov x19, sp\n"
        "  mov x20, x0\n"
        "  mov x0, sp\n"
        "  bl ckernel_seal\n"
        "  mov x0, x20\n"
        "  mov sp, x19\n"
        "  b _start\n");
#endif

#endif
