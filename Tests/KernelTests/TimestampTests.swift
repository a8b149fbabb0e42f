import Foundation
import Kernel
import Testing

@Suite struct TimestampTests {
  @Test(
    arguments: [
      (0, 0, "1970-01-01T00:00:00.000000000Z"), (951_782_400, 42, "2000-02-29T00:00:00.000000042Z"),
      (1_795_460_067, 500_000_000, "2026-11-23T18:54:27.500000000Z"),
      (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
      (253_402_300_799, 0, "9999-12-31T23:59:59.000000000Z"), (-62_135_596_800, 0, "0001-01-01T00:00:00.000000000Z"),
    ] as [(Int64, UInt32, String)])
  func bothWays(seconds: Int64, nanoseconds: UInt32, text: String) {
    let time = Timestamp(seconds: seconds, nanoseconds: nanoseconds)
    #expect(time.rfc3339 == text)
    #expect(Timestamp(rfc3339: text) == time)
  }

  @Test func asFoundationHasThem() {
    let formatter = ISO8601DateFormatter()
    for seconds in stride(from: Int64(-2_000_000_000), to: 8_000_000_000, by: 86_399 * 37) {
      let text = formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
      #expect(Timestamp(rfc3339: text)?.seconds == seconds)
      #expect(Timestamp(seconds: seconds, nanoseconds: 0).rfc3339.hasPrefix(text.dropLast()))
    }
  }

  @Test(
    arguments: [
      ("2026-11-23", 1_795_392_000, 0), ("2026-11-23T01:02", 1_795_395_720, 0),
      ("2026-11-23T01:02:03+01:30", 1_795_390_323, 0), ("2026-11-23 01:02:03.5Z", 1_795_395_723, 500_000_000),
      ("2026-11-23T01:02:03.1234567891Z", 1_795_395_723, 123_456_789),
    ] as [(String, Int64, UInt32)])
  func shortForms(text: String, seconds: Int64, nanoseconds: UInt32) {
    #expect(Timestamp(rfc3339: text) == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
  }

  @Test(arguments: [
    "", "2026", "2026-13-01", "2026-02-30", "2026-11-23T", "2026-11-23T25:00", "2026-11-23T01:02:03.Z",
    "2026-11-23T01:02:03Zjunk", "2026-11-23T01:02:61Z", "10m", "-2026-11-23",
  ])
  func refused(text: String) { #expect(Timestamp(rfc3339: text) == nil) }

  @Test func adding() {
    let time = Timestamp(seconds: 10, nanoseconds: 100)
    #expect(time.adding(nanoseconds: -200) == Timestamp(seconds: 9, nanoseconds: 999_999_900))
    #expect(time.adding(nanoseconds: 2_999_999_950) == Timestamp(seconds: 13, nanoseconds: 50))
  }
}
