import Glibc
import Kernel
import Steps
import Synchronization
import Testing

@testable import Cgroups

/// The hierarchies of the machine that runs the tests, and groups of our own in them.
enum Machine {
  /// Why tests of real groups cannot run here; nil when they can.
  static let obstacle: String? = {
    guard effectiveUser() == 0 else { return "control groups are made by root" }
    do {
      let layout = try CgroupLayout.detect()
      let plan = try layout.plan(for: Resources(), group: "skiff-test-\(processIdentifier())-probe")
      defer { for group in plan.groups { try? perform(.remove(group)) } }
      for step in plan.before + plan.make { try perform(step) }
      return nil
    } catch { return "no control groups can be made here: \(error)" }
  }()

  static var canMakeGroups: Bool { obstacle == nil }

  static func has(_ controller: String) -> Bool {
    canMakeGroups && (try? CgroupLayout.detect().has(controller)) == true
  }

  private static let counter = Mutex(0)

  static func newName() -> String {
    counter.withLock { number in
      number += 1
      // A parent of its own: tests run side by side, and one would remove the parent that another just made.
      return "skiff-test-\(processIdentifier())-\(number)/group"
    }
  }

  /// A group with these limits for the time of `body`. Everything that was made is gone afterwards.
  static func withGroup(
    _ resources: Resources = Resources(), on layout: CgroupLayout? = nil,
    _ body: (CgroupLayout, String, CgroupPlan) throws -> Void
  ) throws {
    let layout = try layout ?? CgroupLayout.detect()
    let name = newName()
    let plan = try layout.plan(for: resources, group: name)
    defer {
      for group in plan.groups {
        try? perform(.remove(group))
        // What was made above it goes too.
        try? removeDirectory(group.parent)
      }
    }
    for step in plan.before + plan.make { try perform(step) }
    try body(layout, name, plan)
    for step in (plan.before + plan.make).reversed() {
      guard case .make(let group) = step else { continue }
      try perform(.remove(group))
      #expect(!exists(group))
    }
  }

  /// A shell in the group: it enters by itself, as a container does.
  static func start(_ script: String, in plan: CgroupPlan) throws -> Shell {
    let joins = plan.groups.map { group in
      "echo 0 > \(group)/\(exists(group.appending("tasks")) ? "tasks" : "cgroup.procs")"
    }
    return try Shell((["exec >/dev/null 2>&1", "set -e"] + joins + ["set +e", script]).joined(separator: "\n"))
  }

  /// Waits, for a bounded time, until something is so.
  static func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<12_000 {
      if try condition() { return true }
      usleep(5000)
    }
    return false
  }
}
