import Firewall
import Kernel
import Networks
import Steps

/// A store of its own below /tmp, for the time of `body`, which runs in a network namespace of its own.
func withStore<Value: Sendable>(_ body: @escaping @Sendable (NetworkStore) throws -> Value) throws -> Value {
  let directory = Path("/tmp/skiff-networks-\(processIdentifier())-\(UInt64.random(in: 0...UInt64.max))")
  defer { try? removeTree(directory) }
  let store = NetworkStore(root: directory.appending("lib/networks"), run: directory.appending("run/networks"))
  return try inNewNamespace {
    // A new namespace takes over what the host has there.
    try writeControl("/proc/sys/net/ipv4/ip_forward", "0")
    try run("ip", "link", "set", "lo", "up")
    return try body(store)
  }
}

func identifier(_ number: Int) -> String {
  let digits = String(number, radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits + String(repeating: "e", count: 56)
}

let nobody: @Sendable (String) -> Bool = { _ in false }
let everybody: @Sendable (String) -> Bool = { _ in true }

func performStep(_ step: NetworkStep, _ container: BorrowedDescriptor? = nil) throws {
  try Firewall.perform(step, container: container)
}
