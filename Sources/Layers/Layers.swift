/// Unpacked layers and overlay chains: a cache beside the blobs that can be rebuilt from them.
///
/// ```
/// images/         the blobs (Blobs)
/// layers/HEX/     the tree of the layer whose uncompressed tar has this SHA-256: a lowerdir
/// layers/.work/   trees that are being made or removed; locked by who does it, removed by whoever finds them unlocked
/// layers/.empty/  the lowerdir of an image without layers
/// l/SHORT         links to the trees, so short that the options of an overlay of 128 layers fit mount(2)'s one page
/// ```
/// It may know tars, whiteouts and how overlayfs keeps them; it may not know containers: who uses an image is asked of the
/// caller. A layer is there only once its directory was renamed into place, so a crash leaves nothing that is half of one.
