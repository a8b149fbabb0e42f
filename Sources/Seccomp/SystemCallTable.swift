/// Numbers of system calls by name.
struct SystemCallTable: Sendable {
  static let shared = SystemCallTable()

  private struct Row {
    /// Where its name starts in the text, and how long it is; the rows are sorted by name.
    var start: UInt16
    var length: UInt16
    var numbers: [5 of UInt32]
  }

  private var rows: [Row] = []

  static let columns = 5
  /// Numbers are below the first, or in a second block from __ARM_NR_BASE on (arm).
  static let limit: UInt32 = 1024
  static let secondBlock: UInt32 = 0xf_0000
  private static let none = UInt32.max

  /// One walk over the text, so that no table is kept in a form that nobody can read.
  private init() {
    rows.reserveCapacity(512)
    let count = systemCallTable.utf8CodeUnitCount
    var position = 0
    while position < count {
      var row = Row(start: UInt16(position), length: 0, numbers: .init(repeating: Self.none))
      while byte(position) != UInt8(ascii: " ") { position += 1 }
      row.length = UInt16(position) - row.start
      for column in 0..<Self.columns {
        position += 1
        if byte(position) == UInt8(ascii: "-") {
          position += 1
          continue
        }
        var number: UInt32 = 0
        while position < count, byte(position) > UInt8(ascii: " ") {
          number = number &* 10 &+ UInt32(byte(position) &- 48)
          position += 1
        }
        row.numbers[column] = number
      }
      rows.append(row)
      position += 1
    }
  }

  @inline(__always)
  private func byte(_ position: Int) -> UInt8 { unsafe systemCallTable.utf8Start[position] }

  var count: Int { rows.count }

  func name(ofRow row: Int) -> String {
    let start = Int(rows[row].start)
    return String(decoding: (start..<start + Int(rows[row].length)).map { byte($0) }, as: UTF8.self)
  }

  /// The row of a name, by binary search; nil for a name that no kernel has.
  func row(of name: String) -> Int? {
    var name = name
    return name.withUTF8 { wanted in
      var low = 0
      var high = rows.count
      while low < high {
        let middle = (low + high) / 2
        let order = unsafe compare(wanted, withRow: middle)
        if order == 0 { return middle }
        if order < 0 { high = middle } else { low = middle + 1 }
      }
      return nil
    }
  }

  private func compare(_ wanted: UnsafeBufferPointer<UInt8>, withRow row: Int) -> Int {
    let start = Int(rows[row].start)
    let length = Int(rows[row].length)
    for index in 0..<min(length, wanted.count) {
      let difference = Int(unsafe wanted[index]) - Int(byte(start + index))
      if difference != 0 { return difference }
    }
    return wanted.count - length
  }

  /// Nil where the interface has no such call.
  func number(row: Int, column: Int) -> UInt32? {
    let number = rows[row].numbers[column]
    return number == Self.none ? nil : number
  }
}

/// The calls that i386 also reaches through socketcall(2) and ipc(2), by row of the table.
struct MultiplexedCalls {
  struct Call {
    /// The row of socketcall or ipc.
    var row: Int
    /// Its first argument (linux/net.h, linux/ipc.h).
    var number: UInt64
    /// ipc(2) keeps a version in the upper half of its number.
    var hasVersion: Bool
  }

  private var calls: [Call] = []
  /// By row of the table: the place of its call in the list and one more, or 0.
  private var places: [UInt8]

  init(_ table: SystemCallTable) {
    places = [UInt8](repeating: 0, count: table.count)
    guard let socketCall = table.row(of: "socketcall"), let ipc = table.row(of: "ipc") else { return }
    calls.reserveCapacity(40)
    for index in socketCalls.indices {
      add(table.row(of: socketCalls[index]), Call(row: socketCall, number: UInt64(index + 1), hasVersion: false))
    }
    for (name, number) in ipcCalls { add(table.row(of: name), Call(row: ipc, number: number, hasVersion: true)) }
  }

  private mutating func add(_ row: Int?, _ call: Call) {
    guard let row else { return }
    calls.append(call)
    places[row] = UInt8(calls.count)
  }

  subscript(row: Int) -> Call? { places[row] == 0 ? nil : calls[Int(places[row]) - 1] }
}

private let socketCalls = [
  "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv", "sendto",
  "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg",
]

private let ipcCalls: [(name: String, number: UInt64)] = [
  ("semop", 1), ("semget", 2), ("semctl", 3), ("semtimedop", 4), ("msgsnd", 11), ("msgrcv", 12), ("msgget", 13),
  ("msgctl", 14), ("shmat", 21), ("shmdt", 22), ("shmget", 23), ("shmctl", 24),
]
