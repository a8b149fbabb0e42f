/// A reader of ELF files and of the dynamic linker's cache. It reads; it never executes.
///
/// Pure: it gets bytes, and every offset and count in them is hostile until it was checked against the length.
