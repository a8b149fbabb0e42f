import Containers
import Kernel
import Steps
import Testing

@testable import Engine

/// Names that nobody chose. Between the look at a name and its taking another container may have it.
@Suite(.enabled(if: effectiveUser() == 0, "containers need root")) struct RandomNameTests {
  /// Every second name looks free and is taken, as one is that another command has just made.
  @Test func oneThatWasTakenMeanwhileIsChosenAnew() throws {
    try withTemporaryDirectory { place in
      let engine = Engine(StateDirectories(root: place.appending("lib"), run: place.appending("run")))
      try engine.prepareDirectories()
      try makeDirectories(place.appending("rootfs"), mode: 0o755)
      for (index, adjective) in RandomName.adjectives.enumerated() where index % 2 == 0 {
        for navigator in RandomName.navigators {
          try makeSymbolicLink(engine.names.path(of: "\(adjective)_\(navigator)"), to: "taken")
        }
      }
      var request = RunRequest(root: .directory(place.appending("rootfs")))
      request.command = ["true"]
      request.network = .none
      for _ in 0..<12 {
        let identifier = try engine.newIdentifier()
        let lock = try engine.reserve(identifier)
        let prepared = try engine.prepare(request, as: identifier, rehearsal: false, starts: false)
        let created = try engine.create(prepared, lock: lock)
        let name = created.record.name
        created.rest()
        #expect(engine.names.identifier(of: name) == identifier)
        #expect(try engine.record(of: identifier).name == name)
        try engine.remove(name, force: false, withVolumes: false)
      }
    }
  }
}
