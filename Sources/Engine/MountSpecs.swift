internal import Containers
internal import RuntimeSpec

// From the records of a container's mounts to the OCI configuration.

extension MountRecord {
  /// - Parameter isShifted: in a user namespace, where what is Skiff's own belongs to the container's ids all the same.
  func specification(isShifted: Bool) -> Spec.Mount {
    let shifted = isShifted ? ["idmap"] : []
    var mount = Spec.Mount(destination: destination)
    switch kind {
    case .bind:
      mount.type = "bind"
      mount.source = source
      mount.options = (options.contains("bind") ? [] : ["rbind"]) + propagated
    case .volume:
      mount.type = "bind"
      mount.source = source
      mount.options = ["rbind"] + shifted + propagated
    case .tmpfs:
      mount.type = "tmpfs"
      mount.source = "tmpfs"
      mount.options = ["nosuid", "nodev", "noexec"] + options
    case .image:
      mount.type = "overlay"
      mount.source = "overlay"
      mount.options = ["ro"] + shifted + layers.map { "lowerdir+=\($0)" }
    }
    // As mount(8) calls it.
    if !subpath.isEmpty { mount.options.append("X-mount.subdir=\(subpath)") }
    return mount
  }

  private var propagated: [String] {
    options.contains { $0.hasSuffix("private") || $0.hasSuffix("shared") || $0.hasSuffix("slave") }
      ? options : options + ["rprivate"]
  }
}
