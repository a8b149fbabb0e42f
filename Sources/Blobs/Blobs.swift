/// The local store: an OCI image layout (index.json, blobs/sha256), addressed by digest.
