/// Seccomp filters: docker's default profile as data, profile files, and a range compiler to BPF.
///
/// Pure: a profile in, a program out. Privileges loads it.
