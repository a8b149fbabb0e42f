/// Unpacked layers and overlay chains: a cache beside the blobs that can be rebuilt from them.
