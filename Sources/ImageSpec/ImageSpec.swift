/// The OCI image specification as Swift values: index, manifest, config, descriptor, digest, reference.
///
/// Pure. A `Digest` or a `Reference` cannot be built from text that was not checked.
///
/// Version 1.1 of the image specification, and Docker's schema 2, which differs from it in media types only.

/// Why a digest, a reference or an image document was refused.
package struct ImageSpecError: Error, Hashable, Sendable {
  package var reason: String
  package init(_ reason: String) { self.reason = reason }
}

extension ImageSpecError: CustomStringConvertible {
  package var description: String { reason }
}
