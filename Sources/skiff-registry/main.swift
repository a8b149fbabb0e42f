/// The helper program: nothing but the call into its room.
internal import Kernel
internal import RegistryClient

exitNow(await registryMain())
