internal import CKernel

/// Gives back what this process does not need while it only waits: free heap pages, and the resident pages of its program
/// that it has used to get here. What is touched again is read from the page cache again.
///
/// For a process that will sleep for days, such as an idle container's supervisor.
package func releaseUnusedMemory() {
  _ = malloc_trim(0)
  guard let text = try? readText("/proc/self/smaps", limit: 1 << 20) else { return }
  var range: (start: UInt, end: UInt)?
  for line in text.split(separator: "\n") {
    let words = line.split(separator: " ", omittingEmptySubsequences: true)
    guard let first = words.first else { continue }
    if !first.hasSuffix(":") {
      // `00400000-00b02000 r-xp 00000000 fe:00 42  /usr/bin/skiff`: a mapping of a file that is never written.
      let isFile = words.count > 5 && words[5].hasPrefix("/")
      range = isFile && !words[1].contains("w") ? bounds(first) : nil
    } else if first == "Anonymous:", let mapping = range {
      // Pages that were written before they were protected (relocations) have no file to come back from.
      range = nil
      guard words.count > 1, words[1] == "0" else { continue }
      _ = try? systemCall("madvise", Int(SYS_madvise), Int(mapping.start), Int(mapping.end - mapping.start), 4)
    }
  }
  _ = malloc_trim(0)
}

private func bounds(_ text: Substring) -> (start: UInt, end: UInt)? {
  let ends = text.split(separator: "-").compactMap { UInt($0, radix: 16) }
  return ends.count == 2 ? (ends[0], ends[1]) : nil
}
