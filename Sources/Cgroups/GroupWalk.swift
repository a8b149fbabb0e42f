internal import Kernel

/// Every group from `top` down, children before their parents, whatever a container nested there: the walk holds one
/// descriptor and moves it, so neither depth nor the length of a path is a limit, and the number of groups is bounded.
///
/// - Parameters:
///   - visit: gets each group's directory once.
///   - leave: gets the directory above and the name of each group but `top`, after its visit; it may remove it.
func walkGroups(
  from top: Path, visit: (BorrowedDescriptor) throws(Fault) -> Void,
  leave: (BorrowedDescriptor, Path) throws(Fault) -> Void = { (_, _) throws(Fault) in }
) throws(Fault) {
  /// The levels between `top` and where the walk is: what the group is called, and which groups in it are still to be entered.
  var levels: [(name: Path, rest: [Path])] = []
  var here: Descriptor
  do throws(Fault) { here = try open(top, [.readOnly, .directory, .noFollow]) } catch {
    if error.errno == .noSuchFile { return }
    throw error
  }
  var rest = try children(of: here.borrowed)
  var entered = 0
  while true {
    if let next = rest.popLast() {
      do throws(Fault) {
        let below = try open(next, [.readOnly, .directory, .noFollow], at: here.borrowed)
        let found = try children(of: below.borrowed)
        levels.append((next, rest))
        here = below
        rest = found
      } catch {
        // Gone meanwhile.
        if error.errno != .noSuchFile && error.errno != .noSuchDevice { throw error }
      }
      entered += 1
      guard entered < 1 << 20 else {
        throw Fault(
          "getdents64", .noBufferSpace, arguments: top.quoted, hint: "more than a million groups are below it")
      }
      continue
    }
    try visit(here.borrowed)
    guard let (name, above) = levels.popLast() else { return }
    // cgroupfs has no rename across directories (and v2 none at all), so `..` is where the walk came from.
    do throws(Fault) { here = try open("..", [.readOnly, .directory], at: here.borrowed) } catch {
      // Somebody else removed the group that the walk was in: whoever walks to empty a tree comes back.
      if error.errno == .noSuchFile || error.errno == .noSuchDevice { return }
      throw error
    }
    try leave(here.borrowed, name)
    rest = above
  }
}

private func children(of group: BorrowedDescriptor) throws(Fault) -> [Path] {
  do throws(Fault) {
    return try entries(of: group).filter { $0.kind == .directory }.map(\.name)
  } catch {
    if error.errno == .noSuchFile || error.errno == .noSuchDevice { return [] }
    throw error
  }
}
