@testable import ELF
import Kernel
import Testing

/// Bounded, deterministic mutations of good files: whatever the bytes say, the answer is a value or an error.
/// Fuzz/ holds the same entry points for libFuzzer, which finds its own way in.
@Suite struct FuzzTests {
  static let seeds: [[UInt8]] = [
    ELFImage(interpreter: "/lib64/ld-linux-x86-64.so.2", needed: ["libc.so.6", "libm.so.6"], rpath: "$ORIGIN").bytes,
    ELFImage(is64Bit: false, isBigEndian: true, needed: ["a", "b"], soname: "me", runpath: "/x:/y").bytes,
    ELFImage(type: 2).bytes,
  ]

  /// One to eight changes: a byte, a whole word with a telling value, a cut, a repeat.
  static func mutate(_ bytes: [UInt8], _ noise: inout Noise) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...8, using: &noise) {
      guard !bytes.isEmpty else { return bytes }
      let at = Int.random(in: 0..<bytes.count, using: &noise)
      switch Int.random(in: 0..<6, using: &noise) {
      case 0: bytes[at] = UInt8.random(in: 0...255, using: &noise)
      case 1: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &noise)
      case 2:
        let telling: [UInt64] = [0, 1, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, .max, UInt64(bytes.count)]
        let value = telling[Int.random(in: 0..<telling.count, using: &noise)]
        for index in 0..<8 where at + index < bytes.count {
          bytes[at + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
        }
      case 3: bytes.removeLast(bytes.count - at)
      case 4: bytes.replaceSubrange(at..<at, with: bytes.suffix(16))
      default: bytes[at] = 0
      }
    }
    return bytes
  }

  @Test(arguments: 0..<seeds.count)
  func objects(seed: Int) {
    var noise = Noise(state: UInt64(seed))
    var (good, bad) = (0, 0)
    for _ in 0..<8_000 {
      let bytes = Self.mutate(Self.seeds[seed], &noise)
      do throws(ELFError) {
        let object = try ELFObject(reading: ByteSource(bytes))
        good += 1
        #expect(object.needed.count <= 4096)
      } catch {
        bad += 1
      }
    }
    // A mutator that never breaks anything, or always does, tests nothing.
    #expect(good > 100 && bad > 100)
  }

  @Test func caches() throws {
    let entries = (0..<40).map {
      LibraryCache.Entry(
        name: "lib\($0).so.\($0 % 7)", path: "/usr/lib/lib\($0).so", flags: 0x0303,
        capability: $0 % 3 == 0 ? "x86-64-v\(2 + $0 % 2)" : nil)
    }
    let file = LibraryCache(entries: entries).encoded()
    var noise = Noise(state: 7)
    var (good, bad) = (0, 0)
    for _ in 0..<5_000 {
      do throws(ELFError) {
        let cache = try LibraryCache(parsing: Self.mutate(file, &noise))
        good += 1
        _ = cache.lookup("lib3.so.3", for: .amd64, capabilities: ["x86-64-v3"])
      } catch { bad += 1 }
    }
    #expect(good > 100 && bad > 100)
  }

  @Test func textFiles() {
    let seeds = [
      "include /etc/ld.so.conf.d/*.conf\n/usr/local/lib # mine\nhwcap 1 x\n", "#!/usr/bin/env -S python3 -u\n",
    ].map { Array($0.utf8) }
    var noise = Noise(state: 11)
    for seed in seeds {
      for _ in 0..<2_000 {
        let bytes = Self.mutate(seed, &noise)
        for line in LinkerConfigurationLine.lines(of: bytes) {
          if case .directory(let path) = line { #expect(path.isAbsolute) }
        }
        #expect((Script(front: bytes[...])?.interpreter.isEmpty ?? false) == false)
        _ = LinkerConfiguration.defaultDirectories(inLinker: bytes)
        let split = bytes.count / 2
        _ = matches(bytes[..<split], pattern: bytes[split...])
      }
    }
  }
}
