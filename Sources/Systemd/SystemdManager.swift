internal import DBus
package import Kernel
package import Steps

/// A conversation with systemd's manager (org.freedesktop.systemd1(5)).
package struct SystemdManager: ~Copyable {
  private var connection: BusConnection
  private let isBus: Bool
  private let isUser: Bool

  /// Where the manager listens.
  package struct Address: Hashable, Sendable {
    package var path: Path
    /// A message bus between; root talks to systemd's private socket itself.
    package var isBus: Bool
    package init(path: Path, isBus: Bool) {
      self.path = path
      self.isBus = isBus
    }
  }

  /// Why the driver cannot be used here; nil when it can. `sd_booted(3)`: systemd is there when this directory is.
  package static var obstacle: String? {
    Kernel.exists("/run/systemd/system") ? nil : "systemd does not run on this host (/run/systemd/system is missing)"
  }

  /// Whether this process's units are its user's own manager's. The host's works for its owner alone, and to the root of a
  /// user namespace, as podman calls a runtime for an ordinary user, that owner is somebody else (runc asks the user's bus
  /// who owns it).
  package static var isUsers: Bool {
    let user = effectiveUser()
    guard let owner = try? status(of: "/run/systemd/system").owner else { return user != 0 }
    return owner != user
  }

  /// The host's manager, or the user's own.
  package static func address(
    isUser: Bool, variable: (String) -> String? = { Kernel.environment($0) }
  ) throws(Fault) -> Address {
    guard isUser else {
      let direct: Path = "/run/systemd/private"
      return effectiveUser() == 0 && exists(direct)
        ? Address(path: direct, isBus: false) : Address(path: "/run/dbus/system_bus_socket", isBus: true)
    }
    // `unix:path=/run/user/1000/bus,guid=…`, and more than one of them between semicolons.
    let addresses = (variable("DBUS_SESSION_BUS_ADDRESS") ?? "").split(separator: ";")
    if let unix = addresses.first(where: { $0.hasPrefix("unix:path=") }) {
      return Address(path: Path(String(unix.dropFirst(10).prefix { $0 != "," })), isBus: true)
    }
    if let directory = variable("XDG_RUNTIME_DIR"), !directory.isEmpty {
      return Address(path: Path(directory).appending("bus"), isBus: true)
    }
    // Neither is set after su(1), or in a job of cron's.
    let usual = Path("/run/user/\(userOfHost())/bus")
    if exists(usual) { return Address(path: usual, isBus: true) }
    throw Fault(
      "connect", .noSuchFile, arguments: "DBUS_SESSION_BUS_ADDRESS and XDG_RUNTIME_DIR are not set", hint: cure)
  }

  private static let cure =
    "log in as this user (ssh, machinectl shell), or loginctl enable-linger; the bus is of the package dbus-user-session. "
    + "Or leave --systemd-cgroup out"

  package init(_ address: Address, isUser: Bool, milliseconds: Int = 30_000) throws(Fault) {
    isBus = address.isBus
    self.isUser = isUser
    do throws(Fault) { connection = try Self.connect(address, milliseconds) } catch {
      var fault = error
      if isUser, error.errno == .noSuchFile || error.errno == .connectionRefused || error.errno == .accessDenied {
        fault.hint = fault.hint ?? Self.cure
      }
      throw fault
    }
  }

  private static func connect(_ address: Address, _ milliseconds: Int) throws(Fault) -> BusConnection {
    do throws(BusFailure) {
      return try BusConnection.open(
        address.path, isBus: address.isBus, user: effectiveUser(), milliseconds: milliseconds)
    } catch { throw Fault(error, "connect", address.path.quoted) }
  }

  /// The host's systemd, or the user's.
  package init(isUser: Bool) throws(Fault) { try self.init(Self.address(isUser: isUser), isUser: isUser) }

  // MARK: Units

  /// Starts the scope with these processes in it and waits until systemd has moved them there.
  package mutating func start(_ unit: SystemdUnit, processes: [ProcessIdentifier]) throws(Fault) {
    var properties: [BusValue] = try known(unit.properties).map(\.busValue)
    properties.append(
      .structure([
        .string("PIDs"), .variant(.array(of: "u", processes.map { .uint32(UInt32(bitPattern: $0)) })),
      ]))
    try subscribe()
    let arguments: [BusValue] = [
      .string(unit.name), .string("replace"), .array(of: "(sv)", properties), .array(of: "(sa(sv))", []),
    ]
    var answer: [BusValue]
    do throws(Fault) { answer = try call("StartTransientUnit", arguments) } catch {
      guard error.errno == .exists else { throw error }
      // One that failed and was left behind keeps its name until it is reset; one that lives keeps it for good.
      try? reset(unit.name)
      answer = try call("StartTransientUnit", arguments)
    }
    let result = try waitForJob(answer)
    guard result == "done" else {
      try? reset(unit.name)
      throw Fault(
        "StartTransientUnit", .inputOutput, arguments: "\"\(unit.name)\": \(result)",
        hint: "journalctl -u \(unit.name) may say why")
    }
  }

  /// Stops the unit, which kills who is in it, and lets systemd forget it. One that is gone is fine.
  package mutating func stop(_ name: String) throws(Fault) {
    do throws(Fault) {
      try subscribe()
      _ = try waitForJob(try call("StopUnit", [.string(name), .string("replace")]))
    } catch {
      if error.errno != .noSuchFile { throw error }
    }
    try? reset(name)
  }

  /// Moves this process into the group of a unit that was delegated, or below it. A user's manager asks the host's to do it
  /// where it may not itself: out of a session's group, say, which is root's.
  ///
  /// - Parameter subgroup: `/name`, or empty for the unit's own group.
  package mutating func attach(to name: String, subgroup: String) throws(Fault) {
    // 0 is who asks, by the number that the manager knows.
    _ = try call("AttachProcessesToUnit", [.string(name), .string(subgroup), .array(of: "u", [.uint32(0)])])
  }

  package mutating func set(_ properties: [UnitProperty], of name: String) throws(Fault) {
    guard !properties.isEmpty else { return }
    let values = try known(properties).map(\.busValue)
    _ = try call("SetUnitProperties", [.string(name), .bool(true), .array(of: "(sv)", values)])
  }

  /// The group of the manager itself, below which a user's units are.
  package mutating func controlGroup() throws(Fault) -> String { try property("ControlGroup") }

  private mutating func reset(_ name: String) throws(Fault) { _ = try call("ResetFailedUnit", [.string(name)]) }

  /// Leaves out what this systemd is too old for. The version is asked for only where it matters.
  private mutating func known(_ properties: [UnitProperty]) throws(Fault) -> [UnitProperty] {
    guard properties.contains(where: { $0.since > 240 }) else { return properties }
    // `252.38-1~deb12u1`, `v245-1.fc32`.
    let text = try property("Version")
    let version = Int(text.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? 0
    return properties.filter { $0.since <= version }
  }

  // MARK: Calls

  private static let path = "/org/freedesktop/systemd1"
  private static let manager = "org.freedesktop.systemd1.Manager"
  /// A private socket has one peer and no names.
  private var destination: String? { isBus ? "org.freedesktop.systemd1" : nil }

  /// A bus passes signals on only to who asked; the private socket gets all of them.
  private mutating func subscribe() throws(Fault) {
    guard isBus else { return }
    let rule = "type='signal',interface='\(Self.manager)',member='JobRemoved',path='\(Self.path)'"
    do throws(BusFailure) {
      _ = try connection.call(
        BusMessage(
          "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", to: "org.freedesktop.DBus", [.string(rule)]))
    } catch { throw Fault(error, "AddMatch", rule) }
    do throws(Fault) { _ = try call("Subscribe", []) } catch {
      // Twice on one connection is once.
      if error.errno != .exists { throw error }
    }
  }

  private mutating func call(_ member: StaticString, _ arguments: [BusValue]) throws(Fault) -> [BusValue] {
    do throws(BusFailure) {
      return try connection.call(
        BusMessage(Self.path, Self.manager, member.description, to: destination, arguments))
    } catch { throw Fault(error, member, arguments.first?.text.map { "\"\($0)\"" } ?? "") }
  }

  private mutating func property(_ name: String) throws(Fault) -> String {
    do throws(BusFailure) {
      let answer = try connection.call(
        BusMessage(
          Self.path, "org.freedesktop.DBus.Properties", "Get", to: destination, [.string(Self.manager), .string(name)]))
      return answer.first?.text ?? ""
    } catch { throw Fault(error, "Get", name) }
  }

  /// JobRemoved has the job's number, its path, the unit and how it went: `done`, `failed`, `timeout`, ….
  private mutating func waitForJob(_ answer: [BusValue]) throws(Fault) -> String {
    guard let job = answer.first?.text else { return "no job" }
    do throws(BusFailure) {
      let body = try connection.waitForSignal("JobRemoved") { $0.count == 4 && $0[1].text == job }
      return body[3].text ?? ""
    } catch { throw Fault(error, "JobRemoved", "\"\(job)\"") }
  }
}

extension UnitProperty {
  var busValue: BusValue {
    let value: BusValue =
      switch value {
      case .flag(let flag): .bool(flag)
      case .signed(let number): .int32(number)
      case .number(let number): .uint64(number)
      case .text(let text): .string(text)
      case .texts(let texts): .array(of: "s", texts.map { .string($0) })
      case .bits(let bytes): .array(of: "y", bytes.map { .byte($0) })
      case .devices(let devices):
        .array(of: "(ss)", devices.map { .structure([.string($0.path), .string($0.access)]) })
      }
    return .structure([.string(name), .variant(value)])
  }
}

extension Fault {
  fileprivate init(_ failure: BusFailure, _ operation: StaticString, _ arguments: String) {
    switch failure {
    case .fault(let fault): self.init(operation, fault.errno, arguments: arguments, hint: fault.hint)
    case .malformed(let message):
      self.init(operation, .badMessage, arguments: arguments, hint: message.description)
    case .refused(let error):
      let errno: Errno =
        switch error.name.split(separator: ".").last {
        case "UnitExists", "AlreadySubscribed": .exists
        case "NoSuchUnit": .noSuchFile
        case "AccessDenied", "AuthFailed", "InteractiveAuthorizationRequired": .accessDenied
        case "InvalidArgs", "PropertyReadOnly": .invalid
        default: .inputOutput
        }
      self.init(operation, errno, arguments: arguments, hint: "systemd says: \(error)")
    }
  }
}
