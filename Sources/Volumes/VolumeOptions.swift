package import Kernel

/// The options of the driver `local`, as docker's has them: what is mounted as the volume, in the words of mount(8). None
/// for a volume that is a directory of the store.
package struct VolumeOptions: Hashable, Sendable {
  /// `nfs`, `tmpfs`, `btrfs`, …; `none` for a bind.
  package var type = ""
  /// The device, the server's directory, or the directory of a bind.
  package var device = ""
  package var isBind = false
  /// `rbind`: with what is mounted below.
  package var isRecursive = false
  /// Of mount(2).
  package var flags: MountFlags = []
  /// For the file system.
  package var data: [String] = []

  /// Why options are refused.
  package struct Refusal: Error, Hashable, Sendable {
    package var reason: String
    package var hint: String?
  }

  /// - Parameter options: `type`, `device`, `o`, as `-o NAME=VALUE` gives them; not empty.
  package init(_ options: [String: String]) throws(Refusal) {
    for name in options.keys.sorted() where !["type", "device", "o"].contains(name) {
      if name == "size" {
        throw Refusal(
          reason: "the option \"size\" needs a quota that a directory of the store does not have",
          hint: "a tmpfs has a size: -o type=tmpfs -o device=tmpfs -o o=size=\(options[name] ?? "")")
      }
      throw Refusal(reason: "invalid option: \"\(name)\"", hint: "the driver local knows type, device and o")
    }
    for (name, value) in options.sorted(by: { $0.key < $1.key }) {
      guard !value.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
        throw Refusal(reason: "the option \"\(name)\" holds a control character")
      }
    }
    type = options["type"] ?? ""
    device = options["device"] ?? ""
    for word in (options["o"] ?? "").split(separator: ",").map(String.init) { try take(word) }
    if isBind && type.isEmpty { type = "none" }
    for (name, value) in [("device", device), ("type", type)] where value.isEmpty {
      throw Refusal(reason: "missing required option: \"\(name)\"", hint: "-o type=nfs -o device=:/export -o o=addr=…")
    }
    if isBind || type == "none" {
      isBind = true
      guard device.hasPrefix("/") else {
        throw Refusal(reason: "the device of a bind is an absolute path, and \"\(device)\" is none")
      }
      guard data.isEmpty else {
        throw Refusal(reason: "\"\(data[0])\" is an option of a file system, and a bind mounts none")
      }
    }
    try checkServer()
  }

  private static let words: [String: (set: MountFlags, clear: MountFlags)] = [
    "ro": (.readOnly, []), "rw": ([], .readOnly), "nosuid": (.noSetUserId, []), "suid": ([], .noSetUserId),
    "nodev": (.noDevices, []), "dev": ([], .noDevices), "noexec": (.noExecute, []), "exec": ([], .noExecute),
    "sync": (.synchronous, []), "async": ([], .synchronous), "dirsync": (.directorySynchronous, []),
    "noatime": (.noAccessTime, []), "atime": ([], .noAccessTime), "nodiratime": (.noDirectoryAccessTime, []),
    "diratime": ([], .noDirectoryAccessTime), "relatime": (.relativeAccessTime, []),
    "norelatime": ([], .relativeAccessTime), "strictatime": (.strictAccessTime, []),
    "nostrictatime": ([], .strictAccessTime), "defaults": ([], []),
  ]

  private mutating func take(_ word: String) throws(Refusal) {
    if let change = Self.words[word] {
      flags.formUnion(change.set)
      flags.subtract(change.clear)
      return
    }
    switch word {
    case "bind": isBind = true
    case "rbind": (isBind, isRecursive) = (true, true)
    case "remount", "move":
      throw Refusal(reason: "\"\(word)\" changes a mount, and a volume is a new one")
    default: data.append(word)
    }
  }

  /// The kernel asks nobody for names: mount.nfs(8) does that, and nothing is executed here.
  private func checkServer() throws(Refusal) {
    guard type.hasPrefix("nfs") || type == "cifs" || type == "smb3" else { return }
    let key = type.hasPrefix("nfs") ? "addr" : "ip"
    guard let word = data.last(where: { $0.hasPrefix("\(key)=") || $0.hasPrefix("addr=") }) else {
      throw Refusal(reason: "\(type) needs the server's address", hint: "-o o=\(key)=192.0.2.1,…")
    }
    let address = String(word.drop { $0 != "=" }.dropFirst())
    guard IPAddress(address) == nil else { return }
    throw Refusal(
      reason: "\"\(address)\" is a name, and the kernel takes an address", hint: "getent hosts \(address) tells it")
  }

  /// The data string of mount(2).
  package var dataText: String { data.joined(separator: ",") }
}
