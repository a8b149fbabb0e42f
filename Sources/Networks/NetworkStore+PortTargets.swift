package import Kernel

extension NetworkStore {
  /// Where a published port leads now, by its claim; nil for nowhere.
  package func target(of port: PublishedPort) -> (address: IPAddress, port: UInt16)? {
    guard let claim = readClaim(PortClaim.fileName(of: port)), !claim.leadsNowhere else { return nil }
    return (claim.address, claim.port.containerPort)
  }
}
