import Foundation
import Testing

/// The whole command, on this host and on one that was made ill in a mount namespace of its own.
@Suite(.enabled(if: getuid() == 0, "mounting needs root")) struct DoctorCommandTests {
  @Test func thisHostAndOneWithoutSeccomp() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let well = try sandbox.skiff(["doctor"])
    #expect(well.code == 0 && well.output.contains("kernel") && well.output.contains("cgroups"), "\(well)")
    let ill = try sandbox.shell(
      """
      export skiff="$0"
      unshare -m sh -c 'mount -t tmpfs none /proc/sys/kernel/seccomp && "$skiff" doctor -q'
      """)
    #expect(ill.code == 1 && ill.output.contains("broken   seccomp"), "\(ill)")
    #expect(ill.output.contains("CONFIG_SECCOMP_FILTER=y") && !ill.output.contains("fine "), "\(ill)")
    let json = try sandbox.skiff(["doctor", "--format", "json"])
    let list = try #require(JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
    #expect(list.contains { $0["Name"] as? String == "overlay" && $0["Verdict"] as? String == "fine" })
  }
}
