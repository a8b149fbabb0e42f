/// Limits by controller files: v2 first, v1 and hybrid too; one controller a file.
///
/// It may know the hierarchies that are mounted and the files in them; it may not know what a container is.
