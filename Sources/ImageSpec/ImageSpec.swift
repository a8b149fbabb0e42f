/// The OCI image specification as Swift values: index, manifest, config, descriptor, digest, reference.
///
/// Pure. A `Digest` or a `Reference` cannot be built from text that was not checked.
