internal import Cgroups
internal import Kernel
internal import Steps

extension UnitProperty {
  /// The v2 files of `linux.resources.unified` that systemd has words for (runc, docs/systemd.md). It is not told of the
  /// others, nor of a value that it could not take: those are the kernel's to judge, when the files are written.
  static func unified(_ settings: [ControlSetting]) throws(UnitError) -> [UnitProperty] {
    var properties: [UnitProperty] = []
    for setting in settings {
      switch setting.file.string {
      case "cpu.max": properties += quota(setting.value)
      case "cpu.idle" where setting.value == "1":
        properties.append(UnitProperty("CPUWeight", .number(0), since: 252))
      case "cpu.weight": properties += number("CPUWeight", setting.value)
      case "cpuset.cpus" where !setting.value.isEmpty:
        properties.append(UnitProperty("AllowedCPUs", .bits(try bits(of: setting.value)), since: 244))
      case "cpuset.mems" where !setting.value.isEmpty:
        properties.append(UnitProperty("AllowedMemoryNodes", .bits(try bits(of: setting.value)), since: 244))
      case "memory.min": properties += number("MemoryMin", setting.value)
      case "memory.low": properties += number("MemoryLow", setting.value)
      case "memory.high": properties += number("MemoryHigh", setting.value)
      case "memory.max": properties += number("MemoryMax", setting.value)
      case "memory.swap.max": properties += number("MemorySwapMax", setting.value)
      case "memory.oom.group":
        properties.append(UnitProperty("OOMPolicy", .text(setting.value == "1" ? "kill" : "continue"), since: 253))
      // systemd has no limit of 0.
      case "pids.max": properties += number("TasksMax", setting.value == "0" ? "1" : setting.value)
      default: break
      }
    }
    return properties
  }

  private static func number(_ name: String, _ text: String) -> [UnitProperty] {
    if text == "max" { return [UnitProperty(name, .number(.max))] }
    return UInt64(text).map { [UnitProperty(name, .number($0))] } ?? []
  }

  /// `max`, `50000` or `50000 100000`: microseconds in each period.
  private static func quota(_ text: String) -> [UnitProperty] {
    let words = text.split(separator: " ")
    guard let first = words.first, words.count <= 2, first == "max" || Int64(first) != nil else { return [] }
    var processor = Resources.Processor()
    processor.quota = Int64(first) ?? -1
    if words.count == 2 {
      guard let period = UInt64(words[1]) else { return [] }
      processor.period = period
    }
    return quota(of: processor)
  }
}
