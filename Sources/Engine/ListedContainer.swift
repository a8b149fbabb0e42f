package import Containers
package import Kernel

/// One container as `ps` shows it: of its record and its state what a list has room for.
package struct ListedContainer: Hashable, Sendable {
  package let identifier: ContainerIdentifier
  package var name: String
  package var created: Timestamp
  /// The reference as it was given; the directory with --rootfs.
  package var image: String
  package var imageIdentifier: String
  package var command: [String]
  package var labels: [String: String]
  package var networkMode: String
  package var networks: [String]
  package var ports: [PortRecord]
  package var anonymousVolumes: Int
  package var isChecked: Bool
  package var status: ContainerState.Status
  package var exitCode: Int32
  package var started: Timestamp?
  package var finished: Timestamp?
  /// The first process, while it runs.
  package var process: ProcessIdentity?
  /// The control group that its own is in.
  var cgroupParent: String

  // What no file says.
  package var isPaused = false
  /// Of one that runs and is checked.
  package var health: Health.Status?

  /// As docker has it.
  package var stateWord: String { status.word(isPaused: isPaused) }

  init(_ identifier: ContainerIdentifier, _ record: ContainerRecord, _ state: ContainerState) {
    self.identifier = identifier
    name = record.name
    created = record.created
    image = record.image.isEmpty ? record.rootDirectory : record.image
    imageIdentifier = record.imageIdentifier
    command = record.command
    labels = record.labels
    networkMode = record.networkMode
    networks = record.networks.map(\.network)
    ports = record.ports
    anonymousVolumes = record.anonymousVolumes.count
    isChecked = record.health != nil
    status = state.status
    exitCode = state.exitCode
    started = state.started
    finished = state.finished
    process = state.process
    cgroupParent = record.options.cgroupParent ?? Engine.usualGroup
  }
}

extension ListedContainer {
  init(_ summary: ContainerSummary) {
    self.init(summary.identifier, summary.record, summary.state)
    isPaused = summary.isPaused
    health = summary.health
  }
}

extension ContainerState.Status {
  /// As docker has it.
  func word(isPaused: Bool) -> String {
    switch self {
    case .running: isPaused ? "paused" : "running"
    case .starting: "created"
    case .created, .restarting, .exited: rawValue
    }
  }
}

extension ListedContainer {
  func pack(into bytes: inout Packing) {
    bytes.add(identifier.description)
    bytes.add(status.rawValue)
    bytes.add(name)
    bytes.add(created)
    bytes.add(image)
    bytes.add(imageIdentifier)
    bytes.add(command.count)
    for word in command { bytes.add(word) }
    bytes.add(labels.count)
    for (key, value) in labels {
      bytes.add(key)
      bytes.add(value)
    }
    bytes.add(networkMode)
    bytes.add(networks.count)
    for network in networks { bytes.add(network) }
    bytes.add(ports.count)
    for port in ports {
      bytes.add(port.transport)
      bytes.add(port.address)
      bytes.add(Int(port.hostPort))
      bytes.add(Int(port.containerPort))
    }
    bytes.add(anonymousVolumes)
    bytes.add(isChecked ? 1 : 0)
    bytes.add(Int(exitCode))
    for time in [started, finished] {
      bytes.add(time == nil ? 0 : 1)
      if let time { bytes.add(time) }
    }
    bytes.add(Int(process?.process ?? 0))
    bytes.add(Int(truncatingIfNeeded: process?.startTicks ?? 0))
    bytes.add(cgroupParent)
  }

  /// Nil when it is damaged.
  init?(from bytes: inout Unpacking) {
    guard let identifier = ContainerIdentifier(bytes.string()),
      let status = ContainerState.Status(rawValue: bytes.string())
    else { return nil }
    self.identifier = identifier
    self.status = status
    name = bytes.string()
    created = bytes.timestamp()
    image = bytes.string()
    imageIdentifier = bytes.string()
    command = []
    for _ in 0..<bytes.count() { command.append(bytes.string()) }
    labels = [:]
    for _ in 0..<bytes.count() {
      let key = bytes.string()
      labels[key] = bytes.string()
    }
    networkMode = bytes.string()
    networks = []
    for _ in 0..<bytes.count() { networks.append(bytes.string()) }
    ports = []
    for _ in 0..<bytes.count() {
      ports.append(
        PortRecord(
          transport: bytes.string(), address: bytes.string(), hostPort: UInt16(truncatingIfNeeded: bytes.integer()),
          containerPort: UInt16(truncatingIfNeeded: bytes.integer())))
    }
    anonymousVolumes = bytes.integer()
    isChecked = bytes.integer() == 1
    exitCode = Int32(truncatingIfNeeded: bytes.integer())
    started = bytes.integer() == 1 ? bytes.timestamp() : nil
    finished = bytes.integer() == 1 ? bytes.timestamp() : nil
    let number = ProcessIdentifier(truncatingIfNeeded: bytes.integer())
    let ticks = UInt64(truncatingIfNeeded: bytes.integer())
    if number > 0 { process = ProcessIdentity(process: number, startTicks: ticks) }
    cgroupParent = bytes.string()
    guard bytes.isWhole else { return nil }
  }
}
