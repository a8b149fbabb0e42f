import Testing

/// One image with everything that a file can have, through every ordered pair of the peers: it comes back with the same digest,
/// and shows the same tree in each of them that shows one.
@Suite(.serialized, .enabled(if: PeerWalk.obstacle == nil, Comment(rawValue: PeerWalk.obstacle ?? "")))
struct ImageRoundsTests {
  /// Each of the six after each other: a walk along all edges of the complete graph, once in each direction.
  static let walk: [String] = {
    // Hierholzer's way: edges are taken until none is left, and the path is read from its end.
    let peers = PeerWalk.peers
    var edges = Dictionary(uniqueKeysWithValues: peers.map { peer in (peer, peers.filter { $0 != peer }) })
    var (stack, path) = ([peers[0]], [String]())
    while let last = stack.last {
      if let next = edges[last]?.popLast() { stack.append(next) } else { path.append(stack.removeLast()) }
    }
    return path.reversed()
  }()

  @Test func theWalkHasEveryPair() {
    let pairs = Set(zip(Self.walk, Self.walk.dropFirst()).map { "\($0) \($1)" })
    #expect(Self.walk.count == 31 && pairs.count == 30)
  }

  @Test func everyPairGivesTheSameImage() throws {
    let walk = try PeerWalk()
    defer { walk.host.remove() }
    if try walk.take("rich", along: Self.walk) { try walk.compareTrees("rich") }
  }

  /// docker, podman and buildah load a layer with sparse files, and do not save it again.
  @Test func holesGoThroughTheOthers() throws {
    let walk = try PeerWalk()
    defer { walk.host.remove() }
    let path = ["skopeo", "umoci", "registry", "umoci", "skopeo", "registry", "skopeo"]
    if try walk.take("sparse", along: path) { try walk.compareTrees("sparse", in: ["skiff", "exported", "umoci"]) }
  }
}

/// What machines really have: a system that debootstrap made, and this one's own /usr, changed and committed in a container, from
/// Skiff to each peer and back.
@Suite(.serialized, .enabled(if: PeerWalk.obstacle == nil, Comment(rawValue: PeerWalk.obstacle ?? "")))
struct RealTreeTests {
  /// The forms of OCI too, which a peer compresses.
  private static let path = ["umoci", "skopeo-zstd", "podman-gzip", "buildah", "docker", "registry"]

  @Test(.enabled(if: DebianTree.obstacle == nil, Comment(rawValue: DebianTree.obstacle ?? "")))
  func aSystemGoesThroughEveryPeer() throws {
    let walk = try PeerWalk()
    defer { walk.host.remove() }
    if try walk.take("debian", along: Self.path) { try walk.compareTrees("debian") }
  }

  @Test func thisMachinesProgramsGoThroughEveryPeer() throws {
    let walk = try PeerWalk()
    defer { walk.host.remove() }
    if try walk.take("usr", along: Self.path) { try walk.compareTrees("usr") }
  }
}
