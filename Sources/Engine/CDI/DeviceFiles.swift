internal import JSON
internal import Kernel

/// The CDI files of this host. A device that two files of one directory describe is an error, as the specification has it;
/// between directories the later one wins.
struct DeviceFiles {
  static let usual: [Path] = ["/etc/cdi", "/var/run/cdi"]

  private let directories: [Path]
  init(_ directories: [Path] = usual) { self.directories = directories }

  /// What the devices ask for: each file's common part once, then each device's own.
  func edits(for devices: [NamedDevice]) throws(Failure) -> ContainerEdits {
    var edits = ContainerEdits()
    var taken: Set<Path> = []
    for device in devices {
      let (file, all, own) = try find(device)
      do throws(OptionError) {
        if taken.insert(file).inserted { try edits.add(all) }
        try edits.add(own)
      } catch {
        throw Failure(.usage, "device \(device) is refused: \(file): \(error.reason)", hint: error.suggestion)
      }
    }
    return edits
  }

  private func find(_ device: NamedDevice) throws(Failure) -> (file: Path, all: JSONValue?, own: JSONValue?) {
    var others: [String] = []
    for directory in directories.reversed() {
      var found: (file: Path, all: JSONValue?, own: JSONValue?)?
      for file in files(in: directory) {
        let description: JSONValue
        do { description = try DeviceFile.read(file) } catch {
          // A broken file concerns who wants its devices; whose they are is not known.
          others.append("\(file) cannot be read: \(error)")
          continue
        }
        guard description["kind"]?.string == device.kind else { continue }
        let named = description["devices"]?.array ?? []
        others += named.compactMap { $0["name"]?.string }.map { "\(device.kind)=\($0)" }
        for own in named where own["name"]?.string == device.name {
          if let first = found {
            throw Failure(
              .conflict, "device \(device) is described twice, in \(first.file) and in \(file)",
              hint: "remove one of them")
          }
          found = (file, description["containerEdits"], own["containerEdits"])
        }
      }
      if let found { return found }
    }
    throw missing(device, others)
  }

  private func files(in directory: Path) -> [Path] {
    ((try? entries(of: directory)) ?? []).map(\.name.string).filter(DeviceFile.isOne).sorted()
      .map { directory.appending(Path($0)) }
  }

  private func missing(_ device: NamedDevice, _ others: [String]) -> Failure {
    let places = directories.map(\.string).joined(separator: " or ")
    let message = "no device \(device): no file in \(places) describes it"
    if !others.isEmpty { return Failure(.notFound, message, hint: "there are: \(others.joined(separator: ", "))") }
    if device.kind.hasPrefix("nvidia.com/") {
      return Failure(
        .notFound, message, hint: "have it written: nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml")
    }
    return Failure(.notFound, message, hint: "the maker of the device has a program that writes the file")
  }
}

extension Engine {
  func deviceEdits(of request: RunRequest) throws(Failure) -> ContainerEdits {
    request.namedDevices.isEmpty ? ContainerEdits() : try DeviceFiles().edits(for: request.namedDevices)
  }
}
