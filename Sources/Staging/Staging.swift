/// A rootfs from the host's own binaries: the ELF closure and what dlopen would want, and why each file is there.
