package import JSON

extension Spec {
  /// The state of a container (runtime.md, "State"): what `state` prints and hooks read.
  package struct State: Hashable, Sendable {
    package enum Status: String, Hashable, Sendable { case creating, created, running, paused, stopped }

    package var ociVersion = Spec.version
    package var id: String
    package var status: Status
    /// Of the container's first process, on the host; left out where there is none.
    package var process: Int32?
    /// Absolute.
    package var bundle: String
    package var annotations: [String: String]

    package init(id: String, status: Status, bundle: String, annotations: [String: String] = [:]) {
      self.id = id
      self.status = status
      self.bundle = bundle
      self.annotations = annotations
    }
  }

  /// Of the specification that is implemented.
  package static let version = "1.3.0"
}

extension Spec.State: JSONWritable {
  /// The number last: hooks get it filled in when they are called.
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("ociVersion", ociVersion)
      $0.member("id", id)
      $0.member("status", status.rawValue)
      $0.member("bundle", bundle)
      $0.member("annotations", annotations.nonEmpty)
      $0.member("pid", process)
    }
  }
}
