package import Kernel

/// The local store: an OCI image layout (index.json, blobs/sha256), addressed by digest.
///
/// ```
/// images/oci-layout         the version of the layout
/// images/index.json         every image: a manifest's descriptor, its name in an annotation
/// images/blobs/sha256/HEX   manifests, configs, layers
/// images/ingest/            what is being written; locked by its writer, removed by whoever finds it unlocked
/// images/index.copy.json    the list once more, should it get lost
/// images/partial/HEX        what came of a blob before its fetch was cut or killed; the next one goes on from it
/// images/index.lock         held while index.json is changed
/// images/removal.lock       shared by those who add images, exclusive for who removes blobs
/// ```
/// It may know digests, sizes and files; it may not know what a layer contains. Whoever reads takes no lock: a blob never
/// changes, and index.json is replaced by rename.

/// What went wrong in the store of images, in words for a person.
package struct StoreError: Error, Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case notFound
    /// Somebody uses it, or has the name.
    case conflict
    /// Input that makes no sense: a name, an archive.
    case invalid
    /// What is on disk is not what its digest says.
    case damaged
    /// The kernel or the disk refused.
    case host
  }
  package var kind: Kind
  package var message: String
  package var hint: String?
  /// For `host`.
  package var fault: Fault?

  package init(_ kind: Kind, _ message: String, hint: String? = nil) {
    self.kind = kind
    self.message = message
    self.hint = hint
  }

  /// - Parameter doing: `cannot write layer sha256:…`.
  package init(_ doing: String, _ fault: Fault) {
    self.kind = .host
    self.message = "\(doing): \(fault)"
    self.hint = fault.hint
    self.fault = fault
  }
}

extension StoreError: CustomStringConvertible {
  package var description: String { message }
}

/// Runs what throws a Fault and says what it was for.
@inline(__always)
package func storing<Result: ~Copyable>(
  _ doing: @autoclosure () -> String, _ body: () throws(Fault) -> Result
) throws(StoreError) -> Result {
  do throws(Fault) { return try body() } catch { throw StoreError(doing(), error) }
}

/// Runs `body` while the lock's descriptor is open.
func holding<Result>(
  _ lock: borrowing Descriptor, _ body: () throws(StoreError) -> Result
) throws(StoreError) -> Result { try body() }
