internal import Kernel

/// Standard output, in few writes. Nothing is written before `flush` or 64 KB.
struct Output {
  private var bytes: [UInt8] = []
  private(set) var fault: Fault?
  let colours: Colours

  init() { colours = Colours(of: .standardOutput) }

  /// The width to wrap at; 80 where standard output is no terminal.
  var columns: Int {
    guard let size = try? windowSize(of: .standardOutput), size.columns >= 40 else { return 80 }
    return min(Int(size.columns), 120)
  }

  mutating func print(_ text: String) { print(bytes: Array(text.utf8)) }

  mutating func line(_ text: String = "") { print(text + "\n") }

  mutating func print(bytes more: [UInt8]) {
    bytes.append(contentsOf: more)
    if bytes.count >= 65_536 { push() }
  }

  /// Only the first fault is kept: what comes after it is lost like it.
  private mutating func push() {
    defer { bytes.removeAll(keepingCapacity: true) }
    if fault != nil { return }
    do throws(Fault) { try BorrowedDescriptor.standardOutput.write(bytes) } catch {
      // Not the advice that suits Skiff's own files.
      fault = Fault(
        "write", error.errno, arguments: "standard output", hint: "what was to be printed is not all there")
    }
  }

  mutating func flush() throws(Fault) {
    if !bytes.isEmpty { push() }
    if let fault { throw fault }
  }
}

/// Runs `body` with a fresh output and writes it out; the exit code of success.
func printing(_ body: (inout Output) throws -> Void) throws -> Int32 {
  var out = Output()
  try body(&out)
  try out.flush()
  return 0
}

/// Escape sequences where a person looks on; empty into a file, with NO_COLOR (no-color.org) or on a dumb terminal.
struct Colours {
  let isOn: Bool

  init(of descriptor: BorrowedDescriptor) {
    isOn = isTerminal(descriptor) && (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb"
  }

  init(isOn: Bool) { self.isOn = isOn }

  var red: String { isOn ? "\u{1b}[31m" : "" }
  var green: String { isOn ? "\u{1b}[32m" : "" }
  var yellow: String { isOn ? "\u{1b}[33m" : "" }
  var cyan: String { isOn ? "\u{1b}[36m" : "" }
  var bold: String { isOn ? "\u{1b}[1m" : "" }
  var faint: String { isOn ? "\u{1b}[2m" : "" }
  var plain: String { isOn ? "\u{1b}[0m" : "" }
}
