package import JSON

/// The OCI runtime specification as Swift values: config.json in, config.json out.
///
/// Pure. It may know every field of the Linux part of the specification; it may not decide what a field leads to.
///
/// Version 1.3.0 of the specification. As in its Go types, what is absent, null or empty is the same, members that are not
/// known are skipped ("runtimes MUST ignore unknown properties"), and what must not be empty is for Planning to say.

/// A container's configuration: config.json of a bundle (config.md).
package struct Spec: Hashable, Sendable {
  /// The version of the specification that the author followed.
  package var ociVersion = "1.3.0"
  package var process: Process?
  package var root: Root?
  package var hostname: String?
  package var domainname: String?
  /// In the order in which they are to be mounted.
  package var mounts: [Mount] = []
  package var hooks = Hooks()
  package var annotations: [String: String] = [:]
  package var linux: Linux?

  package init() {}

  /// The root file system of the container.
  package struct Root: Hashable, Sendable {
    /// On the host; relative to the bundle when not absolute.
    package var path: String
    package var isReadOnly: Bool
    package init(path: String, isReadOnly: Bool = false) {
      self.path = path
      self.isReadOnly = isReadOnly
    }
  }
}

extension Spec: JSONReadable {
  /// Docker's config is 9 KB; a NUL would end a string early where the kernel reads it.
  package static var jsonLimits: JSONLimits {
    JSONLimits(length: 8 << 20, depth: 32, values: 500_000, allowsNUL: false)
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    ociVersion = ""
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "ociVersion": ociVersion = try reader.string()
      case "process": process = try reader.value()
      case "root": root = try reader.value()
      case "hostname": hostname = try reader.nonEmptyString()
      case "domainname": domainname = try reader.nonEmptyString()
      case "mounts": mounts = try reader.list()
      case "hooks": hooks = try reader.value()
      case "annotations": annotations = try reader.stringMap()
      case "linux": linux = try reader.value()
      default: try reader.skip()
      }
    }
  }
}

extension Spec: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("ociVersion", ociVersion)
      $0.member("process", process)
      $0.member("root", root)
      $0.member("hostname", hostname)
      $0.member("domainname", domainname)
      $0.member("mounts", mounts.nonEmpty)
      if hooks != Hooks() { $0.member("hooks", hooks) }
      $0.member("annotations", annotations.nonEmpty)
      $0.member("linux", linux)
    }
  }
}

extension Spec.Root: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(path: "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "path": path = try reader.string()
      case "readonly": isReadOnly = try reader.bool()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("path", path)
      $0.member("readonly", isReadOnly.orNil)
    }
  }
}

// MARK: - What Go's `omitempty` leaves out

extension JSONReader {
  /// Nil for an empty string.
  mutating func nonEmptyString() throws(JSONError) -> String? {
    let text = try string()
    return text.isEmpty ? nil : text
  }
}

extension Collection {
  /// Nil when there is nothing in it.
  var nonEmpty: Self? { isEmpty ? nil : self }
}

extension Bool {
  /// Nil for false.
  var orNil: Bool? { self ? true : nil }
}
