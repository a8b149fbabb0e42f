// start-order PROGRAM STARTS CALLS COMMAND…: runs COMMAND and appends to the file CALLS the address of every function of PROGRAM
// that is called, in the order of first calls. STARTS holds the addresses where functions begin, in hexadecimal, one a line.
//
// PROGRAM is linked statically and at fixed addresses. Whoever executes it, children included, has a breakpoint at the
// start of each function in its own memory; one that is hit is told and taken away.
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BREAKPOINT = 0xcc, HEAD = 4096 };

static struct {
    unsigned char *original, *armed, *is_start, *is_told;
    unsigned long base, length;
} text;

static void must(int good, const char *what)
{
    if (good) return;
    perror(what);
    exit(125);
}

static void read_text(const char *program)
{
    struct stat status;
    int file = open(program, O_RDONLY);
    must(file >= 0 && fstat(file, &status) == 0, program);
    unsigned char *image = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    must(image != MAP_FAILED, program);
    const Elf64_Ehdr *header = (const void *)image;
    const Elf64_Phdr *segment = (const void *)(image + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++, segment++)
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_X) break;
    text.base = segment->p_vaddr;
    text.length = segment->p_filesz;
    text.original = image + segment->p_offset;
    text.armed = malloc(text.length);
    text.is_start = calloc(text.length, 1);
    text.is_told = calloc(text.length, 1);
    must(text.armed && text.is_start && text.is_told, "memory");
    memcpy(text.armed, text.original, text.length);
    close(file);
}

static void read_starts(const char *path)
{
    FILE *file = fopen(path, "r");
    unsigned long address;
    must(file != NULL, path);
    while (fscanf(file, "%lx", &address) == 1) {
        if (address < text.base || address >= text.base + text.length) continue;
        text.armed[address - text.base] = BREAKPOINT;
        text.is_start[address - text.base] = 1;
    }
    fclose(file);
}

// After an execve: if this is the program, its text is exchanged for the one with breakpoints.
static void arm(pid_t process)
{
    char path[64];
    unsigned char head[HEAD];
    snprintf(path, sizeof path, "/proc/%d/mem", process);
    int memory = open(path, O_RDWR | O_CLOEXEC);
    if (memory < 0) return;
    if (pread(memory, head, HEAD, text.base) == HEAD && memcmp(head, text.original, HEAD) == 0)
        must(pwrite(memory, text.armed, text.length, text.base) == (ssize_t)text.length, "cannot set breakpoints");
    close(memory);
}

static void pass_breakpoint(pid_t process, FILE *calls)
{
    struct user_regs_struct registers;
    must(ptrace(PTRACE_GETREGS, process, NULL, &registers) == 0, "cannot read registers");
    unsigned long address = registers.rip - 1, at = address - text.base;
    if (at >= text.length || !text.is_start[at]) return;
    if (!text.is_told[at]) fprintf(calls, "%lx\n", address);
    text.is_told[at] = 1;
    long word = ptrace(PTRACE_PEEKTEXT, process, address, NULL);
    ptrace(PTRACE_POKETEXT, process, address, (word & ~0xffL) | text.original[at]);
    registers.rip = address;
    ptrace(PTRACE_SETREGS, process, NULL, &registers);
}

int main(int count, char **words)
{
    if (count < 5) {
        fprintf(stderr, "usage: start-order PROGRAM STARTS CALLS COMMAND…\n");
        return 2;
    }
    read_text(words[1]);
    read_starts(words[2]);
    FILE *calls = fopen(words[3], "a");
    must(calls != NULL, words[3]);
    setlinebuf(calls);

    int status;
    pid_t first = fork();
    if (first == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        execvp(words[4], words + 4);
        _exit(127);
    }
    must(waitpid(first, &status, 0) == first, "waitpid");
    ptrace(PTRACE_SETOPTIONS, first, NULL,
           PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC);
    ptrace(PTRACE_CONT, first, NULL, 0);
    for (pid_t process; (process = waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (process == first) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        int signal = WSTOPSIG(status), event = status >> 16, passed_on = 0;
        if (event == PTRACE_EVENT_EXEC) arm(process);
        else if (event == 0 && signal == SIGTRAP) pass_breakpoint(process, calls);
        else if (event == 0 && signal != SIGSTOP) passed_on = signal;
        ptrace(PTRACE_CONT, process, NULL, passed_on);
    }
    return 125;
}
