internal import Steps

// Controllers of a few lines each: huge pages, the network tags of v1, RDMA.

enum HugeTLBController: Controller {
  static let nameInV1 = "hugetlb"
  static let nameInV2: String? = "hugetlb"

  static func purpose(in resources: Resources) -> String? {
    resources.hugePages.isEmpty ? nil : "a limit of huge pages"
  }

  static func settings(for resources: Resources, of group: ControlGroup) throws(CgroupError) -> [CgroupStep] {
    var steps: [CgroupStep] = []
    for limit in resources.hugePages {
      // The size becomes part of a file name.
      let digits = limit.pageSize.prefix { $0.isASCII && $0.isNumber }
      guard !digits.isEmpty, digits.first != "0", ["KB", "MB", "GB"].contains(limit.pageSize.dropFirst(digits.count))
      else {
        throw .badValue(of: "huge page size", value: "\"\(limit.pageSize)\"", allowed: "a size such as 2MB or 1GB")
      }
      let name = "hugetlb.\(limit.pageSize)"
      let end = group.version == .v1 ? "limit_in_bytes" : "max"
      steps.append(group.write("\(name).\(end)", limit.bytes))
      // Reservations are counted since Linux 5.7: without this limit a container reserves what it may not use.
      steps.append(group.writeFirst([("\(name).rsvd.\(end)", "\(limit.bytes)")], orNone: true))
    }
    return steps
  }
}

enum NetworkClassController: Controller {
  static let nameInV1 = "net_cls"
  static let nameInV2: String? = nil

  static func purpose(in resources: Resources) -> String? {
    resources.network.classIdentifier == nil ? nil : "a network class"
  }

  static func settings(for resources: Resources, of group: ControlGroup) throws(CgroupError) -> [CgroupStep] {
    resources.network.classIdentifier.map { [group.write("net_cls.classid", $0)] } ?? []
  }
}

enum NetworkPriorityController: Controller {
  static let nameInV1 = "net_prio"
  static let nameInV2: String? = nil

  static func purpose(in resources: Resources) -> String? {
    resources.network.priorities.isEmpty ? nil : "a network priority"
  }

  static func settings(for resources: Resources, of group: ControlGroup) throws(CgroupError) -> [CgroupStep] {
    var steps: [CgroupStep] = []
    for entry in resources.network.priorities {
      guard isName(entry.interface) else {
        throw .badValue(of: "network interface", value: "\"\(entry.interface)\"", allowed: "a name without blanks")
      }
      steps.append(group.write("net_prio.ifpriomap", "\(entry.interface) \(entry.priority)"))
    }
    return steps
  }
}

enum RDMAController: Controller {
  static let nameInV1 = "rdma"
  static let nameInV2: String? = "rdma"

  static func purpose(in resources: Resources) -> String? { resources.remoteMemory.isEmpty ? nil : "a limit of RDMA" }

  static func settings(for resources: Resources, of group: ControlGroup) throws(CgroupError) -> [CgroupStep] {
    var steps: [CgroupStep] = []
    for limit in resources.remoteMemory {
      guard isName(limit.device) else {
        throw .badValue(of: "RDMA device", value: "\"\(limit.device)\"", allowed: "a name without blanks")
      }
      let parts = [limit.handles.map { "hca_handle=\($0)" }, limit.objects.map { "hca_object=\($0)" }].compactMap { $0 }
      guard !parts.isEmpty else { continue }
      steps.append(group.write("rdma.max", ([limit.device] + parts).joined(separator: " ")))
    }
    return steps
  }
}

/// A word that may stand in a line of a control file.
private func isName(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f } }
