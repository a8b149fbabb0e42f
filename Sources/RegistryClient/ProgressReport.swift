internal import ImageSpec
internal import JSON
internal import Kernel
internal import RegistryRequests

/// What a person sees of long work: a line a blob with bytes, rate and time left on a terminal, plain lines elsewhere, JSON, or
/// nothing.
actor ProgressReport {
  private struct Line {
    var name: String
    var status: String
    var current: Int64 = 0
    var total: Int64 = 0
    var isMoving = false
    /// When the first byte of this run came, and how many were there before it.
    var begin: UInt64 = 0
    var before: Int64 = 0
  }

  private enum Style { case moving, plain, json, silent }

  private let style: Style
  private let output: BorrowedDescriptor
  private var lines: [Line] = []
  /// Lines of the moving block that are on the screen.
  private var shown = 0
  private var lastDrawn: UInt64 = 0
  private static let pause: UInt64 = 100_000_000

  init(_ request: RegistryRequest) {
    output = request.speaksOnErrors ? .standardError : .standardOutput
    style =
      switch request.progress {
      case _ where request.isQuiet: .silent
      case .none: .silent
      case .json: .json
      case .plain: .plain
      case .auto: isTerminal(output) ? .moving : .plain
      }
  }

  /// A line that stays: `latest: Pulling from library/bash`.
  func headline(_ text: String) {
    switch style {
    case .silent: break
    case .json: put(JSONValue.object(object(["status": .string(text)])).jsonString() + "\n")
    case .plain: put(text + "\n")
    case .moving:
      // The block is drawn anew below it.
      erase()
      put(text + "\n")
      draw()
    }
  }

  /// What a blob is at. Plain lines tell each status once.
  func status(_ blob: ContentDescriptor, _ status: String, isMoving: Bool = false) {
    // As docker: a config is part of no layer that a person would know.
    guard !blob.mediaType.isImageConfig else { return }
    let name = blob.digest.short
    let index = line(name)
    let isNews = lines[index].status != status
    lines[index].status = status
    lines[index].isMoving = isMoving
    lines[index].total = blob.size
    guard isNews else { return }
    switch style {
    case .silent: break
    case .plain: put("\(name): \(status)\n")
    case .json: put(json(lines[index]))
    case .moving: redraw(now: true)
    }
  }

  /// What was there before: it is no part of the rate.
  func begin(_ blob: ContentDescriptor, at current: Int64) {
    guard !blob.mediaType.isImageConfig, current > 0 else { return }
    lines[line(blob.digest.short)].current = current
  }

  /// - Parameter current: bytes that have come or gone altogether.
  func advance(_ blob: ContentDescriptor, to current: Int64) {
    guard !blob.mediaType.isImageConfig else { return }
    let index = line(blob.digest.short)
    let time = monotonicNanoseconds()
    if lines[index].begin == 0 { (lines[index].begin, lines[index].before) = (time, lines[index].current) }
    lines[index].current = current
    guard style != .silent, style != .plain, time - lastDrawn >= Self.pause else { return }
    if style == .json {
      lastDrawn = time
      put(json(lines[index]))
    } else {
      redraw(now: true)
    }
  }

  /// All lines stand as they are from now on.
  func finish() {
    if style == .moving { redraw(now: true) }
    lines = []
    shown = 0
  }

  private func line(_ name: String) -> Int {
    if let index = lines.firstIndex(where: { $0.name == name }) { return index }
    lines.append(Line(name: name, status: ""))
    return lines.count - 1
  }

  // MARK: Drawing

  private func redraw(now: Bool) {
    erase()
    draw()
    lastDrawn = monotonicNanoseconds()
  }

  private func erase() {
    if shown > 0 { put("\u{1b}[\(shown)A\u{1b}[J") }
    shown = 0
  }

  private func draw() {
    let size = try? windowSize(of: output)
    let width = size.map { max(20, Int($0.columns)) } ?? 80
    // A block that is taller than the screen could not be taken back.
    let height = size.map { max(1, Int($0.rows) - 1) } ?? 24
    let visible = lines.suffix(height)
    put(visible.map { String(text($0).prefix(width - 1)) + "\n" }.joined())
    shown = visible.count
  }

  private func text(_ line: Line) -> String {
    guard line.isMoving, line.total > 0 else { return "\(line.name): \(line.status)" }
    var text = "\(line.name): \(line.status) \(megabytes(line.current))/\(megabytes(line.total))"
    let seconds = Double(monotonicNanoseconds() - line.begin) / 1e9
    if line.begin > 0, seconds > 0.5, line.current > line.before {
      let rate = Double(line.current - line.before) / seconds
      let left = Int64(Double(line.total - line.current) / rate)
      text += "  \(megabytes(Int64(rate)))/s  \(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left"
    }
    return text
  }

  private func json(_ line: Line) -> String {
    var value = object(["id": .string(line.name), "status": .string(line.status)])
    if line.total > 0 {
      value["current"] = .number(.integer(line.current))
      value["total"] = .number(.integer(line.total))
    }
    return JSONValue.object(value).jsonString() + "\n"
  }

  private func object(_ members: KeyValuePairs<String, JSONValue>) -> JSONObject {
    members.reduce(into: JSONObject()) { $0[$1.key] = $1.value }
  }

  /// A reader that has gone is no reason to stop the work.
  private func put(_ text: String) { try? output.write(text) }
}

/// `12.3MB`, in docker's decimal units.
func megabytes(_ bytes: Int64) -> String {
  let units = ["B", "kB", "MB", "GB", "TB"]
  var (value, unit) = (Double(bytes), 0)
  while value >= 1000, unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
  if unit == 0 { return "\(bytes)B" }
  let tenths = Int64(value * 10)
  return tenths >= 1000 ? "\(tenths / 10)\(units[unit])" : "\(tenths / 10).\(tenths % 10)\(units[unit])"
}
