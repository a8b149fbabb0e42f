import Foundation
import Kernel
import Testing

/// Each in a process of its own: a fork of the test runner would be one of a process with many threads.
@Suite struct ProcessesTests {
  @Test func endsAreToldApart() async {
    await #expect(processExitsWith: .success) {
      func end(_ body: () -> Void) throws -> Kernel.ExitStatus? {
        switch try clone(namespaces: []) {
        case .child:
          body()
          exitNow(99)
        case .parent(_, let pidfd): return try wait(for: .pidfd(pidfd.borrowed))?.status
        }
      }
      try expect(try end { exitNow(0) } == .exited(0))
      try expect(try end { exitNow(255) } == .exited(255))
      let killed = try end { try? sendSignal(9, toProcess: processIdentifier()) }
      try expect(killed == .killed(signal: 9, coreDumped: false) && killed?.code == 137)
      try expect(denied(.noChild) { _ = try wait(for: .anyChild) })
    }
  }

  @Test(.enabled(if: effectiveUser() == 0, "namespaces need root"))
  func theFirstProcessOfANamespace() async {
    await #expect(processExitsWith: .success) {
      switch try clone(namespaces: [.process, .uts, .network]) {
      case .child:
        let isFirst = processIdentifier() == 1 && parentProcessIdentifier() == 0
        // Signals and ordinary Swift work there.
        try? setHostname("inside")
        exitNow(isFirst && [1, 2, 3].map { "\($0)" }.joined() == "123" ? 7 : 8)
      case .parent(let process, let pidfd):
        try expect(process > 1)
        try expect(try poll(pidfd.borrowed, .readable) == .readable)
        try expect(try wait(for: .pidfd(pidfd.borrowed))?.status == .exited(7))
        try expect(denied(.noSuchProcess) { try sendSignal(0, to: pidfd.borrowed) })
      }
      try expect(try readText("/proc/sys/kernel/hostname") != "inside")
    }
  }

  /// Docker's filter answers ENOSYS to clone3, so that the C library falls back; `--init` forks behind it.
  @Test(.enabled(if: effectiveUser() == 0, "a filter without no_new_privs needs root"))
  func cloneWhereClone3IsHidden() async {
    await #expect(processExitsWith: .success) {
      // ld [nr]; jeq SYS_clone3 → errno ENOSYS; allow. The number is the same on every architecture.
      try loadSystemCallFilter(
        [0x20, 0x15 | 1 << 24 | 435 << 32, 0x06 | 0x0005_0026 << 32, 0x06 | 0x7fff_0000 << 32], flags: 0)
      switch try clone(namespaces: []) {
      case .child: exitNow(5)
      case .parent(let process, let pidfd):
        try expect(try openProcess(process).rawValue != pidfd.rawValue)
        try expect(try wait(for: .pidfd(pidfd.borrowed))?.status == .exited(5))
      }
      switch try clone(namespaces: [.uts, .process]) {
      case .child: exitNow(processIdentifier() == 1 ? 6 : 1)
      case .parent(_, let pidfd): try expect(try wait(for: .pidfd(pidfd.borrowed))?.status == .exited(6))
      }
      // Into a group of cgroup v2 by its file; where that fails, as in a directory that is no group, nobody lives on.
      let group = try open("/", [.path, .directory])
      try expect(denied(.noSuchFile) { _ = try clone(namespaces: [], cgroup: group.borrowed) })
      try expect(denied(.noChild) { _ = try wait(for: .anyChild) })
    }
  }

  @Test(arguments: [false, true])
  func onlyTheStandardStreamsAreInherited(onExecute: Bool) async {
    await #expect(processExitsWith: .success) { [onExecute] in
      let pipe = try makePipe()
      // Leaks of somebody else's: not close-on-exec.
      for number: Int32 in [50, 51, 900] { try pipe.reading.borrowed.duplicate(asInherited: number) }
      switch try clone(namespaces: []) {
      case .child:
        try? pipe.writing.borrowed.duplicate(asInherited: 1)
        try? closeDescriptors(from: 3, onExecute: onExecute)
        let fault = execute("/bin/sh", arguments: ["sh", "-c", "cd /proc/self/fd && echo *"], environment: [])
        exitNow(fault.errno.rawValue)
      case .parent(_, let pidfd):
        try pipe.writing.close()
        let text = String(decoding: try pipe.reading.borrowed.readAll(), as: UTF8.self)
        // The shell has its own look at the directory open while it looks.
        let numbers = text.split { $0.isWhitespace }.compactMap { Int($0) }.sorted()
        try expect(numbers.prefix(3) == [0, 1, 2] && numbers.count <= 4 && (numbers.last ?? 0) < 50)
        try expect(try wait(for: .pidfd(pidfd.borrowed))?.status == .exited(0))
      }
    }
  }

  @Test func whatCannotBeExecutedSaysWhy() throws {
    #expect(execute("/no/such", arguments: ["x"], environment: []).errno == .noSuchFile)
    #expect(execute("/etc/passwd", arguments: ["x"], environment: []).errno == .accessDenied)
    let directory = try open("/", [.path, .directory])
    #expect(execute(directory.borrowed, arguments: ["x"], environment: []).errno == .accessDenied)
    #expect(execute("/no/such", arguments: ["a", "b"], environment: []).arguments == "\"/no/such\", [\"a\", \"b\"]")
  }
}

struct Unmet: Error { var line: Int }

func expect(_ condition: Bool, line: Int = #line) throws {
  if condition { return }
  FileHandle.standardError.write(Data("ProcessesTests.swift:\(line): not so\n".utf8))
  throw Unmet(line: line)
}

func denied(_ errno: Kernel.Errno, _ body: () throws -> Void) -> Bool {
  do { try body() } catch { return (error as? Fault)?.errno == errno }
  return false
}
