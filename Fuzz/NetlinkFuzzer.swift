// libFuzzer's way into what the kernel answers over netlink: Fuzz/run Netlink.
// The same is held on bounded, deterministic mutations by Tests/NetlinkTests/MessageTests.swift.
import Kernel
@testable import Netlink

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  guard let messages = try? parseMessages(bytes[...]) else { return 0 }
  precondition(messages.count <= count / 16)
  for message in messages {
    _ = try? parseAttributes(message.payload)
    _ = try? Link(message)
    if let address = try? LinkAddress(message) { precondition(address.prefix.length <= 32) }
    if let route = try? Route(message) { precondition(route.destination.length <= 32) }
    _ = acknowledgement(message)
  }
  return 0
}
