package import JSON

/// What a container was asked to have of the network beside its networks themselves, as it was asked: each start of it
/// chooses ports and writes /etc/hosts and /etc/resolv.conf anew.
package struct NetworkWishes: Hashable, Sendable {
  /// `-p`, with what `-P` came to, in the words of `-p`.
  package var publish: [String] = []
  /// `--add-host`: `NAME=ADDRESS`.
  package var hosts: [String] = []
  /// `--dns-search`, `--dns-option`.
  package var search: [String] = []
  package var options: [String] = []
  package var domainName = ""
  package init() {}
}

extension NetworkWishes: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "publish": publish = try reader.strings()
      case "hosts": hosts = try reader.strings()
      case "search": search = try reader.strings()
      case "options": options = try reader.strings()
      case "domainName": domainName = try reader.string()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      if !publish.isEmpty { $0.member("publish", publish) }
      if !hosts.isEmpty { $0.member("hosts", hosts) }
      if !search.isEmpty { $0.member("search", search) }
      if !options.isEmpty { $0.member("options", options) }
      if !domainName.isEmpty { $0.member("domainName", domainName) }
    }
  }
}
