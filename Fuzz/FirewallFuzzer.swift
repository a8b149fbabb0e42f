// libFuzzer's way into the rules of the host as the kernel tells them: Fuzz/run Firewall.
// The same is held on bounded, deterministic mutations by Tests/FirewallTests/HostRulesTests.swift.
@testable import Firewall
import Kernel

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  guard let kind = bytes.first else { return 0 }
  let rest = bytes.dropFirst()
  let family: AddressSet.Family = kind & 1 == 0 ? .v4 : .v6
  var rules = HostRules()
  if kind & 2 == 0 {
    var reader = RuleReader()
    try? reader.read(rest)
    rules.chains = [HostRules.Chain(table: "inet filter", name: "input", hook: .input, rules: [reader.rule])]
  } else {
    rules.chains = (try? legacyChains(family, information: rest.prefix(84), entries: rest.dropFirst(84))) ?? []
  }
  for port in [80, 65535] as [UInt16] {
    let input = rules.ruling(Flow(from: "eth0", family: family, port: port))
    let forward = rules.ruling(Flow(from: "eth0", to: "br0", family: family, port: port, isTranslated: true))
    for set in [input.accepted, forward.accepted] {
      precondition(set.complement.complement == set)
      precondition(set.intersection(set.complement).isEmpty)
    }
  }
  return 0
}
