import ImageSpec
import JSON
import Testing

/// Docker's rules of what a container takes from its image (moby's daemon/commit.go, merge).
@Suite struct OverridesTests {
  private let image: ContainerDefaults = {
    var image = ContainerDefaults()
    image.user = "app"
    image.env = ["PATH=/bin", "A=image", "AB=image"]
    image.entrypoint = ["/entry"]
    image.cmd = ["serve"]
    image.volumes = ["/data"]
    image.workingDir = "/srv"
    image.labels = ["a": "image", "b": "image"]
    image.stopSignal = "SIGQUIT"
    image.exposedPorts = ["80/tcp"]
    image.onBuild = ["RUN make"]
    return image
  }()

  @Test func nothingSaidIsTheImages() {
    var expected = image
    // What it wants of images that are built on it is not its containers'.
    expected.onBuild = []
    #expect(image.overridden(by: ContainerOverrides()) == expected)
  }

  @Test func aCommandReplacesTheCommandAndAnEntryPointBoth() {
    var overrides = ContainerOverrides()
    overrides.cmd = ["other"]
    var result = image.overridden(by: overrides)
    #expect(result.entrypoint == ["/entry"] && result.cmd == ["other"])
    overrides.entrypoint = ["/mine"]
    result = image.overridden(by: overrides)
    #expect(result.entrypoint == ["/mine"] && result.cmd == ["other"])
    overrides.cmd = []
    result = image.overridden(by: overrides)
    #expect(result.entrypoint == ["/mine"] && result.cmd == [])
    overrides.entrypoint = []
    overrides.cmd = ["x"]
    result = image.overridden(by: overrides)
    #expect(result.entrypoint == [] && result.cmd == ["x"])
  }

  /// Four megabytes of a file of variables: with a look through all for each it would not end.
  @Test func hundredThousandVariables() {
    var overrides = ContainerOverrides()
    overrides.env = (0..<200_000).map { "V\($0 % 100_000)=\($0)" }
    let result = image.overridden(by: overrides)
    #expect(result.env.count == 100_003 && result.env[3] == "V0=100000" && result.env.last == "V99999=199999")
  }

  /// What is no NAME=VALUE stays as it is, for whoever refuses it.
  @Test func anEntryWithoutAValueStays() {
    var broken = image
    broken.env.append("NEW")
    var overrides = ContainerOverrides()
    overrides.env = ["NEW=1"]
    #expect(broken.overridden(by: overrides).env == image.env + ["NEW", "NEW=1"])
  }

  @Test func theRestIsReplacedOrAdded() {
    var overrides = ContainerOverrides()
    overrides.env = ["A=1", "NEW=x=y", "NEW=z"]
    overrides.user = "0"
    overrides.workingDir = "/"
    overrides.labels = ["b": "run", "c": "run"]
    overrides.volumes = ["/anon", "/data"]
    overrides.stopSignal = "SIGINT"
    let result = image.overridden(by: overrides)
    #expect(result.env == ["PATH=/bin", "A=1", "AB=image", "NEW=z"])
    #expect(result.user == "0" && result.workingDir == "/" && result.stopSignal == "SIGINT")
    #expect(result.labels == ["a": "image", "b": "run", "c": "run"])
    #expect(result.volumes == ["/anon", "/data"])
    #expect(result.exposedPorts == ["80/tcp"])
  }

  @Test func theyAreReadAsTheyWereWritten() throws {
    var overrides = ContainerOverrides()
    #expect(try ContainerOverrides(parsing: overrides.jsonBytes()) == overrides)
    overrides.entrypoint = []
    overrides.cmd = ["a", "b"]
    overrides.env = ["A=1"]
    overrides.user = "u"
    overrides.workingDir = "/w"
    overrides.labels = ["l": "v"]
    overrides.volumes = ["/v"]
    overrides.stopSignal = "SIGINT"
    #expect(try ContainerOverrides(parsing: overrides.jsonBytes()) == overrides)
  }
}
