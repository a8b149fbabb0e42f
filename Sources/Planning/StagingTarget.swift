package import Kernel

/// What `skiff stage` would add a missing file to.
package enum StagingTarget: Hashable, Sendable {
  case directory(Path)
  /// A local image, by its name.
  case image(String)
}
