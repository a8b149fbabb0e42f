/// Performs mount steps: overlay, bind, pseudo file systems, propagation, masks, by descriptor.
///
/// A path that was checked is never resolved again (SECURITY.md, rule 2).
