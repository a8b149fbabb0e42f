/// The closed set of steps: each a change to the kernel's or the disk's state, as data, with its undo.
///
/// Pure. A plan is a list of these; executors on higher floors perform them, Explain prints them, and no other kind of
/// change exists. Each family has a file.
