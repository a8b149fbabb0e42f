internal import Arguments
internal import JSON
internal import Kernel
internal import RuntimeCLI

/// The version of the program, and of what it writes to disk.
let version = runtimeVersion

func printVersion() throws -> Int32 {
  try printing { $0.line("skiff version \(version)") }
}

/// The machine as Go and as the kernel name it.
enum Machine {
  #if arch(x86_64)
    static let (goName, kernelName) = ("amd64", "x86_64")
  #else
    static let (goName, kernelName) = ("arm64", "aarch64")
  #endif

  static var kernelRelease: String { (try? readText("/proc/sys/kernel/osrelease")) ?? "" }
}

extension VersionCommand {
  static let perform: Perform = { arguments in
    let template = try arguments.string("format").map { try Template($0) }
    let release = Machine.kernelRelease
    // Docker's members, for scripts that ask for them: who types and who does it are one program here.
    let client: JSONValue = [
      "Version": .string(version), "ApiVersion": "", "DefaultAPIVersion": "", "GitCommit": "", "GoVersion": "",
      "Os": "linux", "Arch": .string(Machine.goName), "BuildTime": "", "Context": "default",
    ]
    let server: JSONValue = [
      "Platform": ["Name": "Skiff"],
      "Components": [
        [
          "Name": "Engine", "Version": .string(version),
          "Details": ["Arch": .string(Machine.goName), "KernelVersion": .string(release), "Os": "linux"],
        ]
      ],
      "Version": .string(version), "ApiVersion": "", "MinAPIVersion": "", "GitCommit": "", "GoVersion": "",
      "Os": "linux", "Arch": .string(Machine.goName), "KernelVersion": .string(release), "BuildTime": "",
    ]
    return try printing { out in
      if let template { return out.line(try template.text(["Client": client, "Server": server])) }
      out.line("Client:")
      out.line(" Version:           \(version)")
      out.line(" OS/Arch:           linux/\(Machine.goName)")
      out.line(" Context:           default")
      out.line()
      out.line("Server: none; each command does its work itself")
      out.line(" Engine:")
      out.line("  Version:          \(version)")
      out.line("  OS/Arch:          linux/\(Machine.goName)")
      out.line("  Kernel Version:   \(release)")
    }
  }
}
