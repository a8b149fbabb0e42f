import Foundation
import Testing

/// A user of the host whom the test makes and takes away again, with a home, ranges of ids and nothing else.
final class OrdinaryUser {
  let name = "skt" + UUID().uuidString.prefix(8).lowercased()
  let folder: URL
  private(set) var identifier = 0
  /// Network namespaces of `makeLan`, as files: where the user is, and who is beside him.
  private var network: String?
  /// Programs of this machine that are not there for the user, where there is a LAN.
  var hidden: [String] = []
  var neighbour: String { folder.path + "/neighbour" }
  var home: String { folder.path + "/home" }

  /// Why there cannot be one here; nil where there can.
  static let obstacle: String? = {
    guard geteuid() == 0 else { return "needs root" }
    for program in ["/usr/sbin/useradd", "/usr/bin/setpriv", "/usr/bin/newuidmap", "/bin/busybox"]
    where !FileManager.default.isExecutableFile(atPath: program) {
      return "needs \(program)"
    }
    for switched in ["user/max_user_namespaces", "kernel/unprivileged_userns_clone"]
    where (try? String(contentsOfFile: "/proc/sys/" + switched, encoding: .utf8)) == "0\n" {
      return "this host keeps user namespaces for root"
    }
    let restricted = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
    return (try? String(contentsOfFile: restricted, encoding: .utf8)) == "1\n" ? "AppArmor is in the way" : nil
  }()

