import Foundation
import Kernel
import Testing

@testable import Cgroups

@Suite struct ResourceControlTests {
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
