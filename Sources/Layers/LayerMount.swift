package import Kernel
internal import Mounts
internal import Steps

/// Mounts layers, topmost first, read-only on a directory of the host. A program in them is nobody's there: its set-id bits
/// and its devices mean nothing.
package func mountLayers(_ lower: [Path], at target: Path) throws(Fault) {
  var executor = MountExecutor()
  try executor.perform(
    .mountOverlay(
      OverlayMount(
        target: target, lower: lower, upper: nil, work: nil, usesUserAttributes: !isRootOfHost())))
  let mounted = try open(target, [.path, .directory])
  try setMountAttributes(of: mounted.borrowed, set: [.readOnly, .noSetUserId, .noDevices], recursive: false)
}
