/// The subdirectories of glibc-hwcaps that the dynamic linker of this machine looks into, best first (ld.so(8)).
package struct HardwareCapabilities {
  /// The features that each level of the x86-64 psABI adds, under the names of /proc/cpuinfo.
  private static let levels: [(name: String, flags: [String])] = [
    ("x86-64-v2", ["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"]),
    ("x86-64-v3", ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"]),
    ("x86-64-v4", ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]),
  ]

  /// From the front of /proc/cpuinfo, of which the first processor's flags are read.
  package static func names(cpuInformation: [UInt8], for architecture: Architecture) -> [String] {
    guard architecture == .amd64 else { return [] }
    let text = String(decoding: cpuInformation, as: UTF8.self)
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("flags") }) else { return [] }
    let flags = Set(line.split(separator: " ").map(String.init))
    let reached = levels.prefix { $0.flags.allSatisfy(flags.contains) }
    return reached.map(\.name).reversed()
  }
}
