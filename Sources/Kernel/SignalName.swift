package enum SignalName {
  package static func number(_ text: String) -> Int32? {
    if let number = Int32(text) { return (1...64).contains(number) ? number : nil }
    let names: [String: Int32] = ["HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "USR1": 10, "USR2": 12, "TERM": 15]
    let bare = text.uppercased()
    return names[bare.hasPrefix("SIG") ? String(bare.dropFirst(3)) : bare]
  }
}
