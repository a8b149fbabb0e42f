import Kernel
import Testing

@testable import Mounts

@Suite struct MountOptionsTests {
  @Test func sortsWhatDockerAndTheSpecificationWrite() {
    let tmpfs = MountOptions("nosuid,strictatime,mode=755,size=65536k")
    #expect(tmpfs.set == [.noSetUserId, .strictAccessTime])
    #expect(tmpfs.clear == .accessTimeMask)
    #expect(tmpfs.data == ["mode=755", "size=65536k"])
    let bind = MountOptions(["rbind", "rprivate", "ro", "rro", "rnosuid", "noexec"])
    #expect(bind.isBind && bind.isRecursive && bind.propagatesRecursively)
    #expect(bind.propagation == .private)
    #expect(bind.set == [.readOnly, .noExecute])
    #expect(bind.setRecursively == [.readOnly, .noSetUserId])
    #expect(bind.data.isEmpty)
    #expect(MountOptions("tmpcopyup,,defaults").copiesUp)
    #expect(MountOptions("tmpcopyup,,defaults").data.isEmpty)
  }

  @Test func theLastWordWins() {
    #expect(MountOptions("ro,rw").set.isEmpty)
    #expect(MountOptions("ro,rw").clear == .readOnly)
    #expect(MountOptions("rw,ro").clear.isEmpty)
    #expect(MountOptions("noatime,relatime").set.isEmpty)
    #expect(MountOptions("relatime,noatime").set == .noAccessTime)
    #expect(MountOptions("rslave,private").propagation == .private)
    #expect(MountOptions("rslave,private").propagatesRecursively == false)
    #expect(MountOptions("rro,rrw").clearRecursively == .readOnly)
  }

  @Test func aWordThatOnlyLooksRecursiveIsTheFileSystems() {
    let words: [Path] = ["rootcontext=x", "rsize=8192", "name=systemd", "r"]
    #expect(MountOptions(words.map(\.string)).data == words)
    #expect(MountOptions("rrelatime").clearRecursively == .accessTimeMask)
    #expect(MountOptions("rrelatime").data.isEmpty)
  }

  /// A label with commas is one option of mount(2)'s text.
  @Test func aLabelStaysInOnePiece() {
    #expect(MountExecutor.data(["size=1m", "context=u:r:t:s0:c1,c2"]) == "size=1m,context=\"u:r:t:s0:c1,c2\"")
    #expect(MountExecutor.data(["context=u:r:t:s0", "mode=755"]) == "context=u:r:t:s0,mode=755")
  }

  @Test func sysctlNames() {
    #expect(MountExecutor.sysctlPath("net.ipv4.ip_forward") == "sys/net/ipv4/ip_forward")
    #expect(MountExecutor.sysctlPath("net/ipv4/conf/eth0.1/forwarding") == "sys/net/ipv4/conf/eth0.1/forwarding")
    #expect(MountExecutor.sysctlPath("net.ipv4.conf.eth0/1.forwarding") == "sys/net/ipv4/conf/eth0.1/forwarding")
  }
}
