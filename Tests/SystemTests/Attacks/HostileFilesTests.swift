import Foundation
import Kernel
import Testing

/// Files that a command is told to read, or finds in its own state, and that are none: nothing is waited for, nothing of
/// anybody's is overwritten, and nothing is left.
@Suite(.serialized, .enabled(if: geteuid() == 0, "containers need root"))
struct HostileFilesTests {
  private func fifo(_ place: Sandbox, _ name: String) throws -> String {
    let path = place.folder.path + "/" + name
    try makeNode(Path(path), kind: .fifo, mode: 0o600)
    return path
  }

  private func containers(_ place: Sandbox) throws -> [String] {
    try place.skiff(["ps", "-a", "--format", "{{.Names}}"]).output.split(separator: "\n").map(String.init)
  }

  /// The supervisor reads it, which no signal interrupts; /proc/kmsg is read without end.
  @Test func aSeccompProfileIsAFile() throws {
    try Sandbox.underAttack { place in
      let profiles = [try fifo(place, "profile"), "/proc/kmsg", "/dev/zero", place.folder.path]
      for profile in profiles {
        let result = try place.run("true", flags: ["--security-opt", "seccomp=\(profile)"])
        #expect(result.code == 125 && result.errors.contains("the seccomp profile"), "\(profile): \(result)")
      }
      #expect(try containers(place) == [])
    }
  }

  @Test func aSecretIsAFile() throws {
    try Sandbox.underAttack { place in
      for source in [try fifo(place, "secret"), "/dev/zero", place.folder.path] {
        let refused = try place.run("true", flags: ["--secret", "src=\(source),target=x"])
        #expect(refused.code == 125 && refused.errors.contains("\(source) is no regular file"), "\(refused)")
        // The cure for one that is missing would write into a device.
        #expect(!refused.errors.contains("cat >"))
      }
      #expect(try containers(place) == [])
    }
  }

  @Test(arguments: ["run", "create"]) func anIdentifierIsWrittenToANewFile(command: String) throws {
    try Sandbox.underAttack { place in
      let taken = place.folder.appending(path: "taken")
      try Data("another's".utf8).write(to: taken)
      let rest = ["--network", "none", "--rootfs", place.rootfs, "true"]
      for file in [taken.path, try fifo(place, "pipe"), place.folder.path] {
        let refused = try place.skiff([command, "--cidfile", file] + rest)
        #expect(refused.code != 0 && refused.errors.contains("is there already"), "\(refused)")
        #expect(refused.errors.contains("hint: ") && refused.output == "")
      }
      #expect(try String(contentsOf: taken, encoding: .utf8) == "another's")
      let nowhere = try place.skiff([command, "--cidfile", place.folder.path + "/none/file"] + rest)
      #expect(nowhere.code != 0)
      #expect(try containers(place) == [])

      // What makes no container leaves no file either.
      let file = place.folder.path + "/file"
      #expect(try place.skiff([command, "--cidfile", file, "--volumes-from", "nobody"] + rest).code != 0)
      #expect(!FileManager.default.fileExists(atPath: file))
      #expect(try place.skiff([command, "--cidfile", file] + rest).code == 0)
      #expect(try place.identifiers().contains(String(contentsOfFile: file, encoding: .utf8)))
    }
  }

  @Test func stateThatIsAFifoStopsNobody() throws {
    try Sandbox.underAttack { place in
      try place.startSleeper("held")
      let target = try FileManager.default.destinationOfSymbolicLink(atPath: "\(place.state)/names/held")
      for name in ["state.json", "record.json"] {
        let file = "\(place.state)/containers/\(target)/\(name)"
        try FileManager.default.removeItem(atPath: file)
        try makeNode(Path(file), kind: .fifo, mode: 0o600)
        #expect(try place.skiff(["ps", "-a"]).code == 0)
      }
      let told = try place.skiff(["inspect", "held"])
      #expect(told.code == 1 && told.errors.contains("record.json"), "\(told)")
      #expect(try place.skiff(["rm", "-f", "held"]).code == 0)
      place.settle()
    }
  }

  /// Without its state it looks like one that is just being started, for ever.
  @Test func aContainerThatLostItsStateIsRemoved() throws {
    try Sandbox.underAttack { place in
      try place.startSleeper("lost")
      let target = try FileManager.default.destinationOfSymbolicLink(atPath: "\(place.state)/names/lost")
      try FileManager.default.removeItem(atPath: "\(place.state)/containers/\(target)/state.json")
      #expect(try place.skiff(["rm", "-f", "lost"]).code == 0)
      place.settle()
      #expect(try containers(place) == [])
    }
  }

  /// Its hint must not be to change the rights of a device of the host.
  @Test func aConfigurationIsARegularFile() throws {
    try Sandbox.underAttack { place in
      #expect(try place.skiff(["ps"], environment: ["SKIFF_CONFIG": "/dev/null"]).code == 0)
      for file in ["/dev/zero", place.folder.path, try fifo(place, "config")] {
        let refused = try place.skiff(["ps"], environment: ["SKIFF_CONFIG": file])
        #expect(refused.code == 125 && refused.errors.contains("it is no regular file"), "\(refused)")
        #expect(!refused.errors.contains("chmod"))
      }
      // With `sudo -E` the home is a user's: neither what he writes nor a file that nobody writes to is root's command.
      let home = place.folder.path + "/home"
      let file = home + "/.config/skiff/config.toml"
      try makeDirectories(Path(home + "/.config/skiff"), mode: 0o755)
      try Data("[ps]\nquiet = true\n".utf8).write(to: URL(filePath: file))
      try FileManager.default.setAttributes([.ownerAccountID: 12_345], ofItemAtPath: file)
      let anothers = try place.skiff(["ps"], environment: ["HOME": home])
      #expect(anothers.code == 125 && anothers.errors.contains("somebody else may write to it"), "\(anothers)")
      try FileManager.default.removeItem(atPath: file)
      try makeNode(Path(file), kind: .fifo, mode: 0o644)
      #expect(try place.skiff(["ps"], environment: ["HOME": home]).code == 125)
    }
  }

