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
        do { description = try JSONValue(parsing: try readRegularFile(file, limit: 8 << 20, followLinks: true)) } catch
        {
          // A broken file concerns who wants its devices; whose they are is not known.
          others.append("\(file) cannot be read: \(error)")
          continue
        }
        guard description["kind"]?.string == device.kind else { continue }
        let named = description["devices"]?.array ?? []
        others += named.compactMap { $0["name"]?.string }.map { "\(device.kind)=\($0)" }
        guard let own = named.first(where: { $0["name"]?.string == device.name }) else { continue }
        if let first = found {
          throw Failure(
            .conflict, "device \(device) is described twice, in \(first.file) and in \(file)",
            hint: "remove one of them")
        }
        found = (file, description["containerEdits"], own["containerEdits"])
      }
      if let found { return found }
    }
    throw missing(device, others)
  }

  private func files(in directory: Path) -> [Path] {
    ((try? entries(of: directory)) ?? []).map(\.name.string).filter { $0.hasSuffix(".json") }.sorted()
      .map { directory.appending($0) }
  }

  /// One that is written in YAML and speaks of the kind.
  private func fileInYAML(of kind: String) -> Path? {
    for directory in directories {
      let names = ((try? entries(of: directory)) ?? []).map(\.name.string)
      for name in names.filter({ $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }).sorted() {
        let file = directory.appending(Path(name))
        if let text = try? readText(file, limit: 1 << 20), text.contains(kind) { return file }
      }
    }
    return nil
  }

  private func missing(_ device: NamedDevice, _ others: [String]) -> Failure {
    let places = directories.map(\.string).joined(separator: " or ")
    let message = "no device \(device): no JSON file in \(places) describes it"
    if !others.isEmpty { return Failure(.notFound, message, hint: "there are: \(others.joined(separator: ", "))") }
    if device.kind.hasPrefix("nvidia.com/") {
      return Failure(
        .notFound, message,
        hint: "have it written as JSON: nvidia-ctk cdi generate --format=json --output=/etc/cdi/nvidia.json")
    }
    if let file = fileInYAML(of: device.kind) {
      return Failure(
        .notFound, "no device \(device): \(file) may describe it, and is YAML, which is not read",
        hint: "convert it: yq -o=json \(file) > \(file.string.dropLast(file.string.hasSuffix(".yml") ? 4 : 5)).json")
    }
    return Failure(.notFound, message, hint: "the maker of the device has a program that writes the file")
  }
}

extension Engine {
  func deviceEdits(of request: RunRequest) throws(Failure) -> ContainerEdits {
    request.namedDevices.isEmpty ? ContainerEdits() : try DeviceFiles().edits(for: request.namedDevices)
  }
}
