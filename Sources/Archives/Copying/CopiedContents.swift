internal import Kernel

// What is in a file, from one to another or into an archive. The size is a promise that its header has made.

/// Copies the first `size` bytes. What the source lacks by now is zeros.
///
/// Into a file, holes stay holes: a container makes one of a terabyte with a single call, and the disk that it is copied to is
/// the host's.
///
/// - Parameter isFile: the target is a file that is empty so far; an archive takes one byte after the other.
func copyContents(
  _ size: Int, from source: BorrowedDescriptor, to target: BorrowedDescriptor, isFile: Bool
) throws(Fault) {
  guard isFile else { return try copyBytes(size, from: source, to: target, isFile: false) }
  guard let first = try firstData(of: source) else { return try target.truncate(to: size) }
  if first == 0, try end(ofDataFrom: 0, in: source) ?? 0 >= size {
    try source.seek(to: 0)
    return try copyBytes(size, from: source, to: target, isFile: true)
  }
  var data: Int? = first
  while let begin = data, begin < size {
    // ENXIO: it was cut meanwhile.
    guard let end = try end(ofDataFrom: begin, in: source) else { break }
    try source.seek(to: begin)
    try target.seek(to: begin)
    try copyBytes(min(end, size) - begin, from: source, to: target, isFile: true)
    data = end < size ? try source.nextData(from: end) : nil
  }
  try target.truncate(to: size)
}

/// Where the first byte lies that is in no hole; nil where there is none. 0 where the file system knows of no holes, as proc.
private func firstData(of source: BorrowedDescriptor) throws(Fault) -> Int? {
  do throws(Fault) { return try source.nextData(from: 0) } catch {
    guard [.invalid, .notSupported].contains(error.errno) else { throw error }
    return 0
  }
}

private func end(ofDataFrom begin: Int, in source: BorrowedDescriptor) throws(Fault) -> Int? {
  do throws(Fault) { return try source.nextHole(from: begin) } catch {
    if error.errno == .noSuchAddress { return nil }
    if [.invalid, .notSupported].contains(error.errno) { return .max }
    throw error
  }
}

/// From where both stand.
private func copyBytes(
  _ size: Int, from source: BorrowedDescriptor, to target: BorrowedDescriptor, isFile: Bool
) throws(Fault) {
  var rest = size
  if isFile {
    do throws(Fault) {
      while rest > 0, case let count = try copyRange(from: source, to: target, count: rest), count > 0 { rest -= count }
    } catch {
      // Between some file systems the kernel does not copy by itself; it says so before the first byte.
      guard [.crossDevice, .invalid, .notSupported, .noSystemCall].contains(error.errno) else { throw error }
    }
  }
  var buffer = [UInt8](repeating: 0, count: min(max(rest, 1), 1 << 18))
  while rest > 0 {
    let count = min(rest, try source.read(into: &buffer))
    if count == 0 { break }
    try target.write(buffer[..<count])
    rest -= count
  }
  while rest > 0 {
    let count = min(rest, 1 << 16)
    try target.write([UInt8](repeating: 0, count: count))
    rest -= count
  }
}
