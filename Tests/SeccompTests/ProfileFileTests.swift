import Kernel
import RuntimeSpec
import Seccomp
import Testing

private func resolve(
  _ text: String, granted: CapabilitySet = [], machine: Machine = .x86, kernel: (UInt64, UInt64) = (6, 1)
) throws -> Spec.Seccomp? {
  try ProfileFile.resolve(Array(text.utf8), for: .init(granted: granted, machine: machine, kernel: kernel))
}

/// One rule with these conditions; whether it is in.
private func holds(
  _ conditions: String, granted: CapabilitySet = [], machine: Machine = .x86, kernel: (UInt64, UInt64) = (6, 1)
) throws -> Bool {
  let text = """
    {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", \(conditions)}]}
    """
  return try resolve(text, granted: granted, machine: machine, kernel: kernel)?.syscalls.count == 1
}

@Suite struct ProfileFileTests {
  @Test func everyField() throws {
    let text = """
      {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "flags": ["SECCOMP_FILTER_FLAG_LOG"],
       "archMap": [{"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
                   {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}],
       "syscalls": [
         {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "comment": "not read",
          "args": [{"index": 0, "value": 40, "valueTwo": 1, "op": "SCMP_CMP_NE"}]},
         {"name": "mount", "action": "SCMP_ACT_ERRNO", "errnoRet": 5}]}
      """
    var expected = Spec.Seccomp(defaultAction: .errno)
    expected.defaultErrnoRet = 38
    expected.flags = ["SECCOMP_FILTER_FLAG_LOG"]
    expected.architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    expected.syscalls = [
      Spec.SeccompRule(
        names: ["socket"], action: .allow, args: [.init(index: 0, value: 40, valueTwo: 1, op: .notEqual)]),
      Spec.SeccompRule(names: ["mount"], action: .errno, errnoRet: 5),
    ]
    #expect(try resolve(text) == expected)
    #expect(try resolve(text, machine: .arm)?.architectures == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"])
  }

  @Test func conditions() throws {
    let admin = CapabilitySet.systemAdministration
    #expect(try holds(#""includes": {"caps": ["CAP_SYS_ADMIN"]}"#, granted: admin))
    #expect(try !holds(#""includes": {"caps": ["CAP_SYS_ADMIN"]}"#))
    #expect(try !holds(#""includes": {"caps": ["CAP_SYS_ADMIN", "CAP_KILL"]}"#, granted: admin))
    #expect(try !holds(#""includes": {"caps": ["CAP_NO_SUCH"]}"#, granted: .all))
    #expect(try !holds(#""excludes": {"caps": ["CAP_KILL", "CAP_SYS_ADMIN"]}"#, granted: admin))
    #expect(try holds(#""excludes": {"caps": ["CAP_SYS_ADMIN"]}"#))
    #expect(try holds(#""includes": {"arches": ["amd64", "x32"]}"#))
    #expect(try !holds(#""includes": {"arches": ["amd64"]}"#, machine: .arm))
    #expect(try !holds(#""excludes": {"arches": ["arm64"]}"#, machine: .arm))
    #expect(try holds(#""includes": {"minKernel": "4.8"}"#))
    #expect(try holds(#""includes": {"minKernel": "4.8"}"#, kernel: (4, 8)))
    #expect(try !holds(#""includes": {"minKernel": "4.8"}"#, kernel: (4, 7)))
    #expect(try !holds(#""excludes": {"minKernel": "4.8"}"#, kernel: (5, 0)))
    #expect(try holds(#""includes": {}, "excludes": null"#))
  }

  @Test func nothingAsked() throws {
    #expect(try resolve("{}") == nil)
    #expect(try resolve(#"{"defaultAction": "SCMP_ACT_ALLOW"}"#)?.syscalls == [])
  }

  @Test(arguments: [
    "", "[]", "{", "null", #"{"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}"#,
    #"{"defaultAction": "ALLOW"}"#, #"{"defaultAction": 1}"#, #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}}"#,
    #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"]}]}"#,
    #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "name": "b", "action": "SCMP_ACT_LOG"}]}"#,
    #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [1], "action": "SCMP_ACT_LOG"}]}"#,
    #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG", "args": [{"index": 0}]}]}"#,
    #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG", "args": [{"index": -1, "op": "SCMP_CMP_EQ"}]}]}"#,
    #"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "archMap": [{"architecture": "SCMP_ARCH_X86"}]}"#,
    #"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": -1}"#,
    #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG", "includes": {"minKernel": "4"}}]}"#,
  ])
  func malformed(text: String) {
    #expect(throws: ProfileFileError.self) { try resolve(text) }
  }

  @Test func releases() {
    #expect(ProfileFile.Conditions(granted: [], release: "6.18.44-fc")?.kernel ?? (0, 0) == (6, 18))
    #expect(ProfileFile.Conditions(granted: [], release: "5.14-rc1")?.kernel ?? (0, 0) == (5, 14))
    #expect(ProfileFile.Conditions(granted: [], release: "x") == nil)
  }
}
