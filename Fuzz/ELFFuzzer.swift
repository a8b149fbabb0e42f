// libFuzzer's way into the ELF reader, the library cache and the text formats beside them: Fuzz/run ELF.
// The same properties are held on bounded, deterministic mutations by Tests/ELFTests/FuzzTests.swift.
@testable import ELF
import Kernel

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  if let object = try? ELFObject(reading: ByteSource(bytes)) {
    precondition(object.needed.count <= 4096)
    let strings = DynamicStrings(origin: "/o", library: "lib64", platform: "x86_64")
    for directory in strings.directories(object.rpath) { precondition(directory.isAbsolute) }
  }
  if let cache = try? LibraryCache(parsing: bytes) {
    // What was read can be written, and reads the same.
    let again = try? LibraryCache(parsing: LibraryCache(entries: cache.entries).encoded())
    precondition(Set(again?.entries ?? []) == Set(cache.entries))
  }
  _ = LinkerConfigurationLine.lines(of: bytes)
  _ = LinkerConfiguration.defaultDirectories(inLinker: bytes)
  _ = Script(front: bytes[...])
  return 0
}
