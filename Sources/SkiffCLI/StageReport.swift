internal import Arguments
internal import JSON
internal import Kernel
internal import Staging

/// What was staged, for people and for programs.
struct StageReport {
  private let plan: StagePlan
  init(_ plan: StagePlan) { self.plan = plan }

  // MARK: - JSON

  /// `{"directory", "bytes", "newBytes", "files": [{"path", "kind", "target", "source", "size", "new", "why": […]}], "notes"}`
  var json: [UInt8] {
    var writer = JSONWriter(.pretty)
    writer.object { writer in
      writer.member("directory", plan.directory.string)
      writer.member("bytes", plan.allBytes)
      writer.member("newBytes", plan.newBytes)
      writer.member(
        "files",
        array: { writer in
          for file in plan.files.sorted(by: Self.precedes) { write(file, to: &writer) }
        })
      writer.member("notes", plan.notes)
    }
    return writer.finish()
  }

  private func write(_ file: StagedFile, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("path", file.path.string)
      switch file.kind {
      case .file: writer.member("kind", "file")
      case .generated: writer.member("kind", "generated")
      case .link(let target):
        writer.member("kind", "link")
        writer.member("target", target.string)
      }
      writer.member("source", file.source.string)
      writer.member("size", file.size)
      writer.member("new", file.isNew)
      writer.member(
        "why",
        array: { writer in
          for reason in file.why {
            writer.object { writer in
              writer.member("kind", reason.kind.rawValue)
              writer.member("by", reason.by.string)
              if let name = reason.name { writer.member("name", name.string) }
            }
          }
        })
    }
  }

  private static func precedes(_ a: StagedFile, _ b: StagedFile) -> Bool {
    a.path.bytes.lexicographicallyPrecedes(b.path.bytes)
  }

  // MARK: - Why

  func reasons(_ colours: Colours) -> String {
    var text = ""
    for file in plan.files.sorted(by: Self.precedes) {
      text += "\(colours.bold)\(printable(file.path.string))\(colours.plain)"
      if case .link(let target) = file.kind {
        text += " -> \(printable(target.string))\n"
      } else {
        text += "  \(colours.faint)\(humanSize(Int64(file.size)))\(file.isNew ? "" : ", was there")\(colours.plain)\n"
      }
      for reason in file.why { text += "    \(printable(Self.words(reason)))\n" }
    }
    return text + "\n"
  }

  private static func words(_ reason: StageReason) -> String {
    let name = reason.name.map { " as \($0)" } ?? ""
    return switch reason.kind {
    case .asked: "asked for: \(reason.by)"
    case .library: "needed by \(reason.by)\(name)"
    case .linker: "dynamic linker of \(reason.by)"
    case .interpreter: "runs the script \(reason.by)\(name)"
    case .baseline: "for processors that cannot use \(reason.by)"
    case .layout: "the host's layout"
    case .extra: "\(reason.by)\(reason.name.map { ": \($0)" } ?? "")"
    }
  }

  // MARK: - Summary

  func summary(_ colours: Colours) -> String {
    let new = plan.newFiles
    let links = new.filter { if case .link = $0.kind { true } else { false } }.count
    var text = "\(colours.bold)\(printable(plan.directory.string))\(colours.plain): "
    if new.isEmpty {
      return text + "all \(plan.files.count) files were there already\n"
    } else {
      let count = new.count - links
      text += "\(count) new file\(count == 1 ? "" : "s") and \(links) link\(links == 1 ? "" : "s"), "
      text += humanSize(Int64(plan.newBytes))
      if new.count < plan.files.count { text += "; \(plan.files.count - new.count) were there already" }
      text += "\n"
    }
    var root = Node()
    for file in plan.files { root.add(file.path.components[...], file) }
    root.print("", depth: 0, colours, &text)
    return text
  }
}

/// A directory of the tree summary.
private struct Node {
  var directories: [String: Node] = [:]
  var files: [(name: String, file: StagedFile)] = []
  var size = 0
  var count = 0

  mutating func add(_ path: ArraySlice<Path>, _ file: StagedFile) {
    size += file.size
    count += 1
    guard let first = path.first else { return }
    if path.count == 1 {
      files.append((first.string, file))
    } else {
      directories[first.string, default: Node()].add(path.dropFirst(), file)
    }
  }

  /// So many names are shown in one directory; the rest is counted.
  static let mostFiles = 8
  static let deepest = 4

  func print(_ indent: String, depth: Int, _ colours: Colours, _ text: inout String) {
    var lines: [(name: String, size: Int?, rest: String, node: Node?)] = []
    for (name, node) in directories {
      lines.append((name + "/", node.size, node.count == 1 ? "1 file" : "\(node.count) files", node))
    }
    let shown = files.sorted { $0.file.size > $1.file.size }
    for (name, file) in shown.prefix(files.count <= Node.mostFiles + 1 ? files.count : Node.mostFiles) {
      if case .link(let target) = file.kind {
        lines.append(("\(name) -> \(target)", nil, "", nil))
      } else {
        lines.append((name, file.size, "", nil))
      }
    }
    lines.sort { $0.name < $1.name }
    if files.count > Node.mostFiles + 1 {
      let rest = shown.dropFirst(Node.mostFiles)
      lines.append(("… \(rest.count) more", rest.reduce(0) { $0 + $1.file.size }, "", nil))
    }
    for (index, line) in lines.enumerated() {
      let isLast = index == lines.count - 1
      var row = indent + (isLast ? "└── " : "├── ") + printable(line.name)
      if let size = line.size {
        let column = 52
        row += String(repeating: " ", count: max(2, column - screenWidth(row)))
        let number = humanSize(Int64(size))
        row += String(repeating: " ", count: max(0, 7 - number.count)) + number
        if !line.rest.isEmpty { row += "  \(colours.faint)\(line.rest)\(colours.plain)" }
      }
      text += row + "\n"
      if let node = line.node, depth + 1 < Node.deepest {
        node.print(indent + (isLast ? "    " : "│   "), depth: depth + 1, colours, &text)
      }
    }
  }
}
