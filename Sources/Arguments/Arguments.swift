/// One option table → parser, help, completions, man pages.
///
/// Pure. It may know words and options; what a command does is its file's affair in SkiffCLI.
