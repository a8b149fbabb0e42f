package import Kernel

/// Where Skiff keeps what it knows: `root` outlives a boot (/var/lib/skiff), `run` does not (/run/skiff). Both are 0700:
/// what is in them is nobody else's (CVE-2021-41091).
package struct StateDirectories: Hashable, Sendable {
  package var root: Path
  package var run: Path

  package init(root: Path, run: Path) {
    self.root = root
    self.run = run
  }

  package var containers: Path { root.appending("containers") }
  package var names: Path { root.appending("names") }
  package var images: Path { root.appending("images") }
  package var layers: Path { root.appending("layers") }
  package var volumes: Path { root.appending("volumes") }
  package var networks: Path { root.appending("networks") }
  package var runningContainers: Path { run.appending("containers") }
  /// Who uses volumes that are mounted; made when the first one is.
  package var runningVolumes: Path { run.appending("volumes") }
  package var runningNetworks: Path { run.appending("networks") }
  /// What `--secret` brought to those that run. Not in their own directories there: a root is mounted over one.
  package var runningSecrets: Path { run.appending("secrets") }
  /// One lock file a container, made before anything else of it.
  package var locks: Path { run.appending("locks") }

  /// Which supervisors live. It may be thrown away.
  package var roster: Path { run.appending("roster") }

  /// Made by the first command after a boot, when it has looked at all that the last one left.
  package var healed: Path { run.appending("healed") }

  /// What the last `ps` read of the containers. It may be thrown away.
  package var list: Path { run.appending("list") }

  /// The directories that must be there before anything is recorded, parents first.
  package var all: [Path] {
    [root, containers, names, volumes, networks, run, runningContainers, runningNetworks, runningSecrets, locks]
  }
}

/// The files of one container.
package struct ContainerFiles: Hashable, Sendable {
  package let identifier: ContainerIdentifier
  package let directory: Path
  /// The directory of one that is gone, for as long as it takes to remove it: no container has such a name.
  package let remains: Path
  static let remainsPrefix = "."
  package let runDirectory: Path

  package init(_ identifier: ContainerIdentifier, in state: StateDirectories) {
    self.identifier = identifier
    directory = state.containers.appending(identifier.description)
    remains = state.containers.appending(Self.remainsPrefix + identifier.description)
    lock = state.locks.appending(identifier.description)
    runDirectory = state.runningContainers.appending(identifier.description)
    secrets = state.runningSecrets.appending(identifier.description)
  }

  /// What was asked for: name, image, limits, network.
  package var record: Path { directory.appending(Self.recordName) }
  static let recordName = "record.json"
  /// The OCI runtime configuration, written once.
  package var configuration: Path { directory.appending("config.json") }
  /// What became of it: running, exited and how.
  package var state: Path { directory.appending(Self.stateName) }
  static let stateName = "state.json"
  /// Empty, there from the moment on that the state says it runs until its end: a container that has this and no state has
  /// lost that, and is not one that is just being started for the first time.
  package var started: Path { runDirectory.appending("started") }
  /// Who makes it end, in one word; written before the signal is sent, removed by the next start.
  package var endCause: Path { directory.appending("end") }
  /// The group that its own is made in, where that is not Skiff's.
  package var cgroupParent: Path { directory.appending("cgroup-parent") }
  /// What its health checks have shown.
  package var health: Path { directory.appending("health.json") }
  /// The rules of the time zone of `--tz`.
  package var timezone: Path { directory.appending("localtime") }
  /// What `--secret` brought, by number, while it runs: no disk ever has it, where /run is in memory.
  package let secrets: Path
  /// The same of a container that was made when it was kept with the container.
  package var keptSecrets: Path { directory.appending("secrets") }
  package func log(of driver: LogSettings.Driver) -> Path {
    directory.appending(driver == .local ? "log.local" : "log.json")
  }
  /// Held by the supervisor as long as it lives; outside of the directory, so that it can be held before there is one.
  package let lock: Path
  package var upper: Path { directory.appending("upper") }
  package var work: Path { directory.appending("work") }
  package var hostname: Path { directory.appending("hostname") }
  package var hosts: Path { directory.appending("hosts") }
  package var resolvConf: Path { directory.appending("resolv.conf") }
  /// Where the container's mount namespace has its root: over the run directory, which only others look into.
  package var rootfs: Path { runDirectory }
  /// Where an ordinary user's container has its control group; there while it runs and has one.
  package var handedGroup: Path { runDirectory.appending("group") }
  /// What another OCI runtime is given, and what it keeps, while it runs the container.
  package var runtime: RuntimeFiles { RuntimeFiles(directory: runDirectory.appending("runtime")) }
  /// What `--init` puts into a container of another runtime.
  package var initProgram: Path { directory.appending("init") }
  package var attachSocket: Path { runDirectory.appending("attach") }
}
