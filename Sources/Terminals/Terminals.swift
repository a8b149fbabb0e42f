/// Pseudo terminals, raw mode, window sizes, and copying between descriptors.
