internal import Arguments
internal import Blobs
internal import Containers
internal import Engine
internal import ImageSpec
internal import Kernel
internal import Layers
internal import RegistryRequests

/// When `run` asks a registry for the image.
enum PullPolicy: String, CaseIterable {
  case always, missing, never
  /// podman's: always, and the image that is here where the registry cannot be asked.
  case newer
}

extension RunRequest {
  /// Has the helper bring the image when it is wanted and not here. What it says goes to standard error, for standard output
  /// is the container's.
  ///
  /// - Returns: the exit code of a pull that failed; nil when the container may start.
  func pullsImage(_ words: ParsedArguments, _ engine: Engine) throws -> Int32? {
    try words.refuseContentTrust()
    guard case .image(let name) = root else { return nil }
    let policy = try words.choice("pull", of: PullPolicy.allCases.map(\.rawValue)).flatMap { PullPolicy(rawValue: $0) }
    if policy == .never { return nil }
    let isWanted = policy == .always || policy == .newer
    let isMissing = try isMissing(name, engine)
    if !isWanted, !isMissing { return nil }
    // Without the helper the store's own word about the image is the better one, unless a pull was asked for.
    guard let helper = policy == .always ? try registryHelper() : RegistryHelper.find() else { return nil }
    var request = RegistryRequest(.pull, name)
    request.root = engine.state.root.string
    request.platform = words.string("platform")
    request.isQuiet = words.flag("quiet")
    request.speaksOnErrors = true
    if !isWanted && !request.isQuiet {
      // Docker's line, word for word.
      try? BorrowedDescriptor.standardError.write("Unable to find image '\(printable(name))' locally\n")
    }
    do throws(Fault) {
      let code = try helper.run(request, output: .standardError)
      return code == 0 || policy == .newer && !isMissing ? nil : 125
    } catch { throw Failure("cannot run \(helper.path)", error) }
  }

  /// First by what costs a start nothing to speak of, the list of images alone.
  private func isMissing(_ name: String, _ engine: Engine) throws -> Bool {
    let store = try engine.images()
    do throws(StoreError) {
      if let reference = try? Reference(name), store.hasEntry(named: reference) { return false }
      _ = try store.find(name)
      return false
    } catch { return error.kind == .notFound }
  }
}
