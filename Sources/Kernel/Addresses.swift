// A raw system call takes the address of a buffer as a number. These give it for the time of the call and no longer, and
// keep the typed throw that the standard library's closures erase.

extension Array {
  @inline(__always)
  func withAddress<Result, Failure: Error>(_ body: (Int) throws(Failure) -> Result) throws(Failure) -> Result {
    let outcome: Swift.Result<Result, Failure> = unsafe withUnsafeBufferPointer { buffer in
      do throws(Failure) { return .success(try body(Int(bitPattern: buffer.baseAddress))) } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }

  /// The array must not be touched inside `body` but through the address.
  @inline(__always)
  mutating func withMutableAddress<Result, Failure: Error>(
    _ body: (Int) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let outcome: Swift.Result<Result, Failure> = unsafe withUnsafeMutableBufferPointer { buffer in
      do throws(Failure) { return .success(try body(Int(bitPattern: buffer.baseAddress))) } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }
}

extension ArraySlice {
  @inline(__always)
  func withAddress<Result, Failure: Error>(_ body: (Int) throws(Failure) -> Result) throws(Failure) -> Result {
    let outcome: Swift.Result<Result, Failure> = unsafe withUnsafeBufferPointer { buffer in
      do throws(Failure) { return .success(try body(Int(bitPattern: buffer.baseAddress))) } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }
}

/// The address of one C structure.
@inline(__always)
func withMutableAddress<Value, Result, Failure: Error>(
  of value: inout Value, _ body: (Int) throws(Failure) -> Result
) throws(Failure) -> Result {
  let outcome: Swift.Result<Result, Failure> = unsafe withUnsafeMutablePointer(to: &value) { pointer in
    do throws(Failure) { return .success(try body(Int(bitPattern: pointer))) } catch { return .failure(error) }
  }
  return try outcome.get()
}
