import ELF
import Foundation
import Kernel
import Testing

@Suite struct ELFObjectTests {
  @Test(arguments: [(true, false), (true, true), (false, false), (false, true)])
  func readsEveryClassAndByteOrder(is64Bit: Bool, isBigEndian: Bool) throws {
    let image = ELFImage(
      is64Bit: is64Bit, isBigEndian: isBigEndian, machine: 21, interpreter: "/lib/ld.so.1",
      needed: ["libfoo.so.1", "libc.so.6"], soname: "libme.so", rpath: "$ORIGIN/../lib", runpath: "/opt/lib:/usr/lib",
      flags1: 0x800)
    let object = try image.parsed()
    #expect(object.architecture == Architecture(machine: 21, is64Bit: is64Bit, isBigEndian: isBigEndian))
    #expect(object.interpreter == "/lib/ld.so.1")
    #expect(object.needed == ["libfoo.so.1", "libc.so.6"])
    #expect(object.soname == "libme.so")
    #expect(object.rpath == "$ORIGIN/../lib")
    #expect(object.runpath == "/opt/lib:/usr/lib")
    #expect(object.ignoresDefaultDirectories)
    #expect(object.isDynamic && object.isProgram)
  }

  @Test func aStaticProgramNeedsNothing() throws {
    let fixed = try ELFImage(type: 2).parsed()
    #expect(fixed.kind == .executable && fixed.isProgram && !fixed.isDynamic)
    #expect(fixed.interpreter == nil && fixed.needed == [])
    // static-pie: a dynamic section, no interpreter, DF_1_PIE.
    let pie = try ELFImage(flags1: 0x0800_0000).parsed()
    #expect(pie.kind == .shared && pie.isProgram && pie.isDynamic && pie.interpreter == nil)
  }

  @Test func anObjectFileIsNoProgram() throws {
    #expect(try ELFImage(type: 1).parsed().kind == .other)
  }

  @Test(arguments: ["", "#!/bin/sh\n", "\u{7f}ELG.............", "MZ"])
  func refusesWhatIsNotELF(text: String) {
    #expect(throws: ELFError.notELF) { try ELFObject(reading: ByteSource(Array(text.utf8))) }
  }

  @Test func refusesStrangeHeaders() throws {
    var bytes = ELFImage().bytes
    bytes[4] = 3
    #expect(throws: ELFError.unsupported("class 3")) { try ELFObject(reading: ByteSource(bytes)) }
    bytes = ELFImage().bytes
    bytes[5] = 0
    #expect(throws: ELFError.unsupported("byte order 0")) { try ELFObject(reading: ByteSource(bytes)) }
    bytes = ELFImage().bytes
    bytes[6] = 9
    #expect(throws: ELFError.unsupported("version 9")) { try ELFObject(reading: ByteSource(bytes)) }
  }

  /// Every prefix of a file is refused or reads like the whole one where what is cut off says nothing; none traps.
  @Test func refusesEveryTruncation() throws {
    let image = ELFImage(interpreter: "/lib/ld.so", needed: ["libc.so.6"], runpath: "/opt")
    let whole = try image.parsed()
    var refusals = 0
    for count in 0..<image.bytes.count {
      do {
        let object = try ELFObject(reading: ByteSource(Array(image.bytes.prefix(count))))
        #expect(object != whole, "\(count) bytes read like the whole file")
      } catch {
        refusals += 1
        #expect(!"\(error)".isEmpty)
      }
    }
    #expect(refusals == image.bytes.count)
  }

  @Test func boundsWhatAHeaderClaims() throws {
    func refused(_ change: (inout [UInt8]) -> Void) -> ELFError? {
      var bytes = ELFImage(interpreter: "/lib/ld.so", needed: ["libc.so.6"]).bytes
      change(&bytes)
      do {
        _ = try ELFObject(reading: ByteSource(bytes))
        return nil
      } catch { return error as? ELFError }
    }
    // e_phnum, e_phoff, e_phentsize; then the sizes and offsets of PT_INTERP (segment 1) and PT_DYNAMIC (segment 2).
    #expect(
      refused {
        $0[56] = 0xff; $0[57] = 0xff
      } == .malformed("65535 program headers"))
    #expect(refused { $0[39] = 0x7f } == .truncated("program headers"))
    #expect(refused { for i in 32..<40 { $0[i] = 0xff } } == .truncated("program headers"))
    #expect(refused { $0[54] = 57 } == .malformed("program headers of 57 bytes"))
    #expect(refused { $0[64 + 56 + 32] = 1 } == .malformed("the interpreter's name has a bad length"))
    #expect(refused { $0[64 + 56 + 39] = 0xff } == .malformed("the interpreter's name has a bad length"))
    #expect(refused { $0[64 + 56 + 32] -= 1 } == .malformed("the interpreter's name does not end"))
    #expect(refused { $0[64 + 112 + 15] = 0xff } == .truncated("dynamic section"))
    #expect(refused { $0[64 + 112 + 36] = 0xff } != nil)
  }

  @Test func boundsStrings() throws {
    let long = String(repeating: "a", count: 4097)
    #expect(throws: ELFError.malformed("the name of a needed library is longer than 4096 bytes")) {
      try ELFImage(needed: [long]).parsed()
    }
    // A list of directories may be longer than one name.
    let path = (0..<1000).map { "/nix/store/\($0)" }.joined(separator: ":")
    #expect(try ELFImage(runpath: path).parsed().runpath == Path(path))
    #expect(throws: ELFError.malformed("more than 4096 needed libraries")) {
      try ELFImage(needed: Array(repeating: "a", count: 4097)).parsed()
    }
  }

  @Test func readsOnlyAFewBytesOfALargeFile() throws {
    var bytes = ELFImage(interpreter: "/lib/ld.so", needed: ["libc.so.6", "libm.so.6"]).bytes
    bytes += [UInt8](repeating: 0xcc, count: 8 << 20)
    final class Meter { var count = 0 }
    let meter = Meter()
    let source = ByteSource(size: bytes.count) { (offset, count) throws(Fault) in
      meter.count += count
      return Array(bytes[offset..<(offset + count)])
    }
    #expect(try ELFObject(reading: source).needed.count == 2)
    #expect(meter.count < 16_384)
  }

  @Test func anUnreadableFileSaysWhy() {
    let source = ByteSource(size: 100) { (_, _) throws(Fault) in throw Fault("pread64", .inputOutput) }
    #expect(throws: ELFError.unreadable(Fault("pread64", .inputOutput))) { try ELFObject(reading: source) }
  }

  @Test func readsThisProgram() throws {
    let file = try open("/proc/self/exe", .readOnly)
    let object = try ELFObject(reading: ByteSource(file.borrowed, size: status(of: file.borrowed).size))
    #expect(object.architecture == .host && object.architecture.runsHere && object.isProgram)
    #expect(object.needed.contains("libc.so.6"))
  }
}
