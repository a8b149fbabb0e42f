internal import Archives
internal import Blobs
internal import Compression
internal import ISAL
internal import ImageSpec
internal import Journal
internal import Kernel
internal import Layers
internal import RegistryRequests

/// `skiff load` where libisal is installed: this program can open it, and so inflates four times as fast. What it reads is on
/// standard input, unless the request names a directory.
struct Load {
  private let request: RegistryRequest

  init(_ request: RegistryRequest) { self.request = request }

  func run() throws {
    // Who started it takes away what a failure leaves, and is not there to do so when it was killed.
    try setParentDeathSignal(Signal.kill)
    let store = try ImageStore(root: Path(request.root), options: .fastest)
    store.heal()
    let choice = ImageChoice(platform: try request.platform.map { try Platform($0) })
    let loaded =
      request.name.isEmpty
      ? try store.load(archive: .standardInput, choice, keeping: nil)
      : try store.load(layout: Path(request.name), choice, keeping: nil)
    for image in loaded {
      note(.load, image.id.description, named: image.names.first ?? image.id.description, in: Path(request.root))
    }
    for line in loaded.flatMap({ $0.report(isQuiet: request.isQuiet) }) {
      try? BorrowedDescriptor.standardOutput.write(line + "\n")
    }
  }
}

extension UnpackOptions {
  /// By ISA-L where it is installed.
  static var fastest: UnpackOptions {
    var options = UnpackOptions()
    options.gzip = .fastest
    return options
  }
}
