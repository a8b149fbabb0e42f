/// Numbers of system calls by name.
struct SystemCallTable: Sendable {
  static let shared = SystemCallTable()

  /// Where each row's name starts in the text, and its length; the rows are sorted by name.
  private var starts: [UInt16] = []
  private var lengths: [UInt8] = []
  /// Five a row.
  private var numbers: [UInt32] = []

  static let columns = 5
  private static let none = UInt32.max

  /// One walk over the text (some 15 µs), so that no table is kept in a form that nobody can read.
  private init() {
    let count = systemCallTable.utf8CodeUnitCount
    starts.reserveCapacity(512)
    lengths.reserveCapacity(512)
    numbers.reserveCapacity(512 * Self.columns)
    var position = 0
    while position < count {
      starts.append(UInt16(position))
      while byte(position) != UInt8(ascii: " ") { position += 1 }
      lengths.append(UInt8(position - Int(starts[starts.count - 1])))
      for _ in 0..<Self.columns {
        position += 1
        var number: UInt32 = 0
        while position < count, byte(position) > UInt8(ascii: " ") {
          number = byte(position) == UInt8(ascii: "-") ? Self.none : number * 10 + UInt32(byte(position) - 48)
          position += 1
        }
        numbers.append(number)
      }
      position += 1
    }
  }

  @inline(__always)
  private func byte(_ position: Int) -> UInt8 { unsafe systemCallTable.utf8Start[position] }

  var count: Int { starts.count }

  func name(ofRow row: Int) -> String {
    let start = Int(starts[row])
    return String(decoding: (start..<start + Int(lengths[row])).map { byte($0) }, as: UTF8.self)
  }

  /// The row of a name, by binary search; nil for a name that no kernel has.
  func row(of name: String) -> Int? {
    var name = name
    return name.withUTF8 { wanted in
      var low = 0
      var high = starts.count
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
    let start = Int(starts[row])
    let length = Int(lengths[row])
    for index in 0..<min(length, wanted.count) {
      let difference = Int(unsafe wanted[index]) - Int(byte(start + index))
      if difference != 0 { return difference }
    }
    return wanted.count - length
  }

  /// Nil where the interface has no such call.
  func number(row: Int, column: Int) -> UInt32? {
    let number = numbers[row * Self.columns + column]
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

  private var calls: [Int: Call] = [:]

  init(_ table: SystemCallTable) {
    guard let socketCall = table.row(of: "socketcall"), let ipc = table.row(of: "ipc") else { return }
    for (index, name) in socketCalls.enumerated() {
      guard let row = table.row(of: name) else { continue }
      calls[row] = Call(row: socketCall, number: UInt64(index + 1), hasVersion: false)
    }
    for (name, number) in ipcCalls {
      if let row = table.row(of: name) { calls[row] = Call(row: ipc, number: number, hasVersion: true) }
    }
  }

  subscript(row: Int) -> Call? { calls[row] }
}

private let socketCalls = [
  "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv", "sendto",
  "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg",
]

private let ipcCalls: [(name: String, number: UInt64)] = [
  ("semop", 1), ("semget", 2), ("semctl", 3), ("semtimedop", 4), ("msgsnd", 11), ("msgrcv", 12), ("msgget", 13),
  ("msgctl", 14), ("shmat", 21), ("shmdt", 22), ("shmget", 23), ("shmctl", 24),
]
