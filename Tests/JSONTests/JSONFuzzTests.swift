import Foundation
import JSON
import Testing

/// Random documents are read as Foundation reads them; broken ones end in an error, and never in a trap.
@Suite struct JSONFuzzTests {
  private func randomValue(_ random: inout SplitMix, depth: Int) -> JSONValue {
    switch random.below(depth > 4 ? 5 : 7) {
    case 0: return nil
    case 1: return .bool(random.below(2) == 0)
    case 2: return .number(.integer(Int64(bitPattern: random.next()) >> Int64(random.below(64))))
    case 3: return .number(.double(Double(Int64(bitPattern: random.next())) / 1024))
    case 4: return .string(randomString(&random))
    case 5: return .array((0..<random.below(5)).map { _ in randomValue(&random, depth: depth + 1) })
    default:
      var object = JSONObject()
      for _ in 0..<random.below(5) { object[randomString(&random)] = randomValue(&random, depth: depth + 1) }
      return .object(object)
    }
  }

  private func randomString(_ random: inout SplitMix) -> String {
    let alphabet = Array("abcXYZ09 \"\\/\n\t\u{1}é€😀\u{2028}._-")
    return String((0..<random.below(12)).map { _ in alphabet[random.below(alphabet.count)] })
  }

  private func same(_ ours: JSONValue, _ theirs: Any) -> Bool {
    switch ours {
    case .null: theirs is NSNull
    case .bool(let value): theirs as? Bool == value
    case .number(.integer(let value)): (theirs as? NSNumber)?.int64Value == value
    case .number(.unsigned(let value)): (theirs as? NSNumber)?.uint64Value == value
    // Foundation reads through its decimal type and loses the last bit; the round trip below shows that we do not.
    case .number(.double(let value)):
      ((theirs as? NSNumber)?.doubleValue).map { abs($0 - value) <= abs(value) * 1e-14 } ?? false
    case .string(let value): theirs as? String == value
    case .array(let values):
      if let theirs = theirs as? [Any], theirs.count == values.count {
        zip(values, theirs).allSatisfy { same($0, $1) }
      } else {
        false
      }
    case .object(let object):
      if let theirs = theirs as? [String: Any], theirs.count == object.count {
        object.keys.allSatisfy { key in theirs[key].map { same(object[key]!, $0) } ?? false }
      } else {
        false
      }
    }
  }

  @Test func randomDocumentsReadAsFoundationReadsThem() throws {
    var random = SplitMix(seed: 1)
    for round in 0..<2000 {
      let value = randomValue(&random, depth: 0)
      let bytes = value.jsonBytes(round % 2 == 0 ? .compact : .pretty)
      #expect(try JSONValue(parsing: bytes) == value)
      let theirs = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
      #expect(same(value, theirs), "\(String(decoding: bytes, as: UTF8.self))")
    }
  }

  @Test func mutatedDocumentsAreReadAlikeOrRefused() throws {
    var random = SplitMix(seed: 2)
    var accepted = 0
    var refused = 0
    let tokens = [
      "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "null", "0", "-", "1e", ".", "\u{0}", "\n", "é",
    ]
    for _ in 0..<20_000 {
      var bytes = randomValue(&random, depth: 0).jsonBytes()
      for _ in 0...random.below(3) {
        let at = random.below(bytes.count + 1)
        switch random.below(4) {
        case 0: bytes.insert(contentsOf: Array(tokens[random.below(tokens.count)].utf8), at: at)
        case 1 where at < bytes.count: bytes[at] = UInt8(random.below(256))
        case 2: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(4)))
        default: bytes.removeLast(random.below(bytes.count + 1))
        }
      }
      guard let ours = try? JSONValue(parsing: bytes) else {
        refused += 1
        continue
      }
      accepted += 1
      let theirs = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
      guard let theirs else {
        Issue.record("only we accept \(String(decoding: bytes, as: UTF8.self))")
        continue
      }
      #expect(same(ours, theirs), "\(String(decoding: bytes, as: UTF8.self))")
    }
    #expect(accepted > 1000 && refused > 1000)
  }
}

/// The same numbers on every run, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
