import Foundation
import Kernel
import Testing

/// The tour takes away what it built, whatever becomes of it.
@Suite(
  .serialized,
  .enabled(
    if: geteuid() == 0 && ["/usr/bin/unshare", "/usr/bin/nc"].allSatisfy(FileManager.default.isExecutableFile),
    "needs root, util-linux and a netcat"))
struct TourTests {
  private func shell(_ script: String) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/unshare")
    process.arguments = ["--net", "/bin/sh", "-c", script]
    process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "skiff": Sandbox.skiff]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text
  }

  /// As a person does who comes back to one.
  @Test(arguments: 1...6) func aChapterStandsAlone(_ number: Int) throws {
    let (status, output) = try Guest.capture("\(Guest.quoted(Sandbox.skiff)) tour \(number)")
    #expect(status == .exited(0), "\(output)")
    #expect(output.contains("\n\(number). "))
    #expect(output.contains("all of it is gone again"))
  }

  /// Starts a tour and lets it go on until it prints a line with `$1`.
  private let start = """
    place=$(mktemp -d); mkfifo "$place"/out
    until_line() {
      setsid "$skiff" tour 5 > "$place"/out 2>&1 & tour=$!
      exec 3< "$place"/out
      while read -r line <&3; do case $line in *"$1"*) break;; esac; done
    }
    finish() { cat <&3 >/dev/null; code=0; wait $tour 2>/dev/null || code=$?; echo $code; }

    """

  @Test func anInterruptTidiesUp() throws {
    let output = try shell(
      start + """
        until_line 'diff author'; kill -TERM $tour; finish
        test -e /tmp/skiff-tour-$tour && echo left; rm -r "$place"
        """)
    #expect(output == "143\n")
  }

  @Test func theNextTourSweeps() throws {
    let output = try shell(
      start + """
        until_line 'commit author'; kill -KILL -$tour; finish
        test -L /tmp/skiff-tour-$tour/state/names/author && echo left
        "$skiff" tour 1 >/dev/null 2>&1; test -e /tmp/skiff-tour-$tour || echo swept; rm -r "$place"
        """)
    #expect(output == "137\nleft\nswept\n")
  }
}
