// A raw system call takes the address of a buffer as a number. These give it for the time of the call and no longer.

extension Array {
  @inline(__always)
  func withAddress<Result, Failure: Error>(_ body: (Int) throws(Failure) -> Result) throws(Failure) -> Result {
    try unsafe withUnsafeBufferPointer { (buffer) throws(Failure) in try body(Int(bitPattern: buffer.baseAddress)) }
  }

  /// The array must not be touched inside `body` but through the address.
  @inline(__always)
  mutating func withMutableAddress<Result, Failure: Error>(
    _ body: (Int) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe withUnsafeMutableBufferPointer { (buffer) throws(Failure) in
      try body(Int(bitPattern: buffer.baseAddress))
    }
  }
}

extension ArraySlice {
  @inline(__always)
  func withAddress<Result, Failure: Error>(_ body: (Int) throws(Failure) -> Result) throws(Failure) -> Result {
    try unsafe withUnsafeBufferPointer { (buffer) throws(Failure) in try body(Int(bitPattern: buffer.baseAddress)) }
  }
}

/// The address of one C structure.
@inline(__always)
func withMutableAddress<Value, Result, Failure: Error>(
  of value: inout Value, _ body: (Int) throws(Failure) -> Result
) throws(Failure) -> Result {
  try unsafe withUnsafeMutablePointer(to: &value) { (pointer) throws(Failure) in try body(Int(bitPattern: pointer)) }
}
