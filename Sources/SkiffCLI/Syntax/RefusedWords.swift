internal import Arguments

// What people know from docker and Skiff does not do, with the reason and what to do instead. A word that stands here is
// an error of its own; the table in docs/commands.md repeats the texts.

/// Commands, by their first word.
let refusedCommands: [CommandEntry] =
  ["swarm", "node", "service", "stack", "config"].map {
    .refused($0, because: "swarm is not done: Skiff runs the containers of one host")
  } + [
    .refused(
      "secret", because: "docker keeps secrets for swarm only",
      instead: "give a container a file of the host: skiff run --secret src=FILE"),
    .refused(
      "context", because: "there is no daemon to choose, so there is nothing to connect to",
      instead: "run skiff on the other host: ssh HOST skiff ps"),
    .refused(
      "plugin", because: "there is no daemon that plugins would be loaded into",
      instead: "networks of CNI plugins are named as --network cni:NAME"),
    .refused(
      "trust", because: "the signatures of Notary v1 have been given up by their makers",
      instead: "name an image by its digest, NAME@sha256:…, which is checked"),
    .refused(
      "checkpoint", because: "containers of the engine have no checkpoints",
      instead: "the runtime alone makes them: skiff oci checkpoint"),
  ]

/// Skiff runs images and shares them; it follows no Dockerfile.
let refusedBuilds: [CommandEntry] = ["build", "builder"].map {
  .refused(
    $0, because: "Skiff builds no images from a Dockerfile",
    instead: "buildah build -t NAME . && buildah push NAME docker-archive:/dev/stdout | skiff load; or skiff stage, "
      + "import and commit")
}

/// Members of `manifest`: lists of images are made where they are built.
let refusedManifests: [CommandEntry] = ["annotate", "create", "push", "rm"].map {
  .refused(
    $0, because: "Skiff makes no lists of images for several platforms",
    instead: "skopeo and buildah manifest do; pull, push and save keep a list that is there")
}

/// Flags before the command.
let refusedGlobalOptions: [Option] = {
  let daemon = "there is no daemon to connect to"
  return [
    .refused("host", short: "H", .repeated, because: daemon, instead: "run skiff on that host: ssh HOST skiff ps"),
    .refused("context", short: "c", because: daemon, instead: "run skiff on that host: ssh HOST skiff ps"),
    .refused("tls", .flag, because: daemon), .refused("tlsverify", .flag, because: daemon),
    .refused("tlscacert", because: daemon), .refused("tlscert", because: daemon), .refused("tlskey", because: daemon),
    .refused(
      "config", because: "there are no settings of a client",
      instead: "logins are read from $DOCKER_CONFIG and $REGISTRY_AUTH_FILE"),
    .refused(
      "debug", short: "D", .flag, because: "there is no log beside what a command says",
      instead: "--explain shows every step of run, exec and network"),
    .refused(
      "log-level", short: "l", because: "there is no log beside what a command says",
      instead: "--explain shows every step of run, exec and network"),
  ]
}()

/// Flags of `run` and `create`.
enum RefusedRunOptions {
  static let all: [Option] =
    ["cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops"].map {
      .refused($0, because: "it is for Windows", instead: "limits of Linux are --cpus and --device-read-bps")
    } + [
      kernelMemory,
      .refused(
        "link", .repeated, because: "links belong to a network that every container was on",
        instead: "put both on one network, where they have each other's names: skiff network create NET, then "
          + "run --network NET"),
      .refused(
        "use-api-socket", .flag, because: "there is no daemon whose socket could be given to the container"),
    ]

  static let kernelMemory = Option.refused(
    "kernel-memory", because: "the kernel has no such limit any more",
    instead: "--memory counts the kernel's memory too")
}

/// Flags that stand where another tool's word would do nothing here.
enum RefusedOptions {
  static let removedLink = Option.refused(
    "link", short: "l", .flag, because: "there are no links", instead: "skiff network disconnect takes a name away")
  static let networkLink = Option.refused(
    "link", .repeated, because: "there are no links", instead: "--alias gives the container another name there")
  static let networkCreation: [Option] = [
    .refused("config-from", because: "a network made of another's settings is swarm's"),
    .refused("config-only", .flag, because: "a network of settings alone is swarm's"),
    .refused(
      "ipv4", .flag, because: "every network has IPv4", instead: "--ipv6 adds IPv6 to it"),
    .refused("ingress", .flag, because: "a routing mesh is swarm's"),
    .refused(
      "ipam-opt", .repeated, because: "the addresses are given by Skiff itself, which has no such options",
      instead: "--subnet, --ip-range and --aux-address say which"),
  ]
  static let networkVerbose = Option.refused(
    "verbose", short: "v", .flag, because: "it tells of the nodes of a swarm")

  private static let onePlatform = "an image of the store is of one platform"
  private static let pullOther = "skiff pull --platform OS/ARCH brings another one's"
  static let platform = Option.refused("platform", because: onePlatform, instead: pullOther)
  static let platforms = Option.refused("platform", .repeated, because: onePlatform, instead: pullOther)
  static let tree = Option.refused(
    "tree", .flag, because: onePlatform, instead: "skiff manifest inspect shows the index that it was chosen from")
  static let insecure = Option.refused(
    "insecure", .flag, because: "no registry is asked: the manifest is the store's",
    instead: "skiff pull --tls-verify=false brings the image")
  static let checkpoints: [Option] = ["checkpoint", "checkpoint-dir"].map {
    .refused(
      $0, because: "containers of the engine have no checkpoints",
      instead: "the runtime alone makes them: skiff oci checkpoint")
  }

  private static let cluster = "cluster volumes are swarm's"
  static let volumeCreation: [Option] =
    ["availability", "group", "limit-bytes", "required-bytes", "scope", "sharing", "type"].map {
      .refused($0, because: cluster)
    } + ["secret", "topology-preferred", "topology-required"].map { .refused($0, .repeated, because: cluster) }
  static let clusterVolumes = Option.refused("cluster", .flag, because: cluster)
  static let volumeUpdate = CommandEntry.refused("update", because: cluster)
}
