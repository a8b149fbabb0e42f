import Kernel
import Testing

/// The tour's chapters, each walked alone, as a person does who comes back to one.
@Suite(.serialized, .enabled(if: effectiveUser() == 0, "the tour makes real containers, so it needs root"))
struct TourTests {
  @Test(arguments: 1...6) func aChapterStandsAlone(_ number: Int) throws {
    let (status, output) = try Guest.capture("\(Guest.quoted(Sandbox.skiff)) tour \(number)")
    #expect(status == .exited(0), "\(output)")
    #expect(output.contains("\n\(number). "))
    #expect(output.contains("all of it is gone again"))
  }
}
