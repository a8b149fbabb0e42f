/// tar, in and out: ustar, PAX and GNU headers, extended attributes, whiteouts.
///
/// Pure: it turns entries into bytes and bytes into entries, with caps on everything that an archive declares. Who writes files
/// from it is Layers.
