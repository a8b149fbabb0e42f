// What a process that only waits need not keep. In C, for between the look at a page and its return to the file nothing may
// be written to the program's data: Swift makes its caches there, whenever it first needs one.
#include "CKernel.h"
#include <link.h>
#include <malloc.h>
#include <sys/single_threaded.h>

// An entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
#define IS_FILES (1ULL << 61)
#define IS_SWAPPED (1ULL << 62)
#define IS_PRESENT (1ULL << 63)
#define PIECE (1UL << 16)

extern void free_exception_pool(void) __asm__("_ZN9__gnu_cxx9__freeresEv") __attribute__((weak));

void ckernel_give_back_exception_pool(void) { if (free_exception_pool) free_exception_pool(); }

// Unmaps the pages from `begin` to `end` that are still as the file has them: the next access finds them in the page cache.
// One that was written to is nowhere else. In the text that is one with a debugger's breakpoint.
static void drop_unwritten(int pagemap, unsigned long begin, unsigned long end, unsigned long size)
{
    unsigned long start = begin;
    for (unsigned long page = begin; page < end;) {
        uint64_t entries[64];
        long count = syscall(SYS_pread64, pagemap, entries, sizeof entries, page / size * sizeof *entries);
        if (count < (long)sizeof *entries) return;
        for (long i = 0; i < count / (long)sizeof *entries && page < end; i++, page += size) {
            if (!(entries[i] & (IS_PRESENT | IS_SWAPPED)) || entries[i] & IS_FILES) continue;
            if (start < page) syscall(SYS_madvise, start, page - start, MADV_DONTNEED);
            start = page + size;
        }
    }
    if (start < end) syscall(SYS_madvise, start, end - start, MADV_DONTNEED);
}

// The program, or a library. The text comes last, which is first: what this needs itself comes back at once.
static int drop_object(struct dl_phdr_info *object, size_t length, void *pagemap)
{
    unsigned long size = (unsigned long)sysconf(_SC_PAGESIZE);
    for (int i = object->dlpi_phnum - 1; i >= 0; i--) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD) continue;
        unsigned long start = object->dlpi_addr + segment->p_vaddr, end = (start + segment->p_filesz + size - 1) & -size;
        unsigned long begin = start & -size;
        // Advice that differs splits a mapping, and no fault maps beyond its piece. It would be all of a folio otherwise (seen
        // on Linux 6.18): 2 MiB, where the file was written at once.
        for (unsigned long piece = begin; piece < end; piece += 2 * PIECE)
            syscall(SYS_madvise, piece, end - piece < PIECE ? end - piece : PIECE, MADV_RANDOM);
        drop_unwritten(*(int *)pagemap, begin, end, size);
    }
    return 0;
}

// The stack below this frame and the call's. No other mapping is near: the kernel keeps a gap of 256 pages there.
static void drop_stack(void)
{
    unsigned long size = (unsigned long)sysconf(_SC_PAGESIZE), depth = 1 << 17;
    unsigned long end = ((unsigned long)__builtin_frame_address(0) - size) & -size;
    syscall(SYS_madvise, end - depth, depth, MADV_DONTNEED);
}

long ckernel_poll_at_rest(long requests, long count)
{
    // A second thread might write at any time, and has a stack elsewhere.
    int pagemap = __libc_single_threaded ? open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) : -1;
    if (pagemap >= 0) {
        malloc_trim(0);
        drop_stack();
        dl_iterate_phdr(drop_object, &pagemap);
        syscall(SYS_close, pagemap);
    }
    return ckernel_syscall(SYS_ppoll, requests, count, 0, 0, 8, 0);
}
