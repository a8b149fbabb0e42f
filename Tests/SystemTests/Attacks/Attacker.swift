import Foundation

/// A program that attacks from inside of a container: static, so that any root can hold it.
enum Attacker {
  /// Puts it into the sandbox's root as /bin/attack.
  static func install(in place: Sandbox) throws {
    let program = URL(filePath: place.rootfs + "/bin/attack")
    try compiled.get().write(to: program)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
  }

  /// Compiled once.
  private static let compiled = Result { () throws -> Data in
    let base = FileManager.default.temporaryDirectory.appending(path: "skiff-attack-\(UUID().uuidString)").path
    defer { for end in ["", ".c"] { try? FileManager.default.removeItem(atPath: base + end) } }
    try Data(program.utf8).write(to: URL(filePath: base + ".c"))
    let compiler = Process()
    compiler.executableURL = URL(filePath: "/usr/bin/cc")
    compiler.arguments = ["-static", "-O1", "-o", base, base + ".c"]
    try compiler.run()
    compiler.waitUntilExit()
    guard compiler.terminationStatus == 0 else { throw Broken(description: "cc failed on the attacker") }
    return try Data(contentsOf: URL(filePath: base))
  }

  /// Why it cannot be made, or nil.
  static let obstacle: String? = {
    if getuid() != 0 { return "containers need root" }
    if !FileManager.default.fileExists(atPath: "/bin/busybox") { return "no busybox" }
    return FileManager.default.fileExists(atPath: "/usr/bin/cc") ? nil : "no C compiler"
  }()

  /// Each command prints what it found.
  private static let program = """
    #define _GNU_SOURCE
    #include <dirent.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/ioctl.h>
    #include <sys/socket.h>
    #include <sys/stat.h>
    #include <sys/syscall.h>
    #include <sys/un.h>
    #include <unistd.h>

    /* CVE-2019-5736. Holds whatever is executed here and is not of this root open as a name (O_PATH), and tries to open it
       for writing by that name, while it runs (ETXTBSY at best) and after it has ended. */
    static int overwrite(long wanted) {
      struct stat own, box, seen;
      long tries = 0;
      int held[256] = {0}, next = 0;
      stat("/proc/self/exe", &own);
      stat("/bin/busybox", &box);
      printf("ready\\n");
      fflush(stdout);
      for (;;) {
        DIR *proc = opendir("/proc");
        struct dirent *entry;
        while ((entry = readdir(proc))) {
          char path[64];
          int pid = atoi(entry->d_name);
          if (pid <= 0) continue;
          snprintf(path, sizeof path, "/proc/%d/exe", pid);
          int fd = open(path, O_PATH | O_CLOEXEC);
          if (fd < 0) continue;
          if (fstat(fd, &seen) || seen.st_ino == own.st_ino || seen.st_ino == box.st_ino || !S_ISREG(seen.st_mode)) {
            close(fd);
            continue;
          }
          if (held[next]) close(held[next]);
          held[next] = fd;
          next = (next + 1) % 256;
        }
        closedir(proc);
        for (int i = 0; i < 256; i++) {
          char name[64];
          if (!held[i]) continue;
          snprintf(name, sizeof name, "/proc/self/fd/%d", held[i]);
          int fd = open(name, O_WRONLY);
          if (++tries == wanted) {
            printf("tried %ld\\n", tries);
            fflush(stdout);
          }
          if (fd >= 0) {
            printf("opened\\n");
            return 1;
          }
          if (errno != EROFS && errno != ETXTBSY && errno != EPERM && errno != EACCES) printf("errno %d\\n", errno);
        }
      }
    }

    int main(int count, char **words) {
      const char *what = count > 1 ? words[1] : "";
      long number = count > 2 ? atol(words[2]) : 0;
      if (!strcmp(what, "overwrite")) return overwrite(number);
      if (!strcmp(what, "descriptors")) {
        for (int fd = 0; fd < 4096; fd++) if (fcntl(fd, F_GETFD) >= 0) printf("%d ", fd);
        printf("\\n");
      } else if (!strcmp(what, "socket")) {
        printf("%d\\n", socket(number, SOCK_SEQPACKET, 0) < 0 ? errno : 0);
      } else if (!strcmp(what, "call")) {
        printf("%d\\n", syscall(number, -1, -1, -1, -1, -1, -1) < 0 ? errno : 0);
      } else if (!strcmp(what, "swap")) {
        /* Renames two names into each other's place for ever. */
        printf("ready\\n");
        fflush(stdout);
        for (;;) syscall(SYS_renameat2, AT_FDCWD, words[2], AT_FDCWD, words[3], 2);
      } else if (!strcmp(what, "type")) {
        /* Types into whatever terminals it was given, as if the person before them did. */
        for (int fd = 0; fd < 3; fd++) if (!ioctl(fd, TIOCSTI, "x")) printf("typed into %d\\n", fd);
      } else if (!strcmp(what, "connect")) {
        /* Waits for the end of the connection, or says that there is one byte. */
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char byte;
        /* By its last component: a path may be longer than an address. */
        char *name = strrchr(words[2], '/');
        *name = 0;
        if (chdir(words[2])) return printf("errno %d\\n", errno), 0;
        strncpy(address.sun_path, name + 1, sizeof address.sun_path - 1);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address)) return printf("errno %d\\n", errno), 0;
        if (send(fd, "\\x0f\\0\\0\\0\\0\\0\\0\\0", 8, MSG_NOSIGNAL) < 0) return printf("hung up\\n"), 0;
        long got = recv(fd, &byte, 1, 0);
        printf("%s\\n", got > 0 ? "served" : "hung up");
      } else {
        return 2;
      }
      return 0;
    }
    """
}
