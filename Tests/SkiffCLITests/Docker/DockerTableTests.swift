import Arguments
import Foundation
import Testing

@testable import SkiffCLI

private let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../" + CommandsPage.path)
  .standardized

/// docs/commands.md against the docker client that is installed and Skiff's own tables.
///
/// `Scripts/docker-table` makes the page anew: this test with `SKIFF_WRITE_TABLE=1`.
@Suite struct DockerTableTests {
  private static let docker = try? DockerHelp()
  private let skiff = SkiffWords()

  @Test func thePageSaysWhatTheTablesSay() throws {
    guard let docker = Self.docker else { return try theStatesHold() }
    let present = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
    let made = CommandsPage.text(docker, skiff, keeping: CommandsPage(present))
    if ProcessInfo.processInfo.environment["SKIFF_WRITE_TABLE"] != nil {
      try made.write(to: page, atomically: true, encoding: .utf8)
      return
    }
    // Another client has other words, which the page is not about.
    guard present.contains("docker client \(docker.version)") else { return try theStatesHold() }
    let (old, new) = (present.split(separator: "\n"), made.split(separator: "\n"))
    let difference = new.difference(from: old).map { change in
      switch change {
      case .insert(_, let line, _): "should be: \(line)"
      case .remove(_, let line, _): "is: \(line)"
      }
    }
    #expect(
      difference.isEmpty,
      "\(CommandsPage.path) is not what the tables say; run Scripts/docker-table\n\(difference.joined(separator: "\n"))"
    )
  }

  /// Where the client is another one or none: what the page says of Skiff is true.
  private func theStatesHold() throws {
    var heading = ""
    let rows = CommandsPage(try String(contentsOf: page, encoding: .utf8)).rows
    #expect(rows.count > 500)
    for (key, row) in rows {
      let parts = key.split(separator: "/", maxSplits: 1)
      heading = String(parts[0])
      let words = parts[1].dropFirst().dropLast().split(separator: " ")
      let state =
        if heading == "Commands" {
          skiff.state(of: words.joined(separator: " "))
        } else {
          skiff.state(
            of: .init(name: String(words.first { $0.hasPrefix("--") }?.dropFirst(2) ?? ""), short: nil, value: ""),
            in: String(heading.dropFirst(6)))
        }
      switch row.state {
      case "yes", "differs": #expect(state == .yes, "\(key)")
      case "refused": #expect(state == .refused(row.note), "\(key)")
      case "not yet": #expect(state == .missing, "\(key)")
      default: Issue.record("\(key): no such state: \(row.state)")
      }
    }
  }

  /// A flag of the same name takes a value where docker's does, and its letter is docker's.
  @Test func theWordsAreReadTheSameWay() throws {
    guard let docker = Self.docker else { try Test.cancel("no docker client here") }
    for command in docker.commands {
      guard let ours = skiff.commands[command.name] else { continue }
      for flag in command.flags {
        guard let option = ours.allOptions.first(where: { $0.name == flag.name }) else { continue }
        #expect(option.short == flag.short, "\(command.name) \(flag.shown)")
        #expect(option.takesValue == !flag.value.isEmpty, "\(command.name) \(flag.shown)")
      }
    }
  }

  @Test func aDifferenceIsSaid() throws {
    let differing = CommandsPage(try String(contentsOf: page, encoding: .utf8)).rows.filter {
      $0.value.state == "differs"
    }
    #expect(differing.count > 10)
    for (key, row) in differing { #expect(!row.note.isEmpty, "\(key)") }
  }

  @Test func theClientsCommandsWereFound() throws {
    // Older ones do not tell of other spellings.
    guard let docker = Self.docker, docker.version.hasPrefix("28.") else {
      try Test.cancel("no docker client 28 here")
    }
    let run = try #require(docker.commands.first { $0.name == "run" })
    #expect(run.spellings.contains("container run"))
    #expect(run.flags.contains { $0.name == "memory" && $0.short == "m" && $0.value == "bytes" })
    #expect(run.flags.count > 90 && docker.commands.count > 70)
  }
}
