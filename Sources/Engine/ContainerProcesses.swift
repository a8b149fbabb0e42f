internal import Cgroups
internal import Containers
package import Kernel

extension Engine {
  /// The processes of a running container, in the numbers of the host, the first one leading.
  package func processes(of word: String) throws(Failure) -> [ProcessIdentifier] {
    let identifier = try find(word)
    let first = try runningProcess(of: identifier, named: word).identity.process
    let group = group(of: identifier, in: try layout())
    let others: [ProcessIdentifier]
    do throws(Fault) { others = if let group { try group.processes() } else { try family(of: first) } } catch {
      throw Failure("cannot list the processes of \(word)", error)
    }
    return [first] + Set(others).subtracting([first]).sorted()
  }
}

/// Who belongs to it where no control group says so (an ordinary user's container without one): who is in the process
/// namespace that it is the first process of, as those are that `exec` brought in, and whoever descends from one of them.
private func family(of first: ProcessIdentifier) throws(Fault) -> [ProcessIdentifier] {
  let namespace = isFirstOfItsNamespace(first) ? namespaceOfProcesses(first) : nil
  var parents: [(process: ProcessIdentifier, parent: ProcessIdentifier)] = []
  var members: Set<ProcessIdentifier> = [first]
  for entry in try entries(of: "/proc") {
    guard let process = ProcessIdentifier(entry.name.string), let parent = parent(of: process) else { continue }
    parents.append((process, parent))
    if namespace != nil, namespaceOfProcesses(process) == namespace { members.insert(process) }
  }
  while true {
    let more = parents.filter { members.contains($0.parent) && !members.contains($0.process) }
    if more.isEmpty { return Array(members) }
    members.formUnion(more.map(\.process))
  }
}

/// In that of somebody else (`--pid host`, `--pid container:NAME`) not all processes are its own.
private func isFirstOfItsNamespace(_ process: ProcessIdentifier) -> Bool {
  statusLine("NSpid", of: process)?.split(whereSeparator: \.isWhitespace).last == "1"
}

/// A line of /proc/PID/status, without its name (proc_pid_status(5)).
func statusLine(_ name: String, of process: ProcessIdentifier) -> String? {
  guard let text = try? readText("/proc/\(process)/status", limit: 1 << 16),
    let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name + ":\t") })
  else { return nil }
  return String(line.dropFirst(name.utf8.count + 2))
}

private func namespaceOfProcesses(_ process: ProcessIdentifier) -> UInt64? {
  (try? status(of: Path("/proc/\(process)/ns/pid")))?.inode
}

func parent(of process: ProcessIdentifier) -> ProcessIdentifier? {
  // The name in parentheses may itself hold parentheses.
  let rest = (try? readText("/proc/\(process)/stat", limit: 4096))?.split(separator: ")").last
  return rest?.split(separator: " ").dropFirst().first.flatMap { ProcessIdentifier(String($0)) }
}
