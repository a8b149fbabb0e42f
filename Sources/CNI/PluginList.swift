internal import JSON
package import Kernel
package import Steps

/// A network as a file in /etc/cni/net.d describes it (SPEC.md, "Network configuration format").
package struct PluginList: Hashable, Sendable {
  package var name: String
  package var version: String
  /// Objects as they stand in the file.
  fileprivate var plugins: [JSONObject]

  /// Where networks are described.
  package static let configurations: Path = "/etc/cni/net.d"
  /// Where distributions put the programs.
  package static let programs: [Path] = [
    "/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni", "/usr/local/lib/cni", "/usr/local/libexec/cni",
  ]
  /// The versions whose calls and results are the ones that are made and read here.
  private static let versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]

  /// The one of that name; the first file in the order of their names, as every runtime takes them.
  package static func find(_ name: String, in directory: Path = configurations) throws(PluginError) -> PluginList {
    var known: [String] = []
    var damage: PluginError?
    for file in try files(in: directory) {
      do throws(PluginError) {
        let list = try PluginList(parsing: file)
        if list.name == name { return list }
        known.append(list.name)
      } catch { damage = damage ?? error }
    }
    throw PluginError(
      "there is no network \(name) of plugins in \(directory)",
      hint: damage.map { "\($0.message)" }
        ?? (known.isEmpty
          ? "a file \(name).conflist there makes one" : "known there: \(known.sorted().joined(separator: ", "))"))
  }

  private static func files(in directory: Path) throws(PluginError) -> [Path] {
    do throws(Fault) {
      return try entries(of: directory).map(\.name).filter { name in
        [".conflist", ".conf", ".json"].contains { name.string.hasSuffix($0) } && !name.string.hasPrefix(".")
      }.sorted { $0.string < $1.string }.map { directory.appending($0) }
    } catch {
      if error.errno == .noSuchFile { return [] }
      throw PluginError("cannot list the networks of plugins: \(error)", hint: error.hint)
    }
  }

  private init(parsing file: Path) throws(PluginError) {
    let bytes: [UInt8]
    do throws(Fault) { bytes = try readRegularFile(file, limit: 1 << 20) } catch {
      throw PluginError("cannot read \(file): \(error)")
    }
    do throws(PluginError) { try self.init(bytes) } catch { throw PluginError("\(file): \(error.message)") }
  }

  /// A list, or a single plugin as files named .conf have it.
  package init(_ bytes: [UInt8]) throws(PluginError) {
    let value: JSONValue
    do throws(JSONError) { value = try JSONValue(parsing: bytes) } catch { throw PluginError("\(error)") }
    guard let object = value.object else { throw PluginError("it is no JSON object") }
    guard let name = object["name"]?.string, Self.isName(name) else {
      throw PluginError("\"name\" is missing or is not letters and digits, then also \"_\", \".\" and \"-\"")
    }
    self.name = name
    version = object["cniVersion"]?.string ?? "0.2.0"
    guard Self.versions.contains(version) else {
      throw PluginError("cniVersion \"\(version)\" is not known: \(Self.versions.joined(separator: ", "))")
    }
    if let plugins = object["plugins"] {
      guard let list = plugins.array?.compactMap(\.object), list.count == plugins.array?.count, !list.isEmpty else {
        throw PluginError("\"plugins\" is not a list of objects")
      }
      self.plugins = list
    } else {
      plugins = [object]
    }
    for plugin in plugins {
      // The name of a program in one of a few directories: a path would be any program.
      guard let type = plugin["type"]?.string, !type.isEmpty, type != ".", type != "..",
        type.utf8.allSatisfy({
          $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "/")
        })
      else { throw PluginError("a plugin has no \"type\" that is the name of a program") }
    }
  }

  private static func isName(_ name: String) -> Bool {
    func isAlphanumeric(_ byte: UInt8) -> Bool {
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
    guard let first = name.utf8.first, name.utf8.count <= 255, isAlphanumeric(first) else { return false }
    return name.utf8.allSatisfy { isAlphanumeric($0) || "_.-".utf8.contains($0) }
  }

  package var types: [String] { plugins.compactMap { $0["type"]?.string } }

  /// Whether any of the plugins takes published ports (CONVENTIONS.md, "Capabilities").
  package var publishesPorts: Bool { plugins.contains { $0["capabilities"]?["portMappings"]?.bool == true } }

  /// What each plugin is called with (SPEC.md, "Deriving execution configuration from plugin configuration").
  package func plugins(publishing ports: [PluginPort]) -> [PluginNetwork.Plugin] {
    plugins.map { plugin in
      var object = plugin
      object["name"] = .string(name)
      object["cniVersion"] = .string(version)
      object["prevResult"] = nil
      if plugin["capabilities"]?["portMappings"]?.bool == true && !ports.isEmpty {
        object["runtimeConfig"] = ["portMappings": .array(ports.map(\.json))]
      }
      object["capabilities"] = nil
      return PluginNetwork.Plugin(
        type: plugin["type"]?.string ?? "", configuration: JSONValue.object(object).jsonBytes())
    }
  }
}

/// A published port, as the convention "portMappings" has it.
package struct PluginPort: Hashable, Sendable {
  package var hostAddress: String
  package var hostPort: UInt16
  package var containerPort: UInt16
  package var transport: String

  package init(hostAddress: String, hostPort: UInt16, containerPort: UInt16, transport: String) {
    self.hostAddress = hostAddress
    self.hostPort = hostPort
    self.containerPort = containerPort
    self.transport = transport
  }

  fileprivate var json: JSONValue {
    [
      "hostPort": .number(.integer(Int64(hostPort))), "containerPort": .number(.integer(Int64(containerPort))),
      "protocol": .string(transport), "hostIP": .string(hostAddress),
    ]
  }
}
