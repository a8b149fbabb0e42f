/// Users, groups, capabilities, and what a process may not gain any more.
///
/// passwd and group files are read by a bounded parser of ours: no NSS after entering a root (SECURITY.md, rule 4).
