/// Images on their way in and out: docker-archive, oci-archive, and OCI image layouts in a directory.
///
/// ```
/// load   a pipe          → spool in `ingest` and loose trees → which images? → blobs and trees kept → named, all at once
///        a file, a directory →                              which images? → their layers taken in, several at once → …
/// save   blobs → tar or directory, each byte as it is kept, so that no digest changes
/// ```
/// It may know tars of images, their documents and the store; it may not know containers. Everything that it reads is
/// hostile: paths, links, digests and sizes are believed only after they were checked, and until the last one was, nothing
/// has a name.
