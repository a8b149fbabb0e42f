internal import Arguments
internal import Blobs
internal import Engine
internal import ImageSpec
internal import JSON
internal import Layers
internal import SPDX
internal import Staging

extension SBOMCommand {
  static let perform: Perform = { arguments in
    let format = arguments.string("format") ?? "spdx-json"
    guard ["spdx-json", "table"].contains(format) else {
      throw arguments.bad("format", format, "expected spdx-json or table")
    }
    let bill: BillOfMaterials
    do {
      let store = try arguments.engine.images()
      let image = try store.resolve(arguments.positionals[0])
      bill = try BillOfMaterials(of: image, named: image.tags.first ?? image.id.description, in: store)
    } catch let error as StoreError { throw Failure(error) }
    return try printing { out in
      if format == "spdx-json" { return out.print(bytes: bill.jsonBytes(.pretty)) }
      var table = Table("PACKAGE", "VERSION", "FILE")
      for file in bill.files { table.add(file.package?.name ?? "unowned", file.package?.version ?? "", file.path) }
      out.print(table.text)
    }
  }
}
