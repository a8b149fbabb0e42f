// What a process that only waits need not keep. In C, for between the look at a page and its return to the file nothing may
// be written to the program's data: Swift makes its caches there, whenever it first needs one.
#include "Call.h"
#include <link.h>
#include <malloc.h>
#include <sys/single_threaded.h>

// An entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
#define IS_FILES (1ULL << 61)
#define IS_THERE (3ULL << 62) // Present, or swapped out.

extern void free_exception_pool(void) __asm__("_ZN9__gnu_cxx9__freeresEv") __attribute__((weak));
void ckernel_give_back_exception_pool(void) { if (free_exception_pool) free_exception_pool(); }

// The code that drops the program's pages and then waits, in a section of its own, whose pages alone stay. Whatever else ran
// after the drop would come back, and with it, since Linux 6.18, the whole folio that the page cache has it in: up to 2 MiB
// where the file was written at once. Nothing in the section may call out of it, the C library included.
#define STAYS __attribute__((section("ckernel_rest"), noinline)) NOT_INSTRUMENTED
#define HIDDEN __attribute__((visibility("hidden"))) // Found without a table in the program's data.
extern const char __start_ckernel_rest[] HIDDEN, __stop_ckernel_rest[] HIDDEN; // By the linker, as for any section.

struct parts {
    unsigned long page, count, ends[128]; // Where each part of the program and its libraries begins, and where it ends.
};

// Unmaps the pages from `begin` to `end` that are still as the file has them, but for those of this code: the next access finds
// them in the page cache. One that was written to is nowhere else. In the text that is one with a debugger's breakpoint.
STAYS static void drop_unwritten(long pagemap, unsigned long begin, unsigned long end, unsigned long size)
{
    unsigned long own = (unsigned long)__start_ckernel_rest & -size, start = begin;
    for (unsigned long page = begin; page < end;) {
        uint64_t entries[64];
        long count = call(SYS_pread64, pagemap, (long)entries, sizeof entries, (long)(page / size * sizeof *entries), 0);
        if (count < (long)sizeof *entries) return;
        for (long i = 0; i < count / (long)sizeof *entries && page < end; i++, page += size) {
            int is_own = page >= own && page < (unsigned long)__stop_ckernel_rest;
            if (!is_own && (!(entries[i] & IS_THERE) || entries[i] & IS_FILES)) continue;
            if (start < page) call(SYS_madvise, (long)start, (long)(page - start), MADV_DONTNEED, 0, 0);
            start = page + size;
        }
    }
    if (start < end) call(SYS_madvise, (long)start, (long)(end - start), MADV_DONTNEED, 0, 0);
}

STAYS static long drop_and_poll(long pagemap, const struct parts *parts, long requests, long count)
{
    // The stack below this frame and the next one's. No other mapping is near: the kernel keeps a gap of 256 pages there.
    unsigned long depth = 1 << 17, end = ((unsigned long)__builtin_frame_address(0) - parts->page) & -parts->page;
    call(SYS_madvise, (long)(end - depth), (long)depth, MADV_DONTNEED, 0, 0);
    for (const unsigned long *each = parts->ends; each < parts->ends + parts->count; each += 2)
        drop_unwritten(pagemap, each[0], each[1], parts->page);
    call(SYS_close, pagemap, 0, 0, 0, 0);
    return call(SYS_ppoll, requests, count, 0, 0, 8);
}

static int note_object(struct dl_phdr_info *object, size_t length, void *parts_)
{
    struct parts *parts = parts_;
    for (int i = 0; i < object->dlpi_phnum && parts->count < sizeof parts->ends / sizeof *parts->ends; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD) continue;
        unsigned long start = object->dlpi_addr + segment->p_vaddr, end = start + segment->p_filesz + parts->page - 1;
        parts->ends[parts->count++] = start & -parts->page;
        parts->ends[parts->count++] = end & -parts->page;
    }
    return 0;
}

long ckernel_poll_at_rest(long requests, long count)
{
    // A second thread might write at any time, and has a stack elsewhere.
    int pagemap = __libc_single_threaded ? open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) : -1;
    if (pagemap < 0) return ckernel_syscall(SYS_ppoll, requests, count, 0, 0, 8, 0);
    struct parts parts; // Not made all zero, which would touch all of it.
    parts.count = 0, parts.page = (unsigned long)sysconf(_SC_PAGESIZE);
    malloc_trim(0);
    dl_iterate_phdr(note_object, &parts);
    return drop_and_poll(pagemap, &parts, requests, count);
}
