// What a shell in the container cannot ask the kernel for. `probe WORD [argument…]` prints one fact or does one thing.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef int (*Word)(int count, char **arguments);

static int limits(int count, char **arguments) {
    static const char *names[] = {"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS",
                                  "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"};
    for (int kind = 0; kind < 16; kind++) {
        struct rlimit limit;
        getrlimit(kind, &limit);
        printf("%s %llu %llu\n", names[kind], (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
    }
    return 0;
}

static int scheduler(int count, char **arguments) {
    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; uint32_t min, max; } it = {0};
    if (syscall(SYS_sched_getattr, 0, &it, sizeof it, 0) != 0) return perror("sched_getattr"), 1;
    printf("policy=%u flags=%llu nice=%d priority=%u runtime=%llu deadline=%llu period=%llu\n", it.policy, (unsigned long long)it.flags,
           it.nice, it.priority, (unsigned long long)it.runtime, (unsigned long long)it.deadline, (unsigned long long)it.period);
    return 0;
}

static int ioprio(int count, char **arguments) {
    long value = syscall(SYS_ioprio_get, 1, 0);
    printf("class=%ld priority=%ld\n", value >> 13, value & 0x1fff);
    return 0;
}

static int persona(int count, char **arguments) {
    struct utsname name;
    uname(&name);
    printf("%x %s\n", personality(0xffffffff), name.machine);
    return 0;
}

static int clocks(int count, char **arguments) {
    struct timespec monotonic, boottime;
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    clock_gettime(CLOCK_BOOTTIME, &boottime);
    printf("%lld.%09ld %lld.%09ld\n", (long long)monotonic.tv_sec, monotonic.tv_nsec, (long long)boottime.tv_sec, boottime.tv_nsec);
    return 0;
}

static int keyring(int count, char **arguments) {
    char text[256] = "";
    long id = syscall(SYS_keyctl, 0, -3, 0);
    syscall(SYS_keyctl, 6, id, text, sizeof text);
    printf("%ld %s\n", id, text);
    return 0;
}

// Opened first so that the listing itself adds no descriptor.
static int descriptors(int count, char **arguments) {
    for (int number = 0; number < 4096; number++)
        if (fcntl(number, F_GETFD) >= 0) printf("%d ", number);
    printf("\n");
    return 0;
}

static int affinity(int count, char **arguments) {
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set)) printf("%d ", cpu);
    printf("\n");
    return 0;
}

static int mempolicy(int count, char **arguments) {
    int mode = -1;
    unsigned long nodes[16] = {0};
    if (syscall(SYS_get_mempolicy, &mode, nodes, 1024, 0, 0) != 0) return perror("get_mempolicy"), 1;
    printf("mode=%d nodes=%lu\n", mode, nodes[0]);
    return 0;
}

static int report(long value) {
    if (value == -1) printf("errno=%d\n", errno);
    else printf("returned=%ld\n", value);
    return 0;
}

// call NUMBER [ARGUMENT…]: any system call, its arguments as numbers.
static int call(int count, char **arguments) {
    unsigned long long values[7] = {0};
    for (int index = 0; index < count && index < 7; index++) values[index] = strtoull(arguments[index], 0, 0);
    return report(syscall(values[0], values[1], values[2], values[3], values[4], values[5], values[6]));
}

// call32 NUMBER: a system call by the 32 bit entry.
static int call32(int count, char **arguments) {
    long value;
    __asm__ volatile("int $0x80" : "=a"(value) : "a"(strtol(arguments[0], 0, 0)), "b"(0), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
    value = (int)value;
    if (value < 0) printf("errno=%ld\n", -value);
    else printf("returned=%ld\n", value);
    return 0;
}

static void *thread_call(void *number) { return (void *)syscall((long)number); }

// A second thread makes the call: whether the filter kills the thread or the process shows.
static int thread(int count, char **arguments) {
    pthread_t other;
    pthread_create(&other, 0, thread_call, (void *)strtol(arguments[0], 0, 0));
    usleep(300000);
    printf("survived\n");
    return 0;
}

static void trapped(int number, siginfo_t *information, void *context) {
    printf("signal=%d syscall=%d\n", number, information->si_syscall);
    fflush(stdout);
    _exit(0);
}

static int trap(int count, char **arguments) {
    struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &action, 0);
    return report(syscall(strtol(arguments[0], 0, 0)));
}

static int terminal(int count, char **arguments) {
    struct winsize size = {0};
    ioctl(0, TIOCGWINSZ, &size);
    struct stat it = {0};
    fstat(0, &it);
    printf("tty=%d%d%d rows=%d columns=%d rdev=%u:%u uid=%d sid=%d\n", isatty(0), isatty(1), isatty(2), size.ws_row, size.ws_col,
           major(it.st_rdev), minor(it.st_rdev), it.st_uid, tcgetsid(0) == getsid(0));
    return 0;
}

