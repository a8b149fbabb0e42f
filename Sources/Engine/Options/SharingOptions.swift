// Which namespaces a container has for itself, and which are the host's or another container's.

/// `--pid`, `--ipc`, `--uts` and `--cgroupns`.
package struct SharingRequest: Hashable, Sendable {
  package enum Processes: Hashable, Sendable {
    case own, host
    case container(String)
  }

  package enum IPC: Hashable, Sendable {
    /// A namespace of its own, which no other container joins.
    case `private`
    /// The same, and others may join it.
    case shareable
    /// Of its own, and without /dev/shm.
    case none
    case host
    case container(String)
  }

  package var processes = Processes.own
  package var ipc = IPC.private
  package var namesAreHosts = false
  package var groupsAreHosts = false
  package init() {}
}

extension SharingRequest.Processes {
  /// `--pid`.
  package init(_ text: String) throws(OptionError) {
    switch text {
    case "", "private": self = .own
    case "host": self = .host
    default:
      guard let name = try containerName(text) else {
        throw OptionError("expected host or container:NAME; without it the container has processes of its own")
      }
      self = .container(name)
    }
  }

  /// As `inspect` shows it.
  var word: String {
    switch self {
    case .own: ""
    case .host: "host"
    case .container(let name): "container:\(name)"
    }
  }
}

extension SharingRequest.IPC {
  /// `--ipc`.
  package init(_ text: String) throws(OptionError) {
    switch text {
    case "", "private": self = .private
    case "shareable": self = .shareable
    case "none": self = .none
    case "host": self = .host
    default:
      guard let name = try containerName(text) else {
        throw OptionError("expected private, shareable, none, host or container:NAME")
      }
      self = .container(name)
    }
  }

  /// As `inspect` shows it, but that `private` is the empty word.
  var word: String {
    switch self {
    case .private: ""
    case .shareable: "shareable"
    case .none: "none"
    case .host: "host"
    case .container(let name): "container:\(name)"
    }
  }
}

/// Whom `container:NAME` means; nil for another word.
private func containerName(_ text: String) throws(OptionError) -> String? {
  guard text.hasPrefix("container:") else { return nil }
  let name = String(text.dropFirst(10))
  guard isValidName(name) else { throw OptionError("container: needs a container's name or id after it") }
  return name
}

/// `--cgroup-parent`: the path of a group, without the slashes around it.
package func parseCgroupParent(_ text: String) throws(OptionError) -> String? {
  if hasControlCharacters(text) { throw OptionError("it holds a control character") }
  let parts = text.split(separator: "/")
  if parts.contains("..") { throw OptionError("it leads upwards") }
  let path = parts.filter { $0 != "." }.joined(separator: "/")
  return path.isEmpty ? nil : path
}
