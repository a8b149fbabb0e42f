/// A bounds-checked pull parser and a writer for JSON (RFC 8259).
///
/// It is for the start path, where JSONDecoder costs more than a container (MEASURED.md). It may know bytes and numbers; it may
/// not know what any document means.