// notify TEXT: a datagram to $NOTIFY_SOCKET.
static int notify(int count, char **arguments) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path) return printf("no NOTIFY_SOCKET\n"), 1;
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (sendto(descriptor, arguments[0], strlen(arguments[0]), 0, (void *)&address, sizeof address) < 0) return perror("sendto"), 1;
    return 0;
}

static int opening(int count, char **arguments) {
    static const struct { const char *name; int flags; } modes[] = {{"r", O_RDONLY}, {"w", O_WRONLY}, {"rw", O_RDWR}};
    for (int index = 0; index < 3; index++)
        if (!strcmp(arguments[1], modes[index].name)) return report(open(arguments[0], modes[index].flags | O_NONBLOCK | O_NOCTTY));
    return 2;
}

static int node(int count, char **arguments) {
    mode_t kind = arguments[1][0] == 'b' ? S_IFBLK : S_IFCHR;
    return report(mknod(arguments[0], kind | 0600, makedev(atoi(arguments[2]), atoi(arguments[3]))));
}

// allocate MEGABYTES: touches them all.
static int allocate(int count, char **arguments) {
    size_t size = strtoul(arguments[0], 0, 0) << 20;
    char *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return perror("mmap"), 1;
    memset(memory, 1, size);
    printf("touched\n");
    return 0;
}

// forks COUNT: how many children there may be at once.
static int forks(int count, char **arguments) {
    int wanted = atoi(arguments[0]), made = 0;
    for (; made < wanted; made++) {
        int pid = fork();
        if (pid == 0) { pause(); _exit(0); }
        if (pid < 0) break;
    }
    printf("forked=%d\n", made);
    fflush(stdout);
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    return 0;
}

// exchange A B SENTINEL: swaps two names as fast as it can for as long as the sentinel exists.
static int exchange(int count, char **arguments) {
    long rounds = 0;
    for (;; rounds++) {
        syscall(SYS_renameat2, AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], 2);
        if ((rounds & 1023) == 0 && access(arguments[2], F_OK) != 0) break;
    }
    printf("%ld\n", rounds);
    return 0;
}

// signals: prints each that comes until TERM.
static void printed(int number) {
    char text[32];
    int length = snprintf(text, sizeof text, "got %d\n", number);
    write(1, text, length);
    if (number == SIGTERM) _exit(0);
}

static int signals(int count, char **arguments) {
    for (int number = 1; number < 65; number++) signal(number, printed);
    write(1, "ready\n", 6);
    for (;;) pause();
}

static int masks(int count, char **arguments) {
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, 0, &blocked);
    for (int number = 1; number < 65; number++) {
        struct sigaction action;
        if (sigaction(number, 0, &action) == 0 && (action.sa_handler == SIG_IGN || sigismember(&blocked, number) == 1)) printf("%d ", number);
    }
    printf("\n");
    return 0;
}

// sequential PORT-less listener: reads one byte from descriptor N, as socket activation would.
static int readfd(int count, char **arguments) {
    char text[256] = "";
    ssize_t length = read(atoi(arguments[0]), text, sizeof text - 1);
    if (length < 0) return report(-1);
    printf("%s\n", text);
    return 0;
}

static int dumpable(int count, char **arguments) { return printf("%d %d\n", prctl(PR_GET_DUMPABLE), prctl(PR_GET_PDEATHSIG, &(int){0})), 0; }

static int arguments_shown(int count, char **arguments) {
    for (int index = 0; index < count; index++) printf("[%s]", arguments[index]);
    printf("\n");
    return 0;
}

// overwrite PATH: opens for writing as soon as it may be; prints how often that succeeded in a second's tries.
static int overwrite(int count, char **arguments) {
    int opened = 0;
    for (int round = 0; round < 20000; round++) {
        int descriptor = open(arguments[0], O_WRONLY);
        if (descriptor >= 0) { opened++; close(descriptor); }
    }
    printf("opened=%d errno=%d\n", opened, errno);
    return 0;
}

int main(int count, char **arguments) {
    static const struct { const char *name; Word run; } words[] = {
        {"limits", limits}, {"scheduler", scheduler}, {"ioprio", ioprio}, {"personality", persona}, {"clocks", clocks},
        {"keyring", keyring}, {"descriptors", descriptors}, {"affinity", affinity}, {"mempolicy", mempolicy}, {"call", call},
        {"call32", call32}, {"thread", thread}, {"trap", trap}, {"terminal", terminal}, {"notify", notify}, {"open", opening},
        {"mknod", node}, {"allocate", allocate}, {"forks", forks}, {"exchange", exchange}, {"signals", signals}, {"masks", masks},
        {"readfd", readfd}, {"dumpable", dumpable}, {"arguments", arguments_shown}, {"overwrite", overwrite}};
    for (size_t index = 0; count > 1 && index < sizeof words / sizeof *words; index++)
        if (!strcmp(arguments[1], words[index].name)) return words[index].run(count - 2, arguments + 2);
    return 64;
}
