// What Swift cannot call or see: the variadic syscall(), and the constants that Glibc's module hides.
// No logic here; Kernel gives each call its type.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <features.h>
// _GNU_SOURCE renames the one member of fd_set. Swift's own Glibc module is built without it, and a file that sees both
// modules does not compile while the two differ.
#pragma push_macro("__USE_XOPEN")
#undef __USE_XOPEN
#include <sys/select.h>
#pragma pop_macro("__USE_XOPEN")
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>

/// The system call `number`: its result, or the negated errno. glibc's errno is left out of it because a child made by
/// the raw clone3 system call shares no valid thread descriptor with glibc.
long ckernel_syscall(long number, long a, long b, long c, long d, long e, long f);

/// clone3 without CLONE_VM: the child returns 0 on a copy of the caller's stack, as after fork.
long ckernel_clone3(const void *arguments, unsigned long size);

/// The variable that tells a program which descriptor is its own sealed file (Entry.c).
#define CKERNEL_SEALED "SKIFF_SEALED"

/// The environment as the kernel handed it over.
char **ckernel_environment(void);

/// The level of the x86-64 psABI, 1 to 4, that this processor has (and the kernel lets programs use); 1 on other machines.
int ckernel_processor_level(void);

/// Before anything else: libstdc++ keeps 72 KiB in the middle of a smaller heap, for exceptions, which nothing here throws.
void ckernel_give_back_exception_pool(void);

/// ppoll(2) without an end, of `count` struct pollfd at an address. Before it, the process gives back what it can have again.
long ckernel_poll_at_rest(long requests, long count);
