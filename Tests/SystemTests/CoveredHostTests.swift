import Foundation
import Testing

/// A host on whose own root something is mounted: after the pivot each of those mounts lies over the container's root.
@Suite struct CoveredHostTests {
  @Test(ExplainedRunTests.isRoot) func nothingOfTheHostStaysMounted() throws {
    let place = try ExplainedRunTests.Place()
    let answer = try place.shell(
      """
      exec unshare --mount --propagation private /bin/sh -c '
        mount -t tmpfs one /; mount -t tmpfs two /
        exec "$skiff" run --rm --network none --rootfs \(place.root) cat /proc/self/mountinfo'
      """)
    try #require(answer.status == 0, "\(answer.errors)")
    let points = answer.output.split(separator: "\n").map { $0.split(separator: " ")[4] }
    #expect(points.filter { $0 == "/" }.count == 1)
    #expect(points.first == "/" && points.filter { $0 == "/proc" }.count == 1, "\(points)")
  }
}
