/// The subdirectories of glibc-hwcaps that the dynamic linker looks into, best first (ld.so(8)).
package enum HardwareCapabilities {
  /// - Parameter level: of the x86-64 psABI, 1 to 4; other machines have no such directories by default.
  package static func names(level: Int, for architecture: Architecture) -> [String] {
    guard architecture == .amd64, level >= 2 else { return [] }
    return (2...min(level, 4)).reversed().map { "x86-64-v\($0)" }
  }
}
