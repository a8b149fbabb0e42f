import Arguments
import Foundation
import Testing

@testable import SkiffCLI

private let nothing: Perform = { _ in 0 }

/// Every command that has a table, whether the program carries it out yet or not.
private let entries: [CommandEntry] = [
  TourCommand.entry(nothing), RunCommand.entry(nothing), ExecCommand.entry(nothing), AttachCommand.entry(nothing),
  PsCommand.entry(nothing), LogsCommand.entry(nothing), StopCommand.entry(nothing), KillCommand.entry(nothing),
  WaitCommand.entry(nothing), RmCommand.entry(nothing), InspectCommand.entry(nothing), StatsCommand.entry(nothing),
  UpdateCommand.entry(nothing), ImagesCommand.entry(nothing), RmiCommand.entry(nothing), DiffCommand.entry(nothing),
  CommitCommand.entry(nothing), StageCommand.entry(nothing), ChrootCommand.entry(nothing),
  NetworkCommand.entry(
    create: nothing, list: nothing, inspect: nothing, remove: nothing, connect: nothing, disconnect: nothing,
    prune: nothing, map: nothing),
  NetCommand.entry(explain: nothing, verify: nothing, trace: nothing),
  VersionCommand.entry(nothing), EventsCommand.entry(nothing), InfoCommand.entry(nothing), TopCommand.entry(nothing),
  RenameCommand.entry(nothing), CompletionCommand.entry, ManCommand.entry, HelpCommand.entry,
]

private func commands(_ entries: [CommandEntry]) -> [Command] {
  entries.flatMap { entry -> [Command] in
    switch entry.action {
    case .run(let syntax, _): [syntax()]
    case .commands(let make): commands(make())
    case .refused: []
    }
  }
}

@Suite struct SyntaxTests {
  @Test func everyTableIsSound() {
    for command in commands(entries) + commands(commandTable()) {
      let names = command.allOptions.map(\.name)
      let letters = command.allOptions.compactMap(\.short)
      #expect(Set(names).count == names.count, "\(command.name) names an option twice")
      #expect(Set(letters).count == letters.count, "\(command.name) gives a letter twice")
      for option in command.allOptions where !option.isHidden {
        #expect(!option.help.isEmpty && !option.help.hasSuffix("."), "\(command.name) --\(option.name)")
        #expect(option.name.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "-" })
      }
      #expect(!command.usage.isEmpty && !command.summary.isEmpty)
      #expect(!help(for: command).isEmpty && !manPage(for: command, version: version).isEmpty)
    }
    let words = entries.flatMap { [$0.name] + $0.aliases }
    #expect(Set(words).count == words.count)
  }

  @Test(arguments: [
    "hostname", "name", "detach", "interactive", "tty", "rm", "env", "env-file", "workdir", "user", "volume", "mount",
    "tmpfs", "read-only", "memory", "memory-swap", "cpus", "cpuset-cpus", "pids-limit", "ulimit", "cap-add", "cap-drop",
    "privileged", "security-opt", "network", "init", "entrypoint", "label", "rootfs", "explain", "dry-run", "timings",
  ])
  func runTakes(option: String) {
    #expect(RunCommand.syntax().options.contains { $0.name == option })
  }

  @Test func runReadsDockersWords() throws {
    let parsed = try RunCommand.syntax().parse([
      "-dit", "--rm", "-m=64m", "--cpus", ".5", "-eA=1", "-e", "B", "-v", "/a:/b:ro", "-h", "web1", "web", "sh", "-c",
      "ls",
    ])
    #expect(parsed.positionals == ["web", "sh", "-c", "ls"])
    #expect(parsed.string("hostname") == "web1")
    #expect(parsed.strings("env") == ["A=1", "B"])
    #expect(try parsed.nanoCPUs("cpus") == 500_000_000)
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func theShellTakesItsScript(name: String) throws {
    let shell = try #require(Shell(rawValue: name))
    let path = "/usr/bin/\(name)"
    guard FileManager.default.isExecutableFile(atPath: path) else { try Test.cancel("no \(name) here") }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["-n"]
    let input = Pipe()
    process.standardInput = input
    try process.run()
    let script = completionScript(for: shell, commands: entries, globals: globalOptions)
    input.fileHandleForWriting.write(Data(script.utf8))
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }
}

@Suite struct ManPageTests {
  @Test func everyPageIsWritten() throws {
    let directory = "/tmp/skiff-man-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    #expect(runCommandLine(["man", "--all", directory]) == 0)
    let written = Set(try FileManager.default.contentsOfDirectory(atPath: directory))
    #expect(written == Set(pages(commandTable()).map { "skiff-\($0.page).1" } + ["skiff.1"]))
    for name in written {
      let text = try String(contentsOfFile: directory + "/" + name, encoding: .utf8)
      #expect(text.hasPrefix(".TH \"") && text.contains("\n.SH NAME\n"))
    }
  }

  @Test func aDirectoryThatIsNotThereIsTold() {
    #expect(runCommandLine(["man", "--all", "/no/such/directory"]) == 1)
  }
}
