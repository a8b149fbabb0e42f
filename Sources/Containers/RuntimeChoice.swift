package import JSON
package import Kernel

/// An OCI runtime that is not our own, as it was found when the container was made.
package struct RuntimeChoice: Hashable, Sendable {
  /// What our own is called.
  package static let own = "skiff-runtime"

  /// As it was asked for.
  package var name: String
  /// From `/` on: no later start looks for it anew.
  package var program: String

  package init(name: String, program: String) {
    self.name = name
    self.program = program
  }

  /// Its containers have a kernel of their own, gVisor's: the host sees one process of theirs, which has none of their files.
  package var hidesProcesses: Bool {
    let word = program.split(separator: "/").last ?? ""
    return word.hasPrefix("runsc")
  }
}

extension RuntimeChoice: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(name: "", program: "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "name": name = try reader.string()
      case "program": program = try reader.string()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("name", name)
      writer.member("program", program)
    }
  }
}

/// What belongs to the work of another OCI runtime: gone when its container has ended.
package struct RuntimeFiles: Hashable, Sendable {
  package let directory: Path

  /// Also the bundle that it is given (the runtime specification's bundle.md).
  package var configuration: Path { directory.appending("config.json") }
  package var rootfs: Path { directory.appending("rootfs") }
  /// Its `--root`.
  package var state: Path { directory.appending("state") }
  /// The path of the runtime, for whoever takes away what is left, whatever became of the container's record.
  package var program: Path { directory.appending("program") }
  package var process: Path { directory.appending("pid") }
  package var log: Path { directory.appending("log") }
  package var console: Path { directory.appending("console") }
}
