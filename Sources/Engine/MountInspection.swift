internal import Containers
package import JSON

// What `inspect` says of a container's mounts, in docker's words: each at its place, by who asked for it.

extension ContainerRecord {
  /// `Mounts`: those of `-v`, `--mount`, `--volumes-from` and of the image; `--tmpfs` has a place of its own.
  package var inspectedMounts: JSONValue { .array(mounts.filter { $0.form != .tmpfs }.map(\.inspection)) }

  /// `HostConfig.Binds`: what `-v` said, nil for none.
  package var inspectedBinds: [String]? {
    let binds = mounts.filter { $0.form == .volume && !anonymousVolumes.contains($0.name) }.map { mount in
      let source = mount.kind == .volume ? mount.name : mount.source
      return "\(source):\(mount.destination)" + (mount.mode.isEmpty ? "" : ":\(mount.mode)")
    }
    return binds.isEmpty ? nil : binds
  }

  /// `HostConfig.Tmpfs`: options by target, nil for none.
  package var inspectedTmpfs: JSONValue? {
    var object = JSONObject()
    for mount in mounts where mount.form == .tmpfs {
      object[mount.destination] = .string(mount.options.joined(separator: ","))
    }
    return object.count == 0 ? nil : .object(object)
  }

  /// `HostConfig.Mounts`: what `--mount` said, nil for none.
  package var inspectedRequests: JSONValue? {
    let asked = mounts.filter { $0.form == .mount }.map(\.asked)
    return asked.isEmpty ? nil : .array(asked)
  }
}

extension MountRecord {
  fileprivate var inspection: JSONValue {
    var object = JSONObject()
    object["Type"] = .string(kind.rawValue)
    if kind == .volume || kind == .image { object["Name"] = .string(name) }
    object["Source"] = .string(kind == .tmpfs || kind == .image ? "" : shownSource)
    object["Destination"] = .string(destination)
    if kind == .volume { object["Driver"] = "local" }
    object["Mode"] = .string(shownMode)
    object["RW"] = .bool(!isReadOnly)
    // Docker leaves it to the volume.
    object["Propagation"] = .string(kind == .bind ? propagation : "")
    return .object(object)
  }

  private var shownSource: String { subpath.isEmpty ? source : "\(source)/\(subpath)" }

  /// Docker marks its own volumes for SELinux unless something was said.
  private var shownMode: String {
    if kind == .volume, mode.isEmpty, form == .volume || form == .mount, !name.isEmpty { return "z" }
    return mode
  }

  fileprivate var asked: JSONValue {
    var object = JSONObject()
    object["Type"] = .string(kind.rawValue)
    switch kind {
    case .bind: object["Source"] = .string(source)
    case .volume, .image: object["Source"] = .string(name)
    case .tmpfs: break
    }
    object["Target"] = .string(destination)
    if isReadOnly { object["ReadOnly"] = true }
    if kind == .bind, propagation != "rprivate" { object["BindOptions"] = ["Propagation": .string(propagation)] }
    if !subpath.isEmpty {
      object[kind == .image ? "ImageOptions" : "VolumeOptions"] = ["Subpath": .string(subpath)]
    }
    return .object(object)
  }
}
