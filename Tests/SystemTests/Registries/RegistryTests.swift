import Foundation
import Kernel
import Testing

/// Pull, push and login against Debian's docker-registry.
@Suite(
  .serialized,
  .enabled(if: effectiveUser() == 0, "the store is root's"),
  .enabled(if: LoopbackRegistry.isHere, "docker-registry is not installed"))
struct RegistryTests {
  private func withSandbox(_ body: (Sandbox) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    try body(sandbox)
  }

  /// The environment of a call that keeps its credentials in the sandbox.
  private func own(_ sandbox: Sandbox, _ more: [String: String] = [:]) -> [String: String] {
    ["HOME": sandbox.folder.path, "DOCKER_CONFIG": sandbox.folder.path + "/docker"].merging(more) { $1 }
  }

  private func manifestDigest(_ sandbox: Sandbox, _ name: String) throws -> String {
    try sandbox.skiff(["images", "--format", "{{.Digest}}", name]).output
  }

  @Test func whatWasPushedComesBackTheSame() throws {
    try withSandbox { sandbox in
      let registry = try LoopbackRegistry(in: sandbox.folder)
      let name = "\(registry.host)/team/box:1"
      try sandbox.makeImage()
      #expect(try sandbox.skiff(["run", "--name", "work", "--network", "none", "box", "busybox", "true"]).code == 0)
      #expect(try sandbox.skiff(["commit", "work", name]).code == 0)
      #expect(try sandbox.skiff(["rm", "work"]).code == 0)
      let digest = try manifestDigest(sandbox, name)
      let pushed = try sandbox.skiff(["push", name])
      #expect(pushed.code == 0, "\(pushed.errors)")
      #expect(pushed.output.hasPrefix("The push refers to repository [\(registry.host)/team/box]\n"))
      #expect(pushed.output.contains(": Pushed\n"))
      #expect(pushed.output.contains("\n1: digest: \(digest.dropLast()) size: "))
      let again = try sandbox.skiff(["push", name])
      #expect(again.output.contains(": Layer already exists\n") && !again.output.contains(": Pushed"))

      #expect(try sandbox.skiff(["rmi", "-f", name, "box", "plain"]).code == 0)
      let pulled = try sandbox.skiff(["pull", name])
      #expect(pulled.code == 0, "\(pulled.errors)")
      #expect(
        pulled.output.hasPrefix("1: Pulling from team/box\n")
          && pulled.output.hasSuffix("Digest: \(digest)Status: Downloaded newer image for \(name)\n\(name)\n"))
      #expect(try manifestDigest(sandbox, name) == digest)
      #expect(try sandbox.skiff(["pull", "-q", name]).output == name + "\n")
      #expect(try sandbox.skiff(["pull", name]).output.contains("Status: Image is up to date for \(name)\n"))
      let ran = try sandbox.skiff(["run", "--rm", "--network", "none", name, "busybox", "ls", "/second"])
      #expect(ran.output == "/second\n", "\(ran.errors)")
      let told = try sandbox.skiff([
        "events", "--since", "1h", "--until", "0s", "-f", "event=push", "-f", "event=pull", "--format",
        "{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}",
      ])
      let (push, pull) = (
        "image push \(name) \(registry.host)/team/box", "image pull \(name) \(registry.host)/team/box"
      )
      #expect(told.output.split(separator: "\n").map(String.init) == [push, push, pull, pull, pull], "\(told)")
      #expect(try entries(of: Path(sandbox.state + "/images/ingest")).isEmpty)
    }
  }

  /// A blob that another repository has is mounted and not sent; a large one goes up in parts.
  @Test func blobsAreMountedAndSentInParts() throws {
    try withSandbox { sandbox in
      let registry = try LoopbackRegistry(in: sandbox.folder)
      let settings = sandbox.folder.path + "/registries.json"
      try Data(#"{"chunkBytes": 262144}"#.utf8).write(to: URL(filePath: settings))
      let (first, second) = ("\(registry.host)/one:x", "\(registry.host)/two:x")
      #expect(try sandbox.skiff(["stage", "-q", "-t", first, "busybox"]).code == 0)
      let sent = try sandbox.skiff(["push", first], environment: ["SKIFF_REGISTRIES": settings])
      #expect(sent.code == 0 && sent.output.contains(": Pushed\n"), "\(sent.errors)")
      #expect(
        try sandbox.skiff(["run", "--name", "work", "--network", "none", first, "busybox", "touch", "/new"]).code == 0)
      #expect(try sandbox.skiff(["commit", "work", second]).code == 0)
      #expect(try sandbox.skiff(["rm", "work"]).code == 0)
      let mounted = try sandbox.skiff(["push", second])
      #expect(
        mounted.code == 0 && mounted.output.contains(": Mounted from one\n"), "\(mounted.output)\(mounted.errors)")
      #expect(try sandbox.skiff(["rmi", "-f", first, second]).code == 0)
      let all = try sandbox.skiff(["pull", "-a", "\(registry.host)/two"])
      #expect(all.code == 0 && all.output.contains("\(second)\n"), "\(all.errors)")
      let ran = try sandbox.skiff([
        "run", "--rm", "--network", "none", "--pull", "always", first, "busybox", "echo", "hi",
      ])
      #expect(ran.output == "hi\n" && ran.errors.contains("x: Pulling from one\n"), "\(ran.errors)")
    }
  }

  @Test func runPullsWhatIsMissing() throws {
    try withSandbox { sandbox in
      let registry = try LoopbackRegistry(in: sandbox.folder)
      let name = "\(registry.host)/box:1"
      #expect(try sandbox.skiff(["stage", "-q", "-t", name, "busybox"]).code == 0)
      #expect(try sandbox.skiff(["push", "-q", name]).output == name + "\n")
      #expect(try sandbox.skiff(["rmi", name]).code == 0)
      func run(_ options: String...) throws -> Sandbox.Result {
        try sandbox.skiff(["run", "--rm", "--network", "none"] + options + [name, "busybox", "echo", "hello"])
      }
      let never = try run("--pull", "never")
      #expect(never.code == 125 && never.errors.contains("no such image"))
      let missing = try run()
      #expect(missing.code == 0 && missing.output == "hello\n", "\(missing.errors)")
      #expect(missing.errors.hasPrefix("Unable to find image '\(name)' locally\n1: Pulling from box\n"))
      #expect(try run().errors.isEmpty)
      #expect(try run("--pull=always", "-q").errors.isEmpty)
      let wrong = try sandbox.skiff(["run", "--rm", "\(registry.host)/nothing", "true"])
      #expect(wrong.code == 125 && wrong.errors.contains("manifest unknown"), "\(wrong.errors)")
    }
  }

  /// No call of it has the password on its command line, and no word that it says.
  @Test func aLoginOpensARegistryWithTLSAndPasswords() throws {
    try withSandbox { sandbox in
      let password = "s3cret-canary"
      let registry = try LoopbackRegistry(in: sandbox.folder, tls: true, password: password)
      let trusted = own(sandbox, ["SSL_CERT_FILE": registry.authority])
      let name = "\(registry.host)/private/box:1"
      #expect(try sandbox.skiff(["stage", "-q", "-t", name, "busybox"]).code == 0)

      let untrusted = try sandbox.skiff(["push", name], environment: own(sandbox))
      #expect(
        untrusted.code == 1 && untrusted.errors.contains("its certificate is not one to trust"), "\(untrusted.errors)")
      #expect(untrusted.errors.contains("hint: put the authority's certificate into /etc/docker/certs.d/"))
      let stranger = try sandbox.skiff(["push", name], environment: trusted)
      #expect(
        stranger.code == 1 && stranger.errors.contains(": 401 unauthorized"), "\(stranger.errors)")
      #expect(stranger.errors.contains("hint: log in with 'skiff login'"))

      func login(_ password: String) throws -> Sandbox.Result {
        try sandbox.start(
          [
            "-c", "printf '%s\\n' '\(password)' | \"$0\" login -u alice --password-stdin \(registry.host)",
            Sandbox.skiff,
          ],
          environment: trusted, program: "/bin/bash"
        ).finish()
      }
      let wrong = try login("wrong")
      #expect(wrong.code == 1 && wrong.errors.contains("the user name or the password is wrong"), "\(wrong.errors)")
      let right = try login(password)
      #expect(right.code == 0 && right.output == "Login Succeeded\n", "\(right.errors)")
      #expect(right.errors.hasPrefix("WARNING! Your credentials are stored unencrypted in "))
      let file = sandbox.folder.path + "/docker/config.json"
      #expect(try status(of: Path(file)).mode.octal == "0600")
      #expect(
        try String(contentsOfFile: file, encoding: .utf8).contains(Data("alice:\(password)".utf8).base64EncodedString())
      )

      for words in [["push", name], ["rmi", name], ["pull", name], ["pull", "--tls-verify=false", name]] {
        let result = try sandbox.skiff(
          words, environment: words.contains("--tls-verify=false") ? own(sandbox) : trusted)
        #expect(result.code == 0, "\(words): \(result.errors)")
        #expect(!(result.output + result.errors).contains(password))
      }
      let out = try sandbox.skiff(["logout", registry.host], environment: trusted)
      #expect(out.output == "Removing login credentials for \(registry.host)\n")
      #expect(
        try sandbox.skiff(["logout", registry.host], environment: trusted).output
          == "Not logged in to \(registry.host)\n")
      #expect(try sandbox.skiff(["pull", name], environment: trusted).code == 1)
    }
  }

  /// docker's directory for one registry's authority; its helper program for credentials; podman's file.
  @Test func certificatesAndCredentialsAreFoundWhereDockerAndPodmanKeepThem() throws {
    try withSandbox { sandbox in
      let registry = try LoopbackRegistry(in: sandbox.folder, tls: true, password: "from-a-helper")
      let name = "\(registry.host)/box:1"
      let certificates = sandbox.folder.path + "/.config/containers/certs.d/\(registry.host)"
      let script = """
        set -e; mkdir -p '\(certificates)' "$HOME/bin" "$HOME/docker" "$HOME/containers"
        cp \(registry.authority) '\(certificates)/ca.crt'
        cat >"$HOME/bin/docker-credential-test" <<'END'
        #!/bin/sh
        read server; [ "$1 $server" = "get \(registry.host)" ] || exit 1
        echo '{"ServerURL":"'$server'","Username":"alice","Secret":"from-a-helper"}'
        END
        chmod +x "$HOME/bin/docker-credential-test"
        """
      let made = try sandbox.start(["-c", script], environment: own(sandbox), program: "/bin/sh").finish()
      #expect(made.code == 0, "\(made.errors)")
      #expect(try sandbox.skiff(["stage", "-q", "-t", name, "busybox"]).code == 0)
      let file = URL(filePath: sandbox.folder.path + "/docker/config.json")
      let paths = ["PATH": sandbox.folder.path + "/bin:/usr/bin:/bin", "XDG_RUNTIME_DIR": sandbox.folder.path]

      try Data(#"{"credHelpers": {"\#(registry.host)": "test"}}"#.utf8).write(to: file)
      let helped = try sandbox.skiff(["push", name], environment: own(sandbox, paths))
      #expect(helped.code == 0, "\(helped.errors)")
      try Data(#"{"credsStore": "absent"}"#.utf8).write(to: file)
      let absent = try sandbox.skiff(["pull", name], environment: own(sandbox, paths))
      #expect(absent.code == 1 && absent.errors.contains("docker-credential-absent is not on PATH"), "\(absent.errors)")
      try FileManager.default.removeItem(at: file)
      let auth = Data("alice:from-a-helper".utf8).base64EncodedString()
      try Data(#"{"auths": {"\#(registry.host)/box": {"auth": "\#(auth)"}}}"#.utf8)
        .write(to: URL(filePath: sandbox.folder.path + "/containers/auth.json"))
      let podman = try sandbox.skiff(["pull", name], environment: own(sandbox, paths))
      #expect(podman.code == 0, "\(podman.errors)")
    }
  }

  @Test func searchReadsACatalogue() throws {
    try withSandbox { sandbox in
      let registry = try LoopbackRegistry(in: sandbox.folder)
      #expect(try sandbox.skiff(["stage", "-q", "-t", "\(registry.host)/team/box", "busybox"]).code == 0)
      #expect(try sandbox.skiff(["push", "\(registry.host)/team/box"]).code == 0)
      let found = try sandbox.skiff(["search", "\(registry.host)/bo"])
      #expect(found.output.hasPrefix("NAME") && found.output.contains("\n\(registry.host)/team/box"), "\(found.errors)")
      let named = try sandbox.skiff(["search", "--format", "{{.Name}}", "\(registry.host)/nothing"])
      #expect(named.code == 0 && named.output.isEmpty, "\(named.errors)")
    }
  }

  @Test func withoutTheHelperTheCureIsSaid() throws {
    try withSandbox { sandbox in
      let result = try sandbox.skiff(["pull", "box"], environment: ["SKIFF_LIBEXEC": "/nonexistent"])
      #expect(result.code == 1)
      #expect(result.errors.contains("the program skiff-registry, which speaks with registries, is not installed"))
    }
  }
}
