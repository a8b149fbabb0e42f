internal import Journal
internal import Kernel

/// Notes what happened to an image, for `skiff events`, in docker's words.
///
/// - Parameter root: skiff's, with the journal that the engine writes to.
func note(_ action: JournalEvent.Action, _ image: String, named name: String, in root: Path) {
  Journal(in: root.appending("events")).note(JournalEvent(.image, action, of: image, ["name": name]))
}
