import Foundation
import Testing

/// Registries as an ordinary user, whose files are the user's own inside of the namespace too.
@Suite(
  .serialized, .enabled(if: OrdinaryUser.obstacle == nil, "\(OrdinaryUser.obstacle ?? "")"),
  .enabled(if: LoopbackRegistry.isHere, "docker-registry is not installed"))
struct RootlessRegistryTests {
  private let nowhere = "unset XDG_RUNTIME_DIR DOCKER_CONFIG;"

  private func withRegistry(_ body: (OrdinaryUser, LoopbackRegistry) throws -> Void) throws {
    try withOrdinaryUser { user in
      let helper = URL(filePath: Sandbox.skiff).deletingLastPathComponent().appending(path: "skiff-registry")
      #expect(try user.host("install -m 755 \(helper.path) \(user.folder.path)/skiff-registry").code == 0)
      try user.makeImage()
      let registry = try LoopbackRegistry(in: user.folder, password: "sesame")
      try body(user, registry)
    }
  }

  @Test func whatAUserPushesComesBack() throws {
    try withRegistry { user, registry in
      let name = "\(registry.host)/team/owners:1"
      // Who lacks HOME has the home of /etc/passwd.
      let login = try user.shell(
        "\(nowhere) echo sesame | env -u HOME skiff login -u alice --password-stdin \(registry.host)"
          + " && stat -c '%a %U' ~/.docker/config.json")
      #expect(login.output.hasSuffix("600 \(user.name)\n"), "\(login.output) \(login.errors)")
      let pushed = try user.shell(
        "skiff tag owners \(name) && skiff push -q \(name) && skiff rmi -f owners \(name) >/dev/null")
      #expect(pushed.code == 0, "\(pushed.errors)")
      let pulled = try user.shell(
        "\(nowhere) skiff pull -q \(name) && skiff run --rm --network none \(name) stat -c %u:%g /data/file /data/sub/new"
      )
      #expect(pulled.output == "\(name)\n33:34\n0:0\n", "\(pulled.output) \(pulled.errors)")
      let archived = try user.shell(
        "skiff save -o box.tar --format oci-archive \(name) && skiff rmi -f \(name) >/dev/null && skiff load -q -i box.tar"
          + " && stat -c %U box.tar")
      #expect(archived.output.hasSuffix("\(user.name)\n"), "\(archived.output) \(archived.errors)")
      let out = try user.shell("skiff logout \(registry.host) >/dev/null; skiff pull -q \(registry.host)/team/owners:1")
      #expect(out.code != 0 && out.errors.contains("skiff login"), "\(out.output) \(out.errors)")
    }
  }

  /// podman's files, at the places that belong to the user's own number and home.
  @Test func whatPodmanKeepsIsFound() throws {
    try withRegistry { user, registry in
      let name = "\(registry.host)/team/owners:1"
      let password = Data("alice:sesame".utf8).base64EncodedString()
      let file = #"{"auths": {"\#(registry.host)": {"auth": "\#(password)"}}}"#
      let runtime = "/run/user/\(user.identifier)"
      defer { _ = try? user.host("rm -rf \(runtime); rmdir /run/user 2>/dev/null") }
      for place in [runtime, user.home + "/.config"] {
        let kept = try user.host(
          """
          set -e; rm -rf \(runtime); mkdir -p /run/user; install -d -m 700 -o \(user.name) \(place) \(place)/containers
          echo '\(file)' >\(place)/containers/auth.json; chown \(user.name) \(place)/containers/auth.json
          """)
        #expect(kept.code == 0, "\(kept.errors)")
        let pushed = try user.shell("\(nowhere) skiff tag owners \(name) && skiff push -q \(name)")
        #expect(pushed.code == 0, "\(place): \(pushed.errors)")
        #expect(try user.host("rm \(place)/containers/auth.json").code == 0)
      }
      let refused = try user.shell("\(nowhere) skiff push -q \(name)")
      #expect(refused.code != 0, "\(refused.output)")
    }
  }
}