  /// - Parameter hasRanges: with lines in /etc/subuid and /etc/subgid.
  init(hasRanges: Bool = true) throws {
    folder = URL(filePath: "/tmp/skiff-user-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let ranges = hasRanges ? "" : "--key SUB_UID_COUNT=0 --key SUB_GID_COUNT=0"
    // Copied by another process: a child that is born here meanwhile would hold the file open for writing (ETXTBSY).
    let made = try host(
      """
      set -e; chmod 755 \(folder.path); install -m 755 \(Sandbox.skiff) \(folder.path)/skiff; useradd \(ranges) -m -d \(home) -s /bin/bash \(name)
      install -d -m 700 -o \(name) \(home)/run; id -u \(name)
      """)
    #expect(made.code == 0, "\(made.errors)")
    identifier = Int(made.output.split(separator: "\n").last ?? "") ?? 0
  }

  /// Two namespaces with a cable, in the first of which the user is from now on.
  func makeLan() throws {
    let made = try host(
      """
      set -e; cd \(folder.path); touch here neighbour; mknod -m 666 tun c 10 200
      for place in here neighbour; do unshare --net=$PWD/$place true; nsenter --net=$PWD/$place ip link set lo up; done
      nsenter --net=$PWD/here ip link add lan type veth peer name lan netns $PWD/neighbour
      nsenter --net=$PWD/here bash -c 'ip addr add 10.9.0.1/24 dev lan; ip link set lan up; ip route add default via 10.9.0.2'
      nsenter --net=$PWD/neighbour bash -c 'ip addr add 10.9.0.2/24 dev lan; ip link set lan up'
      """)
    #expect(made.code == 0, "\(made.errors)")
    network = folder.path + "/here"
  }

  func removeLan() {
    _ = try? shell("skiff rm -f $(skiff ps -aq)")
    _ = try? host("umount \(folder.path)/here \(folder.path)/neighbour")
    network = nil
  }

  /// Ends all that is the user's, then the user.
  func remove() {
    _ = try? shell("skiff rm -f $(skiff ps -aq) </dev/null; skiff volume ls -q >/dev/null 2>&1")
    // The next user may get the same number, and with it what commands without XDG_RUNTIME_DIR left in /tmp.
    _ = try? host("userdel \(name) 2>/dev/null; rm -rf \(folder.path) /tmp/skiff-\(identifier)")
  }

  struct Result {
    var code: Int32
    var output: String
    var errors: String
  }

  /// A script of the user's, in which `skiff` is the program.
  ///
  /// - Parameter beside: a program that the neighbour runs meanwhile.
  func shell(_ script: String, environment: [String: String] = [:], besides beside: String? = nil) throws -> Result {
    // Many a test machine keeps the device to root, which no distribution does.
    let place = network.map {
      [
        "/usr/bin/nsenter", "--net=\($0)", "/usr/bin/unshare", "--mount", "--propagation", "slave", "/bin/bash", "-c",
        """
        mount --bind \(folder.path)/tun /dev/net/tun || exit
        for program in \(hidden.joined(separator: " ")); do mount --bind /dev/null $program || exit; done
        \(beside.map { "nsenter --net=\(neighbour) \($0) & sleep 0.2" } ?? "")
        "$@"; code=$?; kill -9 $! 2>/dev/null; exit $code
        """, "bash",
      ]
    }
    return try run(
      (place ?? []) + [
        "/usr/bin/setpriv", "--reuid", name, "--regid", name, "--init-groups", "/bin/bash", "-c", "cd; " + script,
      ],
      [
        "HOME": home, "XDG_RUNTIME_DIR": home + "/run", "USER": name,
        "PATH": "\(folder.path):/usr/sbin:/usr/bin:/sbin:/bin",
      ].merging(environment) { $1 })
  }

  /// A script of root's.
  func host(_ script: String) throws -> Result {
    try run(["/bin/bash", "-c", script], ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
  }

  /// Its output goes to files: a supervisor that lives on must not hold a pipe of the test open.
  private func run(_ words: [String], _ environment: [String: String]) throws -> Result {
    let process = Process()
    let (output, errors) = (folder.appending(path: "out"), folder.appending(path: "err"))
    for file in [output, errors] { FileManager.default.createFile(atPath: file.path, contents: nil) }
    process.executableURL = URL(filePath: words[0])
    process.arguments = Array(words.dropFirst())
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    process.waitUntilExit()
    func text(_ file: URL) -> String { (try? String(contentsOf: file, encoding: .utf8)) ?? "" }
    return Result(code: process.terminationStatus, output: text(output), errors: text(errors))
  }

  /// An archive as docker's `save` writes it: two layers whose files belong to several, the upper one with marks of what it
  /// hides, and a device node.
  func makeImage() throws {
    #if arch(arm64)
      let architecture = "arm64"
    #else
      let architecture = "amd64"
    #endif
    let made = try host(
      """
      set -e; mkdir -p \(folder.path)/image/r/{bin,etc,data/sub,dev,tmp} \(folder.path)/image/s/data/sub
      cd \(folder.path)/image; cp /bin/busybox r/bin
      for i in sh ls id cat sleep true rm mkdir stat nc wget ip echo; do ln -s busybox r/bin/$i; done
      printf 'root:x:0:0::/root:/bin/sh\\nweb:x:33:34::/:/bin/sh\\n' > r/etc/passwd
      echo a > r/data/file; echo b > r/data/sub/old; echo c > r/data/gone; mknod r/dev/sda b 8 0
      chown 33:34 r/data/file; chown -R 1000:1000 r/data/sub
      touch s/data/sub/.wh..wh..opq s/data/.wh.gone; echo n > s/data/sub/new
      tar --format=posix -C r -cf one.tar .; tar --format=posix -C s -cf two.tar data
      sum() { sha256sum $1 | cut -c1-64; }
      printf '{"architecture":"\(architecture)","os":"linux","config":{"Cmd":["/bin/sh"],"Env":["PATH=/bin"]},\
      "rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}' $(sum one.tar) $(sum two.tar) > config.json
      printf '[{"Config":"config.json","RepoTags":["owners:latest"],"Layers":["one.tar","two.tar"]}]' > manifest.json
      tar -cf ../image.tar config.json manifest.json one.tar two.tar; chmod 644 ../image.tar; rm -rf ../image
      """)
    #expect(made.code == 0, "\(made.errors)")
    let loaded = try shell("skiff load -i \(folder.path)/image.tar")
    #expect(loaded.output == "Loaded image: owners:latest\n", "\(loaded.errors)")
  }
}

/// A user for one test.
func withOrdinaryUser(hasRanges: Bool = true, _ body: (OrdinaryUser) throws -> Void) throws {
  let user = try OrdinaryUser(hasRanges: hasRanges)
  defer { user.remove() }
  try body(user)
}

/// The same on a LAN, with an image.
func withUserOnLan(_ body: (OrdinaryUser) throws -> Void) throws {
  try withOrdinaryUser { user in
    try user.makeLan()
    defer { user.removeLan() }
    try user.makeImage()
    try body(user)
  }
}
