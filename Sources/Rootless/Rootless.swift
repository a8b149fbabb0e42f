/// How an ordinary user comes to make containers: the user namespace in which all of his commands are root, the ids that
/// there are in it, and the directories that are his. It knows of no container and of no image.
internal import Kernel

/// Who called this program, before it entered anything: asked once, for inside everybody is root.
package struct Caller: Sendable {
  package let user: UInt32
  package let group: UInt32

  package static let current = Caller(user: effectiveUser(), group: effectiveGroup())

  package var isOrdinary: Bool { user != 0 }
}
