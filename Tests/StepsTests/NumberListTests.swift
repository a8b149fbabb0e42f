import Steps
import Testing

@Suite struct NumberListTests {
  @Test(arguments: [
    ("0", "0"), ("0-3,7", "0-3,7"), ("7,3-5,4", "3-5,7"), (" 1 - 2 , 4,", "1-2,4"), ("63-64", "63-64"),
    ("8191", "8191"),
    ("1,2,3", "1-3"), ("00012", "12"),
  ])
  func isRead(text: String, canonical: String) throws {
    let list = try NumberList(parsing: text)
    #expect(list.description == canonical)
    #expect(try NumberList(parsing: canonical) == list)
  }

  @Test(arguments: [
    "", ",", " ", "a", "1-", "-1", "3-1", "8192", "1-8192", "99999999999999999999", "1--2", "1-2-3", "1 2", "0x1", "+1",
  ])
  func isRefused(text: String) {
    #expect(throws: NumberListError.self) { try NumberList(parsing: text) }
  }

  @Test func words() throws {
    #expect(try NumberList(parsing: "0,2,65").words == [5, 2])
    #expect(NumberList.all.description == "0-8191" && NumberList.all.words.count == 128)
    #expect(NumberList().isEmpty && !NumberList.all.contains(8192))
  }
}