  /// With `sudo -E` another user's home: whom he trusts, and which mirror he names, is not where root's images come from.
  @Test func aHomeOfAnotherUsersTrustsNobody() throws {
    try Sandbox.underAttack { place in
      let home = place.folder.path + "/home"
      let conf = home + "/.config/containers/registries.conf"
      let authority = home + "/.config/containers/certs.d/localhost:1/ca.crt"
      for file in [conf, authority] {
        try makeDirectories(Path(file).parent, mode: 0o755)
        try Data().write(to: URL(filePath: file))
        try FileManager.default.setAttributes([.ownerAccountID: 12_345], ofItemAtPath: file)
      }
      for file in [conf, authority] {
        let anothers = try place.skiff(["pull", "localhost:1/x"], environment: ["HOME": home])
        #expect(anothers.code == 1 && anothers.errors.contains("\(file) belongs to user 12345"), "\(anothers)")
        try FileManager.default.removeItem(atPath: file)
        try makeNode(Path(file), kind: .fifo, mode: 0o644)
        let waiting = try place.skiff(["pull", "localhost:1/x"], environment: ["HOME": home])
        #expect(waiting.code == 1 && waiting.errors.contains("\(file) is no regular file"), "\(waiting)")
        try FileManager.default.removeItem(atPath: file)
      }
      let without = try place.skiff(["pull", "localhost:1/x"], environment: ["HOME": home])
      #expect(without.code == 1 && without.errors.contains("connection refused"), "\(without)")
    }
  }

  /// The program that another user's config.json names for the passwords is not for root to run, whoever asks for them.
  @Test(arguments: [#""credsStore": "spy""#, #""credHelpers": {"localhost:1": "spy"}"#])
  func aCredentialHelperOfAnotherUsersIsNotRun(setting: String) throws {
    try Sandbox.underAttack { place in
      let folder = place.folder.path
      let file = folder + "/docker/config.json"
      try makeDirectories(Path(file).parent, mode: 0o755)
      try Data("{\(setting)}".utf8).write(to: URL(filePath: file))
      let helper = folder + "/bin/docker-credential-spy"
      try makeDirectories(Path(helper).parent, mode: 0o755)
      let script = "#!/bin/sh\n: >\(folder)/ran\necho 'credentials not found in native keychain'\nexit 1\n"
      try Data(script.utf8).write(to: URL(filePath: helper))
      chmod(helper, 0o755)
      func ask() throws -> Sandbox.Result {
        try place.skiff(
          ["logout", "localhost:1"],
          environment: ["DOCKER_CONFIG": folder + "/docker", "PATH": "\(folder)/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
      }
      chown(file, 12_345, 12_345)
      let refused = try ask()
      #expect(refused.code == 1 && refused.errors.contains("\(file) belongs to user 12345"), "\(refused)")
      #expect(refused.errors.contains("hint: leave sudo's -E out"), "\(refused)")
      #expect(!FileManager.default.fileExists(atPath: folder + "/ran"))
      // The caller's own is.
      chown(file, 0, 0)
      let own = try ask()
      #expect(!own.errors.contains("belongs to") && FileManager.default.fileExists(atPath: folder + "/ran"), "\(own)")
    }
  }

  /// One bit on the file, and everybody would be root.
  @Test(arguments: ["4755", "2755"]) func theProgramIsNotSetUserID(mode: String) throws {
    try Sandbox.underAttack { place in
      // Not in /tmp where that is nosuid; never executable by others for longer than this takes.
      let answer = try place.onHost(
        """
        dir=$(mktemp -d \(place.folder.path)/setid-XXXX); chmod 755 $dir \(place.folder.path)
        install -m \(mode) -g 12345 $skiff $dir/skiff
        for words in "run --rm --network none --rootfs / id" "oci list" "ps"; do
          setpriv --reuid 12345 --regid 23456 --clear-groups env -i $dir/skiff $words; echo $?
        done
        rm -rf $dir
        """)
      let lines = answer.output.split(separator: "\n")
      #expect(lines.filter { $0 == "125" }.count == 3, "\(answer.output)")
      #expect(lines.filter { $0.contains("is set-user-ID or set-group-ID") }.count == 3, "\(answer.output)")
      #expect(!answer.output.contains("uid="))
    }
  }

  @Test(arguments: ["type=tmp\nfs", "device=tmp\u{1b}[31mfs", "o=size=1m\nsuid"])
  func optionsOfAVolumeAreWords(option: String) throws {
    try Sandbox.underAttack { place in
      let words = ["volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", option, "bad"]
      let refused = try place.skiff(words)
      #expect(refused.code != 0 && refused.errors.contains("holds a control character"), "\(refused)")
    }
  }
}
