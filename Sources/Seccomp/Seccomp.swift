/// Seccomp filters: docker's default profile as data, a range compiler to BPF, and a check of what it made.
///
/// The compiler is pure; only `load` makes a system call.
