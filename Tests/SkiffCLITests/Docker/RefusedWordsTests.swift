import Arguments
import Testing

@testable import SkiffCLI

/// What is refused says which word, why, and what to do instead.
@Suite struct RefusedWordsTests {
  @Test(arguments: [
    (["--link", "db"], "--link is refused: links belong to a network that every container was on"),
    (["--link=db:x"], "--link is refused: links belong to a network that every container was on"),
    (["--cpu-count", "2"], "--cpu-count is refused: it is for Windows"),
    (
      ["--use-api-socket"],
      "--use-api-socket is refused: there is no daemon whose socket could be given to the container"
    ),
  ])
  func flagsByName(words: [String], message: String) throws {
    let error = #expect(throws: UsageError.self) { try RunCommand.syntax().parse(words + ["image"]) }
    #expect(error?.message == message && error?.command == "run")
  }

  /// It asks for what happens anyway.
  @Test func aFlagThatIsTakenBackIsNoError() throws {
    #expect(try RunCommand.syntax().parse(["--use-api-socket=false", "image"]).positionals == ["image"])
  }

  @Test func commandsByName() throws {
    let error = #expect(throws: UsageError.self) { try dispatch(["swarm", "init"], in: commandTable()) }
    #expect(error?.message == "'swarm' is refused: swarm is not done: Skiff runs the containers of one host")
  }

  /// A word that is near to a refused one is not sent there, and the help is silent about it.
  @Test func nobodyIsLedToThem() throws {
    let error = #expect(throws: UsageError.self) { try RunCommand.syntax().parse(["--lnk", "x", "image"]) }
    #expect(error?.suggestion?.contains("--link") != true)
    #expect(!help(for: RunCommand.syntax()).contains("--link "))
    #expect(!help(for: commandTable(), about: "").contains("swarm"))
  }

  @Test func onlyAskingForNotarysSignaturesIsAnError() throws {
    let syntax = PullCommand.syntax()
    try syntax.parse(["--disable-content-trust", "x"]).refuseContentTrust()
    let error = #expect(throws: UsageError.self) {
      try syntax.parse(["--disable-content-trust=false", "x"]).refuseContentTrust()
    }
    #expect(error?.message.contains("Notary v1") == true)
  }
}
