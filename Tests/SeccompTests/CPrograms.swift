import Foundation

/// Small C programs that a test compiles and runs.
enum CProgram {
  /// Whether a C compiler and libseccomp's headers are here.
  static let hasLibseccomp = compiles(
    "#include <seccomp.h>\nint main(void) { return !seccomp_version(); }\n", ["-lseccomp"])
  static let hasCompiler = compiles("int main(void) { return 0; }\n", [])

  private static func compiles(_ source: String, _ flags: [String]) -> Bool {
    guard let program = try? compiled(source, flags) else { return false }
    try? FileManager.default.removeItem(at: program.deletingLastPathComponent())
    return true
  }

  struct Failed: Error { var output: String }

  /// The path of the executable, in a temporary directory of its own; the caller removes `deletingLastPathComponent`.
  static func compiled(_ source: String, _ flags: [String]) throws -> URL {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("skiff-seccomp-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let file = directory.appendingPathComponent("program.c")
    let program = directory.appendingPathComponent("program")
    do {
      try Data(source.utf8).write(to: file)
      _ = try run("/usr/bin/cc", ["-O1", "-o", program.path, file.path] + flags)
    } catch {
      try? FileManager.default.removeItem(at: directory)
      throw error
    }
    return program
  }

  static func run(_ program: String, _ arguments: [String], input: Data = Data()) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = stdout
    process.standardError = stderr
    try process.run()
    // The programs read all of their input before they write.
    stdin.fileHandleForWriting.write(input)
    try stdin.fileHandleForWriting.close()
    let output = stdout.fileHandleForReading.readDataToEndOfFile()
    let errors = stderr.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw Failed(output: String(decoding: errors, as: UTF8.self) + " status \(process.terminationStatus)")
    }
    return output
  }

  /// Reads `default ACTION`, `arch TOKEN` and `rule ACTION NAME [INDEX OP A B]…`, builds the filter as runc does, and
  /// writes libseccomp's program. `known NAME` lines only ask which names it knows.
  static let exporter = """
    #include <errno.h>
    #include <seccomp.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    int main(void) {
      static char line[4096];
      scmp_filter_ctx ctx = NULL;
      int native = 0;
      while (fgets(line, sizeof line, stdin)) {
        char *word = strtok(line, " \\n");
        if (!word) continue;
        if (!strcmp(word, "known")) {
          char *name = strtok(NULL, " \\n");
          if (seccomp_syscall_resolve_name(name) != __NR_SCMP_ERROR) printf("%s\\n", name);
        } else if (!strcmp(word, "default")) {
          ctx = seccomp_init(strtoul(strtok(NULL, " \\n"), NULL, 0));
          if (!ctx) return 2;
        } else if (!strcmp(word, "arch")) {
          unsigned arch = strtoul(strtok(NULL, " \\n"), NULL, 0);
          if (arch == seccomp_arch_native()) native = 1;
          int rc = seccomp_arch_add(ctx, arch);
          if (rc && rc != -EEXIST) { fprintf(stderr, "arch %x: %d\\n", arch, rc); return 3; }
        } else if (!strcmp(word, "ready")) {
          if (!native) seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE);
        } else if (!strcmp(word, "rule")) {
          unsigned action = strtoul(strtok(NULL, " \\n"), NULL, 0);
          char *name = strtok(NULL, " \\n"), *index;
          struct scmp_arg_cmp args[6];
          int count = 0, number = seccomp_syscall_resolve_name(name);
          if (number == __NR_SCMP_ERROR) continue;
          while ((index = strtok(NULL, " \\n")) && count < 6) {
            args[count].arg = strtoul(index, NULL, 0);
            args[count].op = strtoul(strtok(NULL, " \\n"), NULL, 0);
            args[count].datum_a = strtoull(strtok(NULL, " \\n"), NULL, 0);
            args[count].datum_b = strtoull(strtok(NULL, " \\n"), NULL, 0);
            count++;
          }
          int rc = seccomp_rule_add_array(ctx, action, number, count, args);
          if (rc && rc != -EACCES) { fprintf(stderr, "%s: %d\\n", name, rc); return 4; }
        }
      }
      return ctx ? -seccomp_export_bpf(ctx, 1) : 0;
    }
    """

  /// Loads the program in the file, then makes calls that must fail and some that must not; prints `name errno` each.
  static let prober = """
    #define _GNU_SOURCE
    #include <errno.h>
    #include <fcntl.h>
    #include <linux/filter.h>
    #include <linux/sched.h>
    #include <linux/seccomp.h>
    #include <stdint.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/prctl.h>
    #include <sys/socket.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    #define TRY(name, ...) do { \\
      errno = 0; long r = syscall(__VA_ARGS__); \\
      printf("%s %d\\n", name, r < 0 ? errno : 0); } while (0)
    #ifdef __x86_64__
    static long i386(long number, long a) {
      long r;
      __asm__ volatile("int $0x80" : "=a"(r) : "a"(number), "b"(a), "c"(1), "d"(0) : "memory", "r8", "r9", "r10", "r11");
      return r;
    }
    #endif
    int main(int argc, char **argv) {
      static struct sock_filter code[4096];
      int fd = open(argv[1], O_RDONLY);
      ssize_t size = read(fd, code, sizeof code);
      close(fd);
      struct sock_fprog program = { size / sizeof code[0], code };
      setvbuf(stdout, NULL, _IOFBF, 65536);
      if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return 2;
      if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, strtoul(argv[2], 0, 0), &program)) { perror("load"); return 3; }
      TRY("alg", SYS_socket, 38, SOCK_SEQPACKET, 0);
      TRY("vsock", SYS_socket, 40, SOCK_STREAM, 0);
      TRY("unix", SYS_socket, AF_UNIX, SOCK_STREAM, 0);
      TRY("netlink", SYS_socket, AF_NETLINK, SOCK_RAW, 0);
      TRY("unshare", SYS_unshare, CLONE_NEWUTS);
      TRY("newuser", SYS_unshare, CLONE_NEWUSER);
      TRY("clone", SYS_clone, CLONE_NEWUTS | 17, 0, 0, 0, 0);
      TRY("clone3", SYS_clone3, 0, 0);
      /* EFAULT where it is allowed: a mount that worked would lie over the root of the machine. */
      TRY("mount", SYS_mount, 0, 0, 0, 0, 0);
      TRY("keyctl", SYS_keyctl, 0, 0, 0, 0, 0);
      TRY("bpf", SYS_bpf, 0, 0, 0);
      TRY("io_uring", 425, 1, 0);
      TRY("personality", SYS_personality, 0xffffffffUL);
      TRY("aslr", SYS_personality, 0x40000);
      TRY("future", 900);
      TRY("getpid", SYS_getpid);
    #ifdef __x86_64__
      printf("i386 alg %ld\\n", -i386(359, 38));
      printf("i386 future %ld\\n", -i386(900, 0));
      printf("i386 unshare %ld\\n", -i386(310, CLONE_NEWUTS));
    #endif
      fflush(stdout);
      return 0;
    }
    """
}
