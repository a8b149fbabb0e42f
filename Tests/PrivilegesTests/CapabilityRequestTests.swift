import Kernel
import Privileges
import Steps
import Testing

@Suite struct CapabilityRequestTests {
  let everything = CapabilitySet.all

  @Test func defaultIsDockersFourteen() throws {
    let granted = try CapabilityRequest().granted(available: everything)
    #expect(
      granted.names == [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
        "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_AUDIT_WRITE",
        "CAP_SETFCAP",
      ])
    // The mask that `grep CapBnd /proc/1/status` shows in a docker container.
    #expect(granted.rawValue == 0xa804_25fb)
  }

  @Test(arguments: ["net_admin", "NET_ADMIN", "cap_net_admin", "CAP_NET_ADMIN", "Cap_Net_Admin"])
  func namesInAnyCase(name: String) throws {
    let granted = try CapabilityRequest(add: [name]).granted(available: everything)
    #expect(granted == CapabilitySet.containerDefault.union(.networkAdministration))
  }

  @Test func dropAllThenAdd() throws {
    let granted = try CapabilityRequest(add: ["kill"], drop: ["ALL"]).granted(available: everything)
    #expect(granted == .kill)
    #expect(try CapabilityRequest(drop: ["all"]).granted(available: everything) == [])
  }

  @Test func addAllLessSome() throws {
    let granted = try CapabilityRequest(add: ["all"], drop: ["SYS_ADMIN"]).granted(available: everything)
    #expect(granted == everything.subtracting(.systemAdministration))
  }

  @Test func addedWinsOverDropped() throws {
    #expect(try CapabilityRequest(add: ["kill"], drop: ["kill"]).granted(available: everything).contains(.kill))
    #expect(try !CapabilityRequest(drop: ["kill"]).granted(available: everything).contains(.kill))
  }

  @Test func privilegedIsAllThatTheHostHas() throws {
    let host = everything.subtracting(.systemResource)
    #expect(try CapabilityRequest(drop: ["ALL"], isPrivileged: true).granted(available: host) == host)
  }

  @Test func hostWithoutACapability() throws {
    let host = everything.subtracting([.systemResource, .makeNode])
    #expect(try !CapabilityRequest().granted(available: host).contains(.makeNode))
    #expect(try CapabilityRequest(add: ["ALL"]).granted(available: host) == host)
    #expect(throws: CapabilityError.notAvailable(.systemResource)) {
      try CapabilityRequest(add: ["SYS_RESOURCE"]).granted(available: host)
    }
  }

  @Test func unknownNamesTheNearest() throws {
    let error = #expect(throws: CapabilityError.self) {
      try CapabilityRequest(add: ["NET_ADMN"]).granted(available: everything)
    }
    #expect(error == .unknown("NET_ADMN", near: "CAP_NET_ADMIN"))
    #expect(error?.hint == "did you mean CAP_NET_ADMIN")
    #expect(throws: CapabilityError.unknown("banana", near: nil)) {
      try CapabilityRequest(drop: ["banana"]).granted(available: everything)
    }
    #expect(throws: CapabilityError.self) { try CapabilityRequest(add: [""]).granted(available: everything) }
  }

  @Test func inheritableIsAlwaysEmpty() {
    for user: UInt32 in [0, 1000] {
      let sets = Capabilities(granted: .containerDefault, user: user)
      #expect(sets.inheritable == [] && sets.ambient == [])
      #expect(sets.permitted == (user == 0 ? .containerDefault : []) && sets.effective == sets.permitted)
    }
  }
}
