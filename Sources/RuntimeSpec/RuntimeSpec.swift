/// The OCI runtime specification as Swift values: config.json in, config.json out.
///
/// Pure. It may know every field of the Linux part of the specification; it may not decide what a field leads to.
