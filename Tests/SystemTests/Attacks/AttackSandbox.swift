import Foundation
import Kernel
import Testing

/// What an attack found wrong.
struct Broken: Error, CustomStringConvertible { var description: String }

extension Sandbox {
  /// A sandbox whose root has /bin/attack. Whatever the attack did, no container, mount, link or group of it may be left.
  static func underAttack(_ body: (Sandbox) throws -> Void) throws {
    let place = try Sandbox()
    defer { place.remove() }
    try Attacker.install(in: place)
    do { try body(place) } catch {
      try? place.removeAll()
      throw error
    }
    let identifiers = place.identifiers()
    try place.removeAll()
    for _ in 0..<50 where !place.ranToItsEnd { usleep(100_000) }
    #expect(place.leaks(of: identifiers) == [])
  }

  func removeAll() throws {
    let names = try skiff(["ps", "-aq"]).output.split(separator: "\n").map(String.init)
    if !names.isEmpty { _ = try skiff(["rm", "-f"] + names) }
  }

  /// Without a network: it is no part of these attacks.
  func run(_ words: String..., flags: [String] = []) throws -> Result {
    try skiff(["run", "--rm", "--network", "none"] + flags + ["--rootfs", rootfs] + words)
  }

  /// A container that sleeps, for `exec` to enter.
  func startSleeper(_ name: String, flags: [String] = [], _ words: String...) throws {
    let command = words.isEmpty ? ["sleep", "1000"] : words
    let started = try skiff(
      ["run", "-d", "--name", name, "--network", "none"] + flags + ["--rootfs", rootfs] + command)
    guard started.code == 0 else { throw Broken(description: "\(name) did not start: \(started.errors)") }
  }

  /// The host's side of it: /bin/sh, with `skiff` as $skiff.
  func onHost(_ script: String, environment: [String: String] = [:]) throws -> Result {
    let out = folder.appending(path: "shell-\(UUID().uuidString)")
    _ = FileManager.default.createFile(atPath: out.path, contents: nil)
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", script]
    process.environment = [
      "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SKIFF_ROOT": state, "SKIFF_STATE": run, "skiff": Sandbox.skiff,
      "rootfs": rootfs,
    ].merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: out)
    process.standardError = process.standardOutput
    try process.run()
    process.waitUntilExit()
    let code = process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    return Result(code: code, output: (try? String(contentsOf: out, encoding: .utf8)) ?? "", errors: "")
  }

  /// Waits until a container has said something.
  func awaitLine(_ text: String, of name: String) throws {
    for _ in 0..<300 {
      if try skiff(["logs", name]).output.contains(text) { return }
      usleep(20_000)
    }
    throw Broken(description: "\(name) never said \"\(text)\"")
  }
}

/// How often an attack that wins by chance is tried: `make attack` asks for 10,000.
let attackCount = environment("SKIFF_ATTACKS").flatMap { Int($0) } ?? 50

/// The program that attacks with many starts run: the release, where there is one.
let attackedProgram = environment("SKIFF_RELEASE") ?? Sandbox.skiff
