/// A step as a sentence, as a system call with its real arguments, as a shell command, and as JSON.
///
/// Pure: it prints what the executors run, from the same values, so that the two cannot drift.
