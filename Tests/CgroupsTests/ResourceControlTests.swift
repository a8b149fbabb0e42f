import Foundation
import Kernel
import Testing

@testable import Cgroups

@Suite struct ResourceControlTests {
  @Test func theMountIsFound() {
    let text = """
      24 1 0:22 / /proc rw,nosuid shared:5 - proc proc rw
      31 24 0:26 / /sys/fs/resctrl rw,relatime shared:9 master:1 - resctrl resctrl rw
      32 24 0:27 / /x - resctrl rw - tmpfs resctrl rw
      """
    #expect(ResourceControl.mountPoint(in: text) == "/sys/fs/resctrl")
    #expect(ResourceControl.mountPoint(in: "24 1 0:22 / /resctrl rw - tmpfs resctrl rw\nresctrl\n - resctrl") == nil)
  }

  @Test func sharesAreCompared() {
    let present = ResourceControl.lines(of: "    L3:0=00ff;1=0f\n    MB:0= 100;1=100\n")
    #expect(present == ["L3:0=00ff;1=0f", "MB:0=100;1=100"])
    for wanted in [["L3:0=ff"], ["L3:1=F;0=ff", "MB:0=100"], []] {
      #expect(ResourceControl.schemata(present, satisfy: wanted), "\(wanted)")
    }
    for wanted in [["L3:0=f"], ["L2:0=ff"], ["L3:2=ff"], ["nonsense"]] {
      #expect(!ResourceControl.schemata(present, satisfy: wanted), "\(wanted)")
    }
  }
}
