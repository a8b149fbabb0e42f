import Testing

@testable import Seccomp

@Suite struct SystemCallTableTests {
  @Test func sortedAndFoundAgain() {
    let table = SystemCallTable.shared
    let names = (0..<table.count).map { table.name(ofRow: $0) }
    #expect(names.count > 450)
    #expect(zip(names, names.dropFirst()).allSatisfy { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
    for (row, name) in names.enumerated() { #expect(table.row(of: name) == row) }
    for name in ["", "a", "zzz", "rea", "reads", "READ", " ", "read ", "read\u{0}"] {
      #expect(table.row(of: name) == nil)
    }
  }

  @Test(arguments: [
    ("read", [0, 3, 0, 63, 3] as [UInt32?]), ("socketcall", [nil, 102, nil, nil, nil]),
    ("execve", [59, 11, 520, 221, 11]),
    ("clone3", [435, 435, 435, 435, 435]), ("set_tls", [nil, nil, nil, nil, 0xf_0005]),
    ("time", [201, 13, 201, nil, nil]),
    ("openat2", [437, 437, 437, 437, 437]), ("clock_gettime64", [nil, 403, nil, nil, 403]),
  ])
  func knownNumbers(name: String, numbers: [UInt32?]) throws {
    let table = SystemCallTable.shared
    let row = try #require(table.row(of: name))
    #expect((0..<SystemCallTable.columns).map { table.number(row: row, column: $0) } == numbers)
  }

  /// The compiler has a slot for each number, and slots for these two blocks.
  @Test func numbersAreInTwoBlocks() {
    let table = SystemCallTable.shared
    for row in 0..<table.count {
      for column in 0..<SystemCallTable.columns {
        guard let number = table.number(row: row, column: column) else { continue }
        #expect(number < SystemCallTable.limit || (0xf_0000..<0xf_0010).contains(number), "\(table.name(ofRow: row))")
      }
    }
  }

  @Test func oneNameForANumber() {
    // But for what the kernel itself gives two names: arm's sync_file_range.
    let table = SystemCallTable.shared
    for column in 0..<SystemCallTable.columns {
      let numbers = (0..<table.count).compactMap { table.number(row: $0, column: column) }
      #expect(numbers.count - Set(numbers).count <= (column == 4 ? 1 : 0), "column \(column)")
    }
  }
}
