import Foundation
import Kernel
import Testing

/// One image with everything that a file can have, through every ordered pair of skopeo, podman, buildah, docker and a
/// registry: it comes back with the same digest, and shows the same tree in each of them that shows one.
@Suite(
  .serialized,
  .enabled(if: DockerEngine.obstacle == nil, Comment(rawValue: DockerEngine.obstacle ?? "")),
  .enabled(
    if: LoopbackRegistry.isHere
      && ["skopeo", "podman", "buildah", "setfattr"].allSatisfy { mayExecute("/usr/bin/\($0)") },
    "docker-registry, skopeo, podman, buildah or setfattr is not installed (Scripts/setup test)"))
struct ImageRoundsTests {
  /// Each of the five after each other: a walk along all edges of the complete graph, once in each direction.
  static let walk: [String] = {
    let peers = ["skopeo", "podman", "buildah", "docker", "registry"]
    // Hierholzer's way: edges are taken until none is left, and the path is read from its end.
    var edges = Dictionary(uniqueKeysWithValues: peers.map { peer in (peer, peers.filter { $0 != peer }) })
    var (stack, path) = ([peers[0]], [String]())
    while let last = stack.last {
      if let next = edges[last]?.popLast() { stack.append(next) } else { path.append(stack.removeLast()) }
    }
    return path.reversed()
  }()

  @Test func theWalkHasEveryPair() {
    let pairs = Set(zip(Self.walk, Self.walk.dropFirst()).map { "\($0) \($1)" })
    #expect(Self.walk.count == 21 && pairs.count == 20)
  }

  @Test func everyPairGivesTheSameImage() throws {
    let host = try EngineHost()
    defer { host.remove() }
    host.environment["SKIFF"] = Sandbox.skiff
    host.environment["SKIFF_STATE"] = host.folder + "/skiff-run"
    _ = try DockerEngine(host)
    try Data(Self.peers.utf8).write(to: URL(filePath: host.folder + "/peers.sh"))
    let registry = """
      version: 0.1
      storage: {filesystem: {rootdirectory: \(host.folder)/registry}}
      http: {addr: 127.0.0.1:5000}
      """
    try Data(registry.utf8).write(to: URL(filePath: host.folder + "/registry.yml"))
    try host.startDaemon(
      "registry", ["docker-registry", "serve", host.folder + "/registry.yml"],
      isReady: ["nc", "-z", "127.0.0.1", "5000"])
    let made = try host.run(["bash", host.folder + "/peers.sh", host.folder, "make"], seconds: 120)
    #expect(made.code == 0, "\(made)")
    let identifier = made.output
    #expect(identifier.hasPrefix("sha256:"))
    for peer in Self.walk {
      let hop = try host.run(["bash", host.folder + "/peers.sh", host.folder, peer], seconds: 240)
      #expect(hop.code == 0 && hop.output == identifier, "\(peer): \(hop)")
      if hop.code != 0 { return }
    }
    for peer in ["buildah", "podman", "docker", "skiff"] {
      let seen = try host.run(["bash", host.folder + "/peers.sh", host.folder, "tree", peer], seconds: 240)
      #expect(seen.code == 0 && seen.output.isEmpty, "\(peer): \(seen)")
    }
  }

