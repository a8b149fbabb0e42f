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
    do throws(Fault) { others = try group?.processes() ?? [] } catch {
      throw Failure("cannot list the processes of \(word)", error)
    }
    return [first] + Set(others).subtracting([first]).sorted()
  }
}
