import ImageSpec
import Testing

@Suite struct ChangesTests {
  private func defaults(_ changes: String..., from start: ContainerDefaults = ContainerDefaults()) throws
    -> ContainerDefaults
  {
    var defaults = start
    try defaults.apply(changes: changes)
    return defaults
  }

  @Test func instructionsChangeTheirField() throws {
    let result = try defaults(
      #"CMD ["a", "b c"]"#, "user 1000:1000", "WORKDIR /srv", "WORKDIR data", #"ENV A=1 B="x y" C='$q' D=a\ b"#,
      "ENV E one two",
      "EXPOSE 80 53/UDP", "EXPOSE 443/tcp", #"VOLUME ["/a"]"#, "VOLUME /c /b", "LABEL org.x=1 \"note\"=\"two words\"",
      "STOPSIGNAL SIGQUIT",
      "ONBUILD RUN make", "ENV A=2")
    #expect(result.cmd == ["a", "b c"])
    #expect(result.user == "1000:1000")
    #expect(result.workingDir == "/srv/data")
    #expect(result.env == ["A=2", "B=x y", "C=$q", "D=a b", "E=one two"])
    #expect(result.exposedPorts == ["443/tcp", "53/udp", "80/tcp"])
    #expect(result.volumes == ["/a", "/b", "/c"])
    #expect(result.labels == ["org.x": "1", "note": "two words"])
    #expect(result.stopSignal == "SIGQUIT")
    #expect(result.onBuild == ["RUN make"])
  }

  @Test func aLineGoesToTheShell() throws {
    #expect(try defaults("CMD echo \"hi\"").cmd == ["/bin/sh", "-c", "echo \"hi\""])
  }

  @Test func aNewEntryPointDropsTheOldCommand() throws {
    var start = ContainerDefaults()
    start.cmd = ["old"]
    #expect(try defaults(#"ENTRYPOINT ["e"]"#, from: start).cmd == [])
    #expect(try defaults(#"CMD ["new"]"#, #"ENTRYPOINT ["e"]"#, from: start).cmd == ["new"])
  }

  @Test(arguments: [
    "", "CMD", "CMD ", "RUN make", "FROM x", "CMD [1]", "CMD [\"a\"", "ENV", "ENV A", "ENV =x", "ENV A=1 B",
    "ENV A=\"x", "EXPOSE 0",
    "EXPOSE 70000", "EXPOSE 80/icmp", "EXPOSE 80/tcp/x", "EXPOSE x", "ENTRYPOINT [\"a\\u0000\"]", "LABEL =",
    "VOLUME ['a']",
  ])
  func whatIsNoInstructionIsRefused(_ change: String) {
    #expect(throws: ImageSpecError.self) { try defaults(change) }
  }
}
