import Kernel
import Testing

@testable import Volumes

@Suite struct VolumeOptionsTests {
  @Test func words() throws {
    let nfs = try VolumeOptions([
      "type": "nfs", "device": ":/export", "o": "addr=192.0.2.7,ro,nosuid,nfsvers=4,rw,noatime",
    ])
    #expect(nfs.type == "nfs" && nfs.device == ":/export" && !nfs.isBind)
    #expect(nfs.flags == [.noSetUserId, .noAccessTime] && nfs.dataText == "addr=192.0.2.7,nfsvers=4")
    let bind = try VolumeOptions(["type": "none", "device": "/srv", "o": "rbind,ro"])
    #expect(bind.isBind && bind.isRecursive && bind.flags == .readOnly && bind.data.isEmpty)
    #expect(try VolumeOptions(["device": "/srv", "o": "bind"]).type == "none")
    #expect(
      try VolumeOptions(["type": "tmpfs", "device": "tmpfs", "o": "size=64m,uid=5"]).dataText == "size=64m,uid=5")
  }

  @Test(arguments: [
    (["type": "tmpfs"], "missing required option: \"device\""), (["device": "/x"], "missing required option: \"type\""),
    (["foo": "1"], "invalid option: \"foo\""),
    (["type": "none", "device": "srv", "o": "bind"], "the device of a bind is an absolute path, and \"srv\" is none"),
    (
      ["type": "none", "device": "/srv", "o": "bind,size=1m"],
      "\"size=1m\" is an option of a file system, and a bind mounts none"
    ),
    (
      ["type": "ext4", "device": "/dev/x", "o": "remount,ro"], "\"remount\" changes a mount, and a volume is a new one"
    ),
    (["type": "nfs", "device": ":/x"], "nfs needs the server's address"),
    (
      ["type": "nfs", "device": ":/x", "o": "addr=nas.example"],
      "\"nas.example\" is a name, and the kernel takes an address"
    ),
  ]) func refused(_ options: [String: String], _ words: String) {
    let refusal = #expect(throws: VolumeOptions.Refusal.self) { try VolumeOptions(options) }
    #expect(refusal?.reason == words)
  }
}

@Suite(.enabled(if: effectiveUser() == 0, "mounting needs root")) struct VolumeMountTests {
  private func withStore(_ body: (VolumeStore, Path) throws -> Void) throws {
    try withTemporaryDirectory { (directory) throws in
      try body(VolumeStore(root: directory.appending("volumes"), run: directory.appending("run")), directory)
    }
  }

  private func isMounted(_ volume: Volume) throws -> Bool {
    try MountInformation.own().contains { $0.point == volume.mountpoint }
  }

  @Test func itIsMountedFromTheFirstUserToTheLast() throws {
    try withStore { (store, _) throws in
      let volume = try store.create("mem", options: ["type": "tmpfs", "device": "tmpfs", "o": "size=1m"])
      #expect(try !isMounted(volume))
      for user in ["a", "b", "a"] { try store.mount("mem", for: user) }
      #expect(try MountInformation.own().count { $0.point == volume.mountpoint } == 1)
      try replaceFile(volume.mountpoint.appending("file"), with: [1], durable: false)
      try store.unmountAll(for: "a")
      #expect(try isMounted(volume) && exists(volume.mountpoint.appending("file")))
      try store.unmountAll(for: "b")
      #expect(try !isMounted(volume) && entries(of: store.run).isEmpty)
      try store.unmountAll(for: "b")
      try store.remove("mem")
    }
  }

  @Test func whatIsMountedIsNotRemovedWithTheVolume() throws {
    try withStore { (store, directory) throws in
      let source = directory.appending("source")
      try makeDirectories(source, mode: 0o755)
      try replaceFile(source.appending("precious"), with: [1], durable: false)
      let volume = try store.create("site", options: ["type": "none", "device": source.string, "o": "bind,ro"])
      try store.mount("site", for: "a")
      #expect(exists(volume.mountpoint.appending("precious")))
      let fault = #expect(throws: Fault.self) {
        try replaceFile(volume.mountpoint.appending("x"), with: [], durable: false)
      }
      #expect(fault?.errno == .readOnlyFileSystem)
      // Its user is gone, and nobody has told.
      try store.remove("site")
      #expect(try entries(of: source).map(\.name) == ["precious"] && entries(of: store.root).isEmpty)
    }
  }

  @Test func aMountThatNobodyUsesIsHealed() throws {
    try withStore { (store, _) throws in
      let volume = try store.create("mem", options: ["type": "tmpfs", "device": "tmpfs"])
      try store.mount("mem", for: "killed")
      try removeFile(store.run.appending("mem/killed"))
      store.heal()
      #expect(try !isMounted(volume) && entries(of: store.run).isEmpty)
      let broken = try store.create("broken", options: ["type": "nosuchfs", "device": "x"])
      let fault = #expect(throws: Fault.self) { try store.mount("broken", for: "a") }
      #expect(fault?.errno == .noSuchDevice && fault?.hint?.contains("modprobe nosuchfs") == true)
      #expect(try !isMounted(broken) && entries(of: store.run).isEmpty)
    }
  }

  @Test func oneThatIsBeingPreparedIsNotRemoved() throws {
    try withStore { (store, _) throws in
      let held = try store.directory("data", for: "a", copyingUp: "/", layers: [])
      let fault = #expect(throws: Fault.self) { try store.remove("data") }
      #expect(fault?.errno == .busy)
      held.end()
      try store.remove("data")
    }
  }

  @Test func aMountedOneIsFilledWhileItIsEmpty() throws {
    try withStore { (store, directory) throws in
      let image = directory.appending("image")
      try makeDirectories(image.appending("srv/sub"), mode: 0o755)
      try replaceFile(image.appending("srv/one"), with: [1], durable: false)
      try setMode(of: image.appending("srv"), to: 0o1777)
      let source = directory.appending("source")
      try makeDirectory(source, mode: 0o755)
      let options = ["type": "none", "device": source.string, "o": "bind"]
      _ = try store.create("site", options: options)
      try store.directory("site", for: "a", copyingUp: "/srv", layers: [image]).end()
      #expect(try Set(entries(of: source).map(\.name)) == ["one", "sub"])
      #expect(try status(of: source).mode == 0o1777)
      try removeDirectory(source.appending("sub"))
      try store.directory("site", for: "a", copyingUp: "/srv", layers: [image]).end()
      #expect(try entries(of: source).map(\.name) == ["one"])
      #expect(try entries(of: store.run).isEmpty)
    }
  }
}
