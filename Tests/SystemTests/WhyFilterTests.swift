import Foundation
import Kernel
import Testing

/// What `why` says of a program that a filter of system calls killed, with and without an init above it.
@Suite(.enabled(if: Sandbox.obstacle == nil, "\(Sandbox.obstacle ?? "")")) struct WhyFilterTests {
  @Test(.enabled(if: exists("/dev/kmsg"), "the kernel's log is not to be read here"))
  func theCallIsNamed() throws {
    try Sandbox.with { sandbox in
      let profile = sandbox.folder.path + "/profile.json"
      let text =
        #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["uname"],"action":"SCMP_ACT_KILL_PROCESS"}]}"#
      try text.write(toFile: profile, atomically: true, encoding: .utf8)
      for (name, options, line) in [
        ("below", [], ["busybox", "uname"]), ("alone", ["--init=false"], ["busybox", "uname"]),
        ("deep", [], ["sh", "-c", "busybox uname; exit $?"]),
      ] as [(String, [String], [String])] {
        let words = ["run", "--name", name, "--network", "none", "--security-opt", "seccomp=\(profile)"] + options
        let died = try sandbox.skiff(words + ["--rootfs", sandbox.rootfs] + line)
        #expect(died.code == 159, "\(died)")
        let why = try sandbox.skiff(["why", name])
        #expect(why.output.contains("at uname"), "\(name): \(why)")
      }
    }
  }
}
