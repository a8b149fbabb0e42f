internal import Arguments
internal import Engine
internal import Layers

extension ImageVerify {
  static let perform: Perform = { arguments in
    let repairs = arguments.flag("repair")
    let removes = arguments.flag("remove-lost")
    // Not healed first: what is missing is to be told of.
    let engine = try arguments.unhealedEngine
    let found = try engine.verifyImages(arguments.positionals, repairs: repairs, removesLost: removes)
    if repairs { engine.heal() }
    _ = try printing { out in
      for image in found.images where image.damages.isEmpty { out.line("\(printable(image.name)): whole") }
    }
    for damage in found.store { tell(damage) }
    for image in found.images {
      for damage in image.damages { tell(damage, of: image) }
      if image.isRemoved { complain("\(image.name): removed, for nothing here could repair it") }
    }
    let isWhole = found.store.isEmpty && found.images.allSatisfy(\.damages.isEmpty)
    if isWhole || repairs && found.isSound { return 0 }
    let damaged = found.images.count { $0.damages.contains { !$0.isRepaired } && !$0.isRemoved }
    if damaged > 0 {
      complain("\(damaged) of \(found.images.count) images \(damaged == 1 ? "is" : "are") damaged")
    }
    return 1
  }

  private static func tell(_ damage: Damage, of image: VerifiedImage? = nil) {
    let reason = (image.map { "\($0.name): " } ?? "") + damage.reason
    switch damage.outcome {
    case .curable(let cure): complain(reason, hint: cure)
    case .repaired(let how): complain("\(reason); repaired: \(how)")
    case .lost(let hasTree):
      let name = image?.name ?? "the image"
      let meanwhile = hasTree ? "; until then it runs, for its unpacked layer is there" : ""
      let removal = image?.isRemoved == true ? "" : ", or taken away with --remove-lost"
      complain(reason, hint: "\(name) has to be pulled or loaded again\(removal)\(meanwhile)")
    }
  }
}
