internal import ImageSpec
internal import Kernel
internal import Privileges

// Who a container's program is to be.

extension Engine {
  func user(of request: RunRequest, _ image: ImageDefaults) throws(Failure) -> ResolvedUser {
    let text = image.config.user
    return try user(
      text.isEmpty ? "0" : text, root: rootReader(of: request, image), added: request.supplementaryGroups)
  }

  /// Numbers for the names in `-u`, from the passwd and group files of the root; bounded, and never through a link out of
  /// it.
  func user(_ text: String, root: RootReader, added: [String] = []) throws(Failure) -> ResolvedUser {
    do {
      let database = try UserDatabase(
        passwd: try root.file("/etc/passwd", limit: UserDatabase.fileLimit),
        group: try root.file("/etc/group", limit: UserDatabase.fileLimit))
      return try database.resolve(try UserReference(text), added: try added.map { try .init($0) })
    } catch let error as UserError {
      throw Failure(
        .usage, "\(error)", hint: "give numbers (-u 1000:1000), or a name that /etc/passwd in the image has")
    } catch let error as Fault {
      throw Failure("cannot read the users of the image", error)
    } catch {
      throw Failure(.usage, "\(error)")
    }
  }
}
