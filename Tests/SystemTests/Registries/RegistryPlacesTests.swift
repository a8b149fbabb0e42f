import Foundation
import Kernel
import Testing

/// Where a registry is, and the way there: proxies, mirrors, hosts and a name server.
@Suite(.serialized, .enabled(if: effectiveUser() == 0, "the store is root's"))
struct RegistryPlacesTests {
  private func withSandbox(_ body: (Sandbox) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    try body(sandbox)
  }

  /// A registry with TLS whose name nobody here knows but the proxy: push and pull go through it, and its password is told to
  /// nobody else.
  @Test(.enabled(if: LoopbackRegistry.isHere, "docker-registry is not installed"))
  func aProxyLeadsToARegistry() throws {
    try withSandbox { sandbox in
      let registry = try LoopbackRegistry(in: sandbox.folder, tls: true, name: "registry.test")
      let proxy = try LoopbackProxy(in: sandbox.folder, to: registry.server.port, credentials: "al@ice:s3cret-canary")
      let name = "registry.test/team/box:1"
      func environment(_ more: [String: String]) -> [String: String] {
        ["HOME": sandbox.folder.path, "SSL_CERT_FILE": registry.authority].merging(more) { $1 }
      }
      let way = environment(["HTTPS_PROXY": "http://al%40ice:s3cret-canary@\(proxy.address)"])
      #expect(try sandbox.skiff(["stage", "-q", "-t", name, "busybox"]).code == 0)
      for words in [["push", name], ["rmi", name], ["pull", name], ["search", "registry.test/box"]] {
        let result = try sandbox.skiff(words, environment: way)
        #expect(result.code == 0, "\(words): \(result.errors)")
        #expect(!(result.output + result.errors).contains("canary"))
      }
      let requests = try proxy.requests()
      #expect(!requests.isEmpty && requests.allSatisfy { $0 == "CONNECT registry.test:443" }, "\(requests)")

      let direct = way.merging(["no_proxy": "other.example,.test"]) { $1 }
      let unknown = try sandbox.skiff(["pull", name], environment: direct)
      #expect(
        unknown.code == 1 && unknown.errors.contains("no address is known for registry.test"), "\(unknown.errors)")
      let wrong = environment(["https_proxy": "http://alice:wrong-canary@\(proxy.address)"])
      let refused = try sandbox.skiff(["pull", name], environment: wrong)
      #expect(
        refused.code == 1 && refused.errors.contains("the proxy wants another user name and password")
          && refused.errors.contains("through the proxy \(proxy.address)") && !refused.errors.contains("canary"),
        "\(refused.errors)")
      let nobody = try sandbox.skiff(["pull", name], environment: environment(["HTTPS_PROXY": "http://127.0.0.1:1"]))
      #expect(nobody.code == 1 && nobody.errors.contains("through the proxy 127.0.0.1:1"), "\(nobody.errors)")
      let nonsense = try sandbox.skiff(["pull", name], environment: environment(["HTTPS_PROXY": "x-canary://a"]))
      #expect(
        nonsense.code == 1 && nonsense.errors.contains("HTTPS_PROXY is refused") && !nonsense.errors.contains("canary"))
    }
  }

  /// podman's registries.conf: a mirror with another name for the repository, another location, and what is blocked.
  @Test func registriesConfIsKeptTo() throws {
    try withSandbox { sandbox in
      let registry = try HostileRegistry(in: sandbox.folder)
      let file = sandbox.folder.path + "/registries.conf"
      let text = """
        [[registry]]
        prefix = "registry.invalid/team"
        location = "nowhere.invalid"
        [[registry.mirror]]
        location = "127.0.0.1:1"
        [[registry.mirror]]
        location = "\(registry.host)/good"

        [[registry]]
        prefix = "moved.invalid"
        location = "\(registry.host)"

        [[registry]]
        prefix = "*.blocked.invalid"
        blocked = true
        """
      try Data(text.utf8).write(to: URL(filePath: file))
      let environment = ["CONTAINERS_REGISTRIES_CONF": file, "HOME": sandbox.folder.path]
      let mirrored = try sandbox.skiff(["pull", "registry.invalid/team"], environment: environment)
      #expect(mirrored.code == 0, "\(mirrored.errors)")
      #expect(mirrored.output.contains("Downloaded newer image for registry.invalid/team:latest"))
      let moved = try sandbox.skiff(["pull", "-q", "moved.invalid/token"], environment: environment)
      #expect(moved.code == 0 && moved.output == "moved.invalid/token:latest\n", "\(moved.errors)")
      let blocked = try sandbox.skiff(["pull", "a.blocked.invalid/x"], environment: environment)
      #expect(blocked.code == 1 && blocked.errors.contains("*.blocked.invalid is blocked on this machine"))
      try Data("[[registry]]\nlocation = 1\n".utf8).write(to: URL(filePath: file))
      let broken = try sandbox.skiff(["pull", "x"], environment: environment)
      #expect(broken.code == 1 && broken.errors.contains("registries.conf is refused: location is no text"))
    }
  }

  /// Namespaces of its own for mounts and network, where /etc/hosts knows one name and a name server another.
  @Test func namesComeFromHostsAndFromANameServer() throws {
    try withSandbox { sandbox in
      let folder = sandbox.folder.path
      try Data(HostileRegistry.program.utf8).write(to: URL(filePath: folder + "/registry.py"))
      try Data(Self.nameServer.utf8).write(to: URL(filePath: folder + "/names.py"))
      let script = """
        set -e; cd "$FOLDER"; ip link set lo up
        printf '127.0.0.1 localhost hosts.test\\n' >hosts; printf 'nameserver 127.0.0.1\\noptions timeout:1 attempts:3\\n' >resolv
        printf 'hosts: files dns\\n' >switch
        mount --bind hosts /etc/hosts; mount --bind switch /etc/nsswitch.conf
        touch "$(readlink -m /etc/resolv.conf)"; mount --bind resolv "$(readlink -m /etc/resolv.conf)"
        python3 names.py asked & names=$!; python3 registry.py 5000 a:b counts & registry=$!
        trap 'kill $names $registry' EXIT
        for _ in $(seq 200); do [ -e asked ] && nc -z 127.0.0.1 5000 && break; sleep 0.05; done
        for host in hosts dns; do "$SKIFF" pull -q --tls-verify=false $host.test:5000/good; done
        "$SKIFF" pull -q --tls-verify=false absent.test:5000/good || echo "failed"
        sort -u asked
        """
      let result = try sandbox.start(
        ["-n", "-m", "--propagation", "private", "/bin/sh", "-c", script],
        environment: ["FOLDER": folder, "SKIFF": Sandbox.skiff, "HOME": folder], program: "/usr/bin/unshare"
      ).finish()
      #expect(
        result.output == "hosts.test:5000/good:latest\ndns.test:5000/good:latest\nfailed\nabsent.test\ndns.test\n",
        "\(result)")
      #expect(result.errors.contains("no address is known for absent.test"), "\(result.errors)")
    }
  }

  /// Knows dns.test, and writes down what it was asked (RFC 1035, section 4).
  private static let nameServer = #"""
    import socket, struct, sys
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    open(sys.argv[1], "w").close()
    while True:
        query, client = server.recvfrom(512)
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, kind = ".".join(labels), struct.unpack(">H", query[at + 1:at + 3])[0]
        with open(sys.argv[1], "a") as out: out.write(name + "\n")
        known = name == "dns.test"
        answer = known and kind == 1
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | (0 if known else 3), 1, 1 if answer else 0, 0, 0)
        record = struct.pack(">HHHIH4B", 0xc00c, 1, 1, 60, 4, 127, 0, 0, 1) if answer else b""
        server.sendto(head + query[12:at + 5] + record, client)
    """#
}
