package import JSON

/// One of a container's mounts that somebody asked for, as it was resolved: what each start mounts again, and what
/// `inspect` says.
package struct MountRecord: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable { case bind, volume, tmpfs, image }

  /// Who asked for it. Docker's `inspect` shows each elsewhere.
  package enum Form: String, Hashable, Sendable {
    /// `-v`
    case volume
    /// `--mount`
    case mount
    /// `--tmpfs`
    case tmpfs
    /// A VOLUME of the image.
    case image
    /// `--volumes-from`
    case inherited
  }

  package var kind: Kind
  package var form: Form
  /// The volume's, or the reference of the image.
  package var name = ""
  /// The file or directory of the host; empty where there is none.
  package var source = ""
  package var destination: String
  /// For the mount, as the OCI runtime specification words them.
  package var options: [String] = []
  /// What stood behind the second colon of `-v`.
  package var mode = ""
  /// Below the source, resolved inside it at each start.
  package var subpath = ""
  /// Of a mounted image, topmost first.
  package var layers: [String] = []
  package var imageIdentifier = ""

  package init(_ kind: Kind, at destination: String, form: Form) {
    self.kind = kind
    self.form = form
    self.destination = destination
  }

  package var isReadOnly: Bool { kind == .image || options.contains("ro") || options.contains("rro") }

  /// How mounts travel between it and the host; the last word wins.
  package var propagation: String {
    options.last { $0.hasSuffix("private") || $0.hasSuffix("shared") || $0.hasSuffix("slave") } ?? "rprivate"
  }
}

extension MountRecord: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(.bind, at: "", form: .mount)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "kind": kind = Kind(rawValue: try reader.string()) ?? .bind
      case "form": form = Form(rawValue: try reader.string()) ?? .mount
      case "name": name = try reader.string()
      case "source": source = try reader.string()
      case "destination": destination = try reader.string()
      case "options": options = try reader.strings()
      case "mode": mode = try reader.string()
      case "subpath": subpath = try reader.string()
      case "layers": layers = try reader.strings()
      case "imageIdentifier": imageIdentifier = try reader.string()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("kind", kind.rawValue)
      $0.member("form", form.rawValue)
      $0.member("name", name.isEmpty ? nil : name)
      $0.member("source", source.isEmpty ? nil : source)
      $0.member("destination", destination)
      $0.member("options", options)
      $0.member("mode", mode.isEmpty ? nil : mode)
      $0.member("subpath", subpath.isEmpty ? nil : subpath)
      $0.member("layers", layers.isEmpty ? nil : layers)
      $0.member("imageIdentifier", imageIdentifier.isEmpty ? nil : imageIdentifier)
    }
  }
}
