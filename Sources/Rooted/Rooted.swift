/// The only way to open anything inside an untrusted root.
///
/// openat2 with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, or a walk by components where a filter hides that call. No other
/// module takes a path into a rootfs (SECURITY.md, rule 1).
