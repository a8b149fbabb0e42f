/// Everything after the clone: single-threaded, `-> Never`.
///
/// It gets a validated plan and open descriptors, and nothing else; it ends in execve or in a fault sent to the parent.
