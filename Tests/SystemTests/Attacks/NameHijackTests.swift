import Foundation
import Kernel
import Testing

/// A container that wants to be taken for another one.
@Suite(.serialized, .enabled(if: geteuid() == 0, "containers need root"))
struct NameHijackTests {
  /// Its /etc/hostname is its own to write; what its neighbours find it by, and what the host writes for it, is not.
  @Test func whatItWritesIntoItsHostnameIsNobodysName() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let script = #"""
      ip link set lo up
      trap 'skiff rm -f $(skiff ps -aq) >/dev/null 2>&1; skiff network rm back front >/dev/null 2>&1' EXIT
      skiff network create --subnet 10.90.0.0/24 back >/dev/null
      skiff network create --subnet 10.90.1.0/24 front >/dev/null
      skiff run -d --name evil --network back --rootfs "$rootfs" \
        sh -c 'echo victim >/etc/hostname; echo "192.0.2.6 other" >>/etc/hostname; exec sleep 1000' >/dev/null
      until skiff exec evil grep -q other /etc/hostname; do sleep 0.05; done
      skiff network connect front evil
      skiff rename evil worse
      for net in back front; do for name in worse victim; do
        echo "$net $name" $(skiff run --rm --network $net --rootfs "$rootfs" busybox nslookup $name 2>&1 | grep -o '10\.90\.[01]\.[0-9]*')
      done; done
      skiff restart -t 0 worse >/dev/null 2>&1
      echo hosts $(skiff exec worse cat /etc/hosts | grep -c -e victim -e other)
      echo shared $(skiff run --rm --network container:worse --rootfs "$rootfs" sh -c 'echo "$HOSTNAME"' | grep -c -e victim -e other)
      """#
    let file = sandbox.folder.path + "/script"
    let text = "skiff() { \(Sandbox.skiff) \"$@\" </dev/null; }\nrootfs=\(sandbox.rootfs)\n" + script
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    let ran = try sandbox.shell("timeout 120 unshare -n -m --propagation private bash \(file)")
    #expect(
      ran.output == """
        back worse 10.90.0.2
        back victim
        front worse 10.90.1.2
        front victim
        hosts 0
        shared 0

        """, "\(ran)")
  }

  /// A name may look like an identifier; it does not stand before the container that has it.
  @Test func aNameIsNotTakenForAnothersIdentifier() throws {
    try Sandbox.underAttack { place in
      try place.startSleeper("first")
      let identifier = try #require(place.identifiers().first)
      try place.startSleeper(identifier)
      #expect(try place.skiff(["inspect", "-f", "{{.Name}}", identifier]).output == "/first\n")
      #expect(try place.skiff(["rm", "-f", identifier]).code == 0)
      #expect(try place.skiff(["ps", "-a", "--format", "{{.Names}}"]).output == identifier + "\n")
    }
  }
}
