package import Kernel
package import RuntimeSpec

/// Docker's default profile (github.com/moby/profiles, seccomp/default_linux.go, 2026): some 380 calls are allowed, more
/// with certain capabilities, a few with certain arguments; the rest answers EPERM.
package enum DefaultProfile {
  /// The profile of a container that was granted `granted` (its bounding set).
  package static func resolve(granted: CapabilitySet, machine: Machine = .current) -> Spec.Seccomp {
    var profile = Spec.Seccomp(defaultAction: .errno)
    profile.defaultErrnoRet = UInt32(Errno.notPermitted.rawValue)
    profile.architectures = machine.interfaces.map(\.name)
    profile.syscalls = [allow(always), allow(sinceLinux48)]
    profile.syscalls += socketFamilies.map { allow("socket", when: $0) }
    profile.syscalls += personalities.map { allow("personality", when: .equal, $0) }
    profile.syscalls.append(allow(machine == .x86 ? x86Only : armOnly))
    for (capability, calls) in withCapability where granted.isSuperset(of: capability) {
      profile.syscalls.append(allow(calls))
    }
    if !granted.contains(.systemAdministration) {
      profile.syscalls.append(allow("clone", when: .maskedEqual, namespaceFlags))
      // Its flags are behind a pointer; ENOSYS makes the C library fall back to clone.
      profile.syscalls.append(
        Spec.SeccompRule(names: ["clone3"], action: .errno, errnoRet: UInt32(Errno.noSystemCall.rawValue)))
    }
    return profile
  }

  /// Split by hand: the library's way over characters takes half a millisecond of a start.
  private static func allow(_ calls: StaticString) -> Spec.SeccompRule {
    var names: [String] = []
    calls.withUTF8Buffer { bytes in
      var start = 0
      for end in 0...bytes.count where unsafe end == bytes.count || bytes[end] <= UInt8(ascii: " ") {
        if end > start { names.append(unsafe String(decoding: bytes[start..<end], as: UTF8.self)) }
        start = end + 1
      }
    }
    return Spec.SeccompRule(names: names, action: .allow)
  }

  private static func allow(_ call: String, when op: Spec.SeccompOperator, _ value: UInt64) -> Spec.SeccompRule {
    Spec.SeccompRule(names: [call], action: .allow, args: [Spec.SeccompArgument(index: 0, value: value, op: op)])
  }

  private static func allow(_ call: String, when family: (Spec.SeccompOperator, UInt64)) -> Spec.SeccompRule {
    allow(call, when: family.0, family.1)
  }

  /// Families of socket(2), linux/socket.h. Left out: DECnet 12, ECONET 19, ATMSVC 20, IRDA 23, WANPIPE 25, ISDN 34 and
  /// CAIF 37, which kernels no longer have; ALG 38 and VSOCK 40, which reach past the container: the kernel's
  /// cryptography, and virtual machines whatever the network namespace.
  private static let socketFamilies: [(Spec.SeccompOperator, UInt64)] =
    [(.less, 12)]
    + [13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45]
    .map { (.equal, $0) }

  /// PER_LINUX, PER_LINUX32, both with UNAME26, and the question what it is.
  private static let personalities: [UInt64] = [0x0, 0x8, 0x20000, 0x20008, 0xffff_ffff]

  /// All CLONE_NEW* of a container's making (CLONE_NEWTIME has no bit in clone's flags).
  private static let namespaceFlags: UInt64 = 0x7e02_0000

  private static let sinceLinux48: StaticString = "process_vm_readv process_vm_writev ptrace"
  private static let x86Only: StaticString = "arch_prctl modify_ldt"
  private static let armOnly: StaticString =
    "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"

  private static let withCapability: [(CapabilitySet, StaticString)] = [
    (.readSearch, "open_by_handle_at"),
    (
      .systemAdministration,
      """
      bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
      lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname
      sethostname setns syslog umount umount2 unshare
      """
    ),
    (CapabilitySet(number: 22), "reboot"),
    (.changeRoot, "chroot"),
    (CapabilitySet(number: 16), "delete_module init_module finit_module"),
    (CapabilitySet(number: 20), "acct"),
    (CapabilitySet(number: 19), "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"),
    (CapabilitySet(number: 17), "iopl ioperm"),
    (CapabilitySet(number: 25), "settimeofday stime clock_settime clock_settime64"),
    (CapabilitySet(number: 26), "vhangup"),
    (CapabilitySet(number: 23), "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    (CapabilitySet(number: 34), "syslog"),
    (CapabilitySet(number: 39), "bpf"),
    (CapabilitySet(number: 38), "perf_event_open"),
  ]

  private static let always: StaticString = """
    accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
    clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
    clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
    epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit
    exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2
    fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat
    fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait
    futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid
    getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid
    getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage getsid getsockname getsockopt get_thread_area
    gettid gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1
    inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set
    io_setup io_submit ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32
    lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat
    lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock
    mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64
    mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
    name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2
    pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease
    pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg
    recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall
    riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
    rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam
    sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
    sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
    select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid
    setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid
    setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid
    setsockopt set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown
    sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64
    statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
    timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink
    unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
    """
}
