internal import CKernel

/// Runs `body` in a mount namespace of its own, a copy of the caller's that hears of the host's mounts and tells nothing, and
/// comes back. For a process of one thread, or a thread that shares its root and working directory with nobody.
package func inOwnMountNamespace<Result: ~Copyable>(
  _ body: () throws(Fault) -> Result
) throws(Fault) -> Result {
  let namespace = try open("/proc/thread-self/ns/mnt", .readOnly)
  // Coming back leads to the root of the namespace, which need not be the caller's.
  let root = try open("/", [.path, .directory])
  let directory = try open(".", [.path, .directory])
  try unshare(.mount)
  func comeBack() throws(Fault) {
    try joinNamespace(namespace.borrowed, .mount)
    try changeDirectory(to: root.borrowed)
    try changeRoot(".")
    try changeDirectory(to: directory.borrowed)
  }
  let result: Result
  do throws(Fault) {
    try mount(source: "", on: "/", flags: [.slave, .recursive])
    result = try body()
  } catch {
    try comeBack()
    throw error
  }
  try comeBack()
  return result
}
