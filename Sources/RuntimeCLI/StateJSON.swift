package import JSON
internal import Kernel
package import OCIRuntime
internal import RuntimeSpec

/// Of the whole program.
package let runtimeVersion = "0.1.0"

extension ContainerView: JSONWritable {
  /// What `state` prints: runc's members, in its order.
  package func write(to writer: inout JSONWriter) { write(to: &writer, owner: "") }

  /// The same with a name for the owner: what `list` prints.
  func write(to writer: inout JSONWriter, owner: String) {
    writer.object {
      $0.member("ociVersion", Spec.version)
      $0.member("id", state.id)
      $0.member("pid", process)
      $0.member("status", status.rawValue)
      $0.member("bundle", state.bundle)
      $0.member("rootfs", state.rootfs)
      $0.member("created", state.created.rfc3339)
      $0.member("annotations", state.annotations.isEmpty ? nil : state.annotations)
      $0.member("owner", owner)
    }
  }
}
