/// The program: nothing but the call into its commands.

internal import SkiffCLI

skiffMain()
