internal import Kernel

// `-e` and `--env-file`, as docker reads them.

/// One `-e`: `NAME=VALUE` as it is, `NAME` with the caller's value. Nil when the caller has none.
///
/// - Parameter host: a variable of the caller.
package func parseEnvironment(_ text: String, host: (String) -> String?) throws(OptionError) -> String? {
  let name = text.prefix { $0 != "=" }
  if name.isEmpty { throw OptionError("a variable needs a name: NAME=VALUE, or NAME for the value it has here") }
  if hasControlCharacters(String(name)) { throw OptionError("a variable's name holds a control character") }
  if name.count < text.count { return text }
  return host(text).map { "\(text)=\($0)" }
}

/// The lines of an `--env-file`: `NAME=VALUE` without any quoting, `NAME` with the caller's value, `#` before a comment.
package func parseEnvironmentFile(_ bytes: [UInt8], host: (String) -> String?) throws(OptionError) -> [String] {
  let mark: [UInt8] = [0xef, 0xbb, 0xbf]
  let content = bytes.starts(with: mark) ? bytes.dropFirst(3) : bytes[...]
  var found: [String] = []
  for (index, raw) in content.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
    let ended = raw.last == 13 ? raw.dropLast() : raw
    guard let whole = String(validating: ended, as: UTF8.self), !ended.contains(0) else {
      throw OptionError("line \(index + 1) is no text")
    }
    let line = whole.drop { $0 == " " || $0 == "\t" }
    if line.isEmpty || line.hasPrefix("#") { continue }
    let name = line.prefix { $0 != "=" }
    if name.isEmpty { throw OptionError("line \(index + 1) has no variable name") }
    if name.contains(where: { $0.isWhitespace }) || hasControlCharacters(String(name)) {
      throw OptionError("line \(index + 1): the variable name \"\(name)\" holds white space")
    }
    if name.count < line.count {
      found.append(String(line))
    } else if let value = host(String(line)) {
      found.append("\(line)=\(value)")
    }
  }
  return found
}

/// All of `--env-file` in order, then all of `-e`: later ones win.
package func readEnvironment(
  files: [String], variables: [String], host: (String) -> String? = { environment($0) }
) throws(OptionError) -> [String] {
  var found: [String] = []
  for file in files {
    let bytes: [UInt8]
    do throws(Fault) { bytes = try readFile(Path(file), limit: 4 << 20) } catch {
      throw OptionError("cannot read \(file): \(error.errno)")
    }
    do throws(OptionError) { found += try parseEnvironmentFile(bytes, host: host) } catch {
      throw OptionError("\(file): \(error.reason)")
    }
  }
  for variable in variables {
    if let entry = try parseEnvironment(variable, host: host) { found.append(entry) }
  }
  return found
}
