internal import SkiffCLI

skiffMain()