  /// `peers.sh FOLDER make|PEER|tree PEER`: the image goes from current.tar through the peer to current.tar.
  private static let peers = #"""
    set -e; cd "$1"; name=docker.io/library/rich:1
    at() { SKIFF_ROOT=$PWD/at-$1; export SKIFF_ROOT; shift; "$SKIFF" "$@"; }
    pod() { podman --root "$PWD/podman" --runroot /run/podman-x --storage-driver vfs "$@"; }
    build() { buildah --root "$PWD/buildah" --runroot /run/buildah-x --storage-driver vfs "$@"; }
    # Kind, mode, owner, links, target, size, time and attributes of every file below here.
    list() {
      find . -mindepth 1 \( -path ./etc -o -path ./dev -o -path ./proc -o -path ./sys -o -path ./run -o -name .dockerenv \) -prune \
        -o -mindepth 1 -printf '%P %y %#m %U:%G %n %l %s %T@\n' | awk -v time="$1" '
          { if ($2 == "d") { $5 = ""; $(NF - 1) = "" } if (time == "seconds") sub(/\.[0-9]*$/, ""); print }' | LC_ALL=C sort
      find . -type f ! -path './etc/*' ! -path './dev/*' -exec sha256sum {} + | grep -v dockerenv | LC_ALL=C sort -k2
      [ "$1" = seconds ] || find . -mindepth 1 ! -type l ! -type p -exec getfattr -d -m '^(user|security.capability)' --absolute-names {} + | LC_ALL=C sort
    }
    case $2 in
    make)
      mkdir -p tree/a/b tree/c "tree/$(printf 'n%.0s' $(seq 200))/$(printf 'm%.0s' $(seq 100))"; cd tree
      cp /bin/busybox a/busybox; echo one >a/b/file; ln a/b/file c/linked; ln -s ../a/b/file c/link; ln -s /absent c/dangling
      chmod 4755 a/busybox; chown 12345:54321 a/b/file; chmod 1777 c; mkfifo -m 640 c/fifo; mknod c/null c 1 3
      truncate -s 2M a/sparse; printf x | dd of=a/sparse bs=1 seek=1M conv=notrunc status=none; : >a/empty
      setfattr -n user.note -v hello a/empty; setfattr -n security.capability -v 0sAQAAAgAEAAAAAAAAAAAAAAAAAAA= a/b/file
      printf 'é' >'c/ümlaut ☃'; touch -d '2001-02-03 04:05:06.789012345' a/b/file a/empty c/ümlaut*; touch -h -d 1999-01-01 c/link
      find . -depth -type d -exec touch -d '2010-11-12 13:14:15.5' {} +; (cp -a . ../kept); cd ..
      tar -C tree --xattrs --xattrs-include='*' --format=posix -cf tree.tar .
      at start import -c 'CMD ["/a/busybox"]' tree.tar rich:1 >/dev/null; at start save -o current.tar rich:1
      at start inspect -f '{{.Id}}' rich:1; exit;;
    tree)
      (cd kept; list nanoseconds; list seconds >../kept-seconds) >kept-list; other=nanoseconds
      case $3 in
      buildah) container=$(build from --pull-never $name); place=$(build mount $container);;
      podman) place=$(pod image mount $name);;
      skiff) at last load -q -i current.tar >/dev/null; place=$(echo at-last/layers/????????????????????????????????????????????????????????????????);;
      docker)
        docker rm -f seen >/dev/null 2>&1 || :; docker create --name seen $name >/dev/null; mkdir exported
        # Its export has whole seconds and no attributes.
        docker export seen | tar -C exported --xattrs --xattrs-include='*' -xpf -; place=exported other=seconds; cp kept-seconds kept-list;;
      esac
      (cd "$place"; list $other) >seen-list; diff kept-list seen-list; exit;;
    skopeo) skopeo copy -q docker-archive:current.tar docker-archive:next.tar:$name;;
    podman) pod load -q -i current.tar >/dev/null; pod save -q --format docker-archive -o next.tar $name >/dev/null;;
    buildah) build pull -q docker-archive:current.tar >/dev/null; build push -q $name docker-archive:next.tar:$name;;
    docker) docker load -q -i current.tar >/dev/null; docker save -o next.tar $name;;
    registry)
      rm -rf at-there at-back; there=127.0.0.1:5000/rich:1; at there load -q -i current.tar >/dev/null; at there tag rich:1 $there
      at there push -q $there >/dev/null; at back pull -q $there >/dev/null; at back tag $there rich:1; at back save -o next.tar rich:1
      [ "$(at there images --format '{{.Digest}}' rich:1)" = "$(at back images --format '{{.Digest}}' rich:1)" ];;
    esac
    mv -f next.tar current.tar; rm -rf at-look; at look load -q -i current.tar >/dev/null; at look image verify >/dev/null
    at look inspect -f '{{.Id}}' rich:1
    """#
}
