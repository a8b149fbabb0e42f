internal import Arguments

enum RunCommand {
  static let summary = "Create and run a new container from an image"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry(
      "run", summary: summary, group: CommandGroup.life, failureCode: 125, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "run", summary: summary,
      usage: ["[OPTIONS] IMAGE [COMMAND] [ARG...]", "[OPTIONS] --rootfs DIR [COMMAND] [ARG...]"],
      discussion: [
        "The container gets its own processes, mounts, host name, network and limits. The image is never written: what"
          + " changes goes to a layer of its own. The exit code is the command's; 125 is Skiff's own failure, 126 a command"
          + " that cannot be executed, 127 one that was not found, 128+n a signal."
      ],
      options: life + [ProcessOptions.detachKeys] + theContainer + GlassBox.options + RefusedRunOptions.all,
      // With --rootfs the command may be left out, and without it the image may not: run itself checks.
      positionals: Positionals(0, nil, first: .images, rest: .nothing), stopsAtFirstPositional: true,
      examples: [
        .init("skiff run -it --rm web bash", "A shell in a container that goes away with it"),
        .init("skiff run -d --name db -m 256m --network back db", "A named one in the background, limited"),
        .init("skiff run --rm --rootfs ./rootfs /bin/ls -l /", "A directory instead of an image"),
        .init("skiff run --rm --runtime crun web true", "The same, made by another OCI runtime"),
        .init("skiff run --explain=shell --dry-run web true", "The script that builds the same container by hand"),
      ])
  }

  private static let life =
    [Option("detach", short: "d", help: "Run container in background and print container ID")] + making
    + [Option("sig-proxy", help: "Proxy received signals to the process (default true)")]

  /// Of what is made, whoever starts it.
  static let making = [
    Option("name", .value, help: "Assign a name to the container"),
    Option(
      "pull", .value,
      help: "Pull image before running: always, missing, never, or newer (always, else the one that is here)",
      initial: "missing",
      completion: .words(PullPolicy.allCases.map(\.rawValue))),
    Option("quiet", short: "q", help: "Suppress the pull output"),
    RegistryOptions.platform, RegistryOptions.contentTrust,
    Option("rm", help: "Automatically remove the container and its anonymous volumes when it exits"),
    Option("replace", help: "Remove the container that has the name first"),
    RestartOptions.policy,
    Option(
      "init",
      help: "Run an init inside the container that forwards signals and reaps processes (default true, unless the "
        + "command is an init itself)"),
    Option("cidfile", .value, value: "file", help: "Write the container ID to the file", completion: .files),
    Option("label", short: "l", .repeated, value: "list", help: "Set meta data on a container"),
    Option("label-file", .repeated, value: "list", help: "Read in a line delimited file of labels", completion: .files),
    Option(
      "annotation", .repeated, value: "map", help: "Add an annotation to the container (passed through to the runtime)"
    ),
    Option("stop-signal", .value, value: "signal", help: "Signal to stop the container"),
    Option("stop-timeout", .value, value: "int", help: "Timeout (in seconds) to stop a container"),
    Option("timeout", .value, value: "int", help: "Seconds after which the container is killed; 0 is never"),
    Option("log-opt", .repeated, value: "list", help: "Log driver options: max-size=10m, max-file=3, compress=true, …"),
    Option(
      "log-driver", .value, help: "Logging driver for the container: json-file, local, journald, syslog or none",
      completion: .words(["json-file", "local", "journald", "syslog", "none"])),
  ]

  /// What it is made of.
  static var theContainer: [Option] { process + health + files + limits + privileges + network }

  private static let health: [Option] =
    [
      Option("health-cmd", .value, help: "Command to run to check health"),
      Option(
        "health-interval", .value, value: "duration", help: "Time between running the check", initial: "30s"),
      Option(
        "health-timeout", .value, value: "duration", help: "Maximum time to allow one check to run", initial: "30s"),
      Option(
        "health-retries", .value, value: "int", help: "Consecutive failures needed to report unhealthy", initial: "3"),
      Option(
        "health-start-period", .value, value: "duration", help: "Start period in which failures do not count",
        initial: "0s"),
      Option(
        "health-start-interval", .value, value: "duration", help: "Time between checks during the start period",
        initial: "5s"),
      Option("no-healthcheck", help: "Disable any container-specified HEALTHCHECK"),
      Option(
        "on-unhealthy", .value, help: "What to do when it becomes unhealthy: none, restart, stop", initial: "none",
        completion: .words(["none", "restart", "stop"])),
    ].map { grouped("Health", $0) }

  private static let process: [Option] =
    [
      ProcessOptions.interactive, ProcessOptions.tty,
      Option(
        "attach", short: "a", .repeated, value: "list", help: "Attach to STDIN, STDOUT or STDERR",
        completion: .words(["stdin", "stdout", "stderr"])),
      ProcessOptions.environment, ProcessOptions.environmentFile,
      Option("env-host", help: "Set all environment variables that the caller has"),
      Option(
        "env-merge", .repeated, value: "list",
        help: "Set a variable made of those of the image: 'PATH=${PATH}:/opt/bin'"),
      ProcessOptions.workingDirectory, ProcessOptions.user,
      Option("group-add", .repeated, value: "list", help: "Add additional groups to join"),
      Option("entrypoint", .value, help: "Overwrite the default ENTRYPOINT of the image"),
      Option("unsetenv", .repeated, value: "name", help: "Leave out a variable that the image or Skiff would set"),
      Option("unsetenv-all", help: "Leave out all variables that the image or Skiff would set"),
      Option("umask", .value, help: "Set the umask inside the container", initial: "0022"),
      Option("tz", .value, value: "zone", help: "Set the time zone of the container: Europe/Berlin, or local"),
    ].map { grouped("Process", $0) }

  private static let files: [Option] =
    [
      Option(
        "rootfs", .value, value: "dir", help: "A directory to use as the root instead of an image",
        completion: .directories),
      Option("volume", short: "v", .repeated, value: "list", help: "Bind mount a volume", completion: .files),
      Option(
        "volumes-from", .repeated, value: "list", help: "Mount volumes from the specified container(s): NAME[:ro]"),
      Option(
        "mount", .repeated, value: "mount",
        help: "Attach a filesystem mount to the container: type=bind, volume, tmpfs or image, source=, target=, …"),
      Option("tmpfs", .repeated, value: "list", help: "Mount a tmpfs directory"),
      Option("volume-driver", .value, help: "Optional volume driver for the container: local"),
      Option(
        "secret", .repeated, value: "secret",
        help: "Show a file of the host, as it is at each start, in /run/secrets: src=FILE[,target=NAME][,mode=0400]"
          + "[,uid=0][,gid=0], or type=env"),
      Option("read-only", help: "Mount the container's root filesystem as read only"),
      Option("shm-size", .value, value: "bytes", help: "Size of /dev/shm"),
      Option(
        "storage-opt", .repeated, value: "list",
        help: "Storage driver options for the container: size=10g bounds its layer, where the disk has project quotas"),
    ].map { grouped("Files", $0) }

  private static let limits = (LimitOptions.changeable + LimitOptions.lasting).map { grouped("Limits", $0) }

  private static let privileges: [Option] =
    [
      Option("cap-add", .repeated, value: "list", help: "Add Linux capabilities"),
      Option("cap-drop", .repeated, value: "list", help: "Drop Linux capabilities"),
      Option("privileged", help: "Give extended privileges to this container"),
      Option(
        "security-opt", .repeated, value: "list",
        help: "Security Options: no-new-privileges, seccomp=unconfined|FILE, systempaths=unconfined, "
          + "apparmor=PROFILE, label=type:TYPE, writable-cgroups"),
      Option(
        "device", .repeated, value: "list",
        help: "Add a host device to the container: HOST[:CONTAINER[:rwm]], or VENDOR/CLASS=NAME of a CDI file",
        completion: .files),
      Option(
        "gpus", .value, value: "gpu-request",
        help: "GPU devices to add to the container through CDI files: all, a number, or device=ID"),
      Option(
        "device-cgroup-rule", .repeated, value: "list",
        help: "Add a rule to the cgroup allowed devices list: 'c 1:3 rwm'"),
      Option(
        "userns", .value, help: "User namespace to use: host, or auto for ids 100000 and up",
        completion: .words(["host", "auto"])),
      Option("uidmap", .repeated, value: "map", help: "User ids in a user namespace: CONTAINER:HOST:COUNT"),
      Option("gidmap", .repeated, value: "map", help: "Group ids in a user namespace: CONTAINER:HOST:COUNT"),
      Option("sysctl", .repeated, value: "map", help: "Sysctl options"),
      Option("pid", .value, help: "PID namespace to use: host or container:NAME", completion: .words(["host"])),
      Option(
        "ipc", .value, help: "IPC mode to use: private, shareable, none, host or container:NAME",
        completion: .words(["private", "shareable", "none", "host"])),
      Option("uts", .value, help: "UTS namespace to use: host", completion: .words(["host"])),
      Option(
        "cgroupns", .value, help: "Cgroup namespace to use: private or host", completion: .words(["private", "host"])),
      Option("isolation", .value, help: "Container isolation technology: default"),
      Option(
        "runtime", .value, value: "runtime",
        help:
          "Runtime to use for this container: skiff-runtime, another OCI runtime by its name (crun), or by its path",
        completion: .files),
    ].map { grouped("Privileges", $0) }

  private static let network: [Option] =
    [
      Option(
        "network", .repeated, value: "network",
        help:
          "Connect a container to a network: bridge, none, host, container:NAME, cni:NAME, or names (name=N,ip=A,alias=B to say more)",
        completion: .networks),
      Option("net", .repeated, value: "network", help: "", completion: .networks, isHidden: true),
      Option("ip", .value, value: "ip", help: "IPv4 address (e.g., 172.30.100.104)"),
      Option("ip6", .value, value: "ip", help: "IPv6 address (e.g., 2001:db8::33)"),
      Option("mac-address", .value, help: "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
      Option("network-alias", .repeated, value: "list", help: "Add network-scoped alias for the container"),
      Option("net-alias", .repeated, value: "list", help: "", isHidden: true),
      Option("link-local-ip", .repeated, value: "list", help: "Container IPv4/IPv6 link-local addresses"),
      Option(
        "publish", short: "p", .repeated, value: "list",
        help: "Publish a container's port(s) to the host: [ADDRESS:][HOST-PORT:]PORT[/tcp|udp|sctp]; without "
          + "ADDRESS on $SKIFF_PUBLISH_ADDRESS, or on all"),
      Option("publish-all", short: "P", help: "Publish all exposed ports to random ports"),
      Option("expose", .repeated, value: "list", help: "Expose a port or a range of ports"),
      Option("hostname", short: "h", .value, help: "Container host name"),
      Option("domainname", .value, help: "Container NIS domain name"),
      Option(
        "add-host", .repeated, value: "list", help: "Add a custom host-to-IP mapping (host:ip, host:host-gateway)"),
      Option("dns", .repeated, value: "list", help: "Set custom DNS servers"),
      Option("dns-option", .repeated, value: "list", help: "Set DNS options"),
      Option("dns-search", .repeated, value: "list", help: "Set custom DNS search domains"),
    ].map { grouped("Network", $0) }
}

/// The option under a heading of the help.
func grouped(_ group: String, _ option: Option) -> Option {
  var option = option
  option.group = group
  return option
}
