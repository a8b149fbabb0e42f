import Arguments
import Containers
import Kernel
import Monitoring
import Testing

@testable import Engine

@Suite struct LogOptionTests {
  private func reason(_ driver: String?, _ options: String...) -> String? {
    do throws(OptionError) {
      _ = try LogRequest(driver: driver, options: options)
      return nil
    } catch { return error.reason }
  }

  @Test func whatADriverTakes() throws {
    let log = try LogRequest(driver: nil, options: ["max-size=1m", "max-file=5", "compress=true", "mode=blocking"])
    #expect(log.settings.driver == .jsonFile && log.settings.maximumSize == 1 << 20)
    #expect(log.settings.maximumFiles == 5 && log.settings.compresses)
    #expect(log.settings.options["max-size"] == "1m")
    #expect(reason("local", "max-size=1m", "compress=false") == nil)
    #expect(reason("journald", "labels=a,b", "env-regex=^P", "tag={{.Name}}", "mode=non-blocking") == nil)
    #expect(
      reason("syslog", "syslog-address=tcp://[::1]:601", "syslog-facility=local7", "syslog-format=rfc5424") == nil)
  }

  @Test(arguments: [
    ("gelf", "a=b", "there is no log driver gelf"), ("json-file", "", "NAME=VALUE"),
    ("json-file", "max-size", "NAME=VALUE"), ("json-file", "max-size=1", "at least 4k"),
    ("json-file", "max-file=0", "from 1 to 1000"), ("json-file", "compress=perhaps", "true or false"),
    ("json-file", "labels-regex=(", "regular expression"), ("json-file", "tag={{.Pid}}", "{{.Name}}"),
    ("json-file", "tag={{.Name", "no }}"), ("json-file", "syslog-facility=daemon", "no option syslog-facility"),
    ("local", "labels=a", "no option labels"), ("none", "max-size=1m", "no option max-size"),
    ("journald", "mode=blocking", "never waits"), ("journald", "max-buffer-size=1m", "64 KB"),
    ("syslog", "syslog-facility=24", "0 to 23"), ("syslog", "syslog-format=gelf", "rfc3164"),
    ("syslog", "syslog-address=tcp+tls://1.2.3.4:6514", "TLS"), ("syslog", "syslog-tls-cert=x", "TLS"),
    ("syslog", "syslog-address=udp://loghost:514", "an address"),
    ("syslog", "syslog-address=udp://1.2.3.4:x", "no port"),
    ("syslog", "syslog-address=unix://dev/log", "absolute"), ("syslog", "syslog-address=1.2.3.4", "udp://"),
    ("json-file", "max-file=1", nil),
  ])
  func whatItRefuses(driver: String, option: String, words: String?) {
    let given = reason(driver, option)
    if let words { #expect(given?.contains(words) == true, "\(given ?? "taken")") } else { #expect(given == nil) }
  }

  @Test func oneFileIsNeverCompressed() {
    #expect(reason("json-file", "compress=true", "max-file=1")?.contains("max-file=2") == true)
  }

  @Test func addresses() throws {
    #expect(try LogReceiver.Address(syslog: "") == .unix("/dev/log", .datagram))
    #expect(try LogReceiver.Address(syslog: "unix:///run/x") == .unix("/run/x", .stream))
    #expect(
      try LogReceiver.Address(syslog: "udp://10.0.0.1") == .internet(IPAddress("10.0.0.1")!, port: 514, .datagram))
    #expect(try LogReceiver.Address(syslog: "tcp://[::1]") == .internet(IPAddress("::1")!, port: 514, .stream))
    #expect(try LogReceiver.Address(syslog: "tcp://[::1]:601") == .internet(IPAddress("::1")!, port: 601, .stream))
  }

  @Test func labelsVariablesAndTags() throws {
    let log = try LogRequest(
      driver: nil, options: ["labels=a,missing", "labels-regex=^com\\.", "env=PATH", "env-regex=^L(ANG|C_)"])
    let chosen = log.selection.attributes(
      labels: ["a": "1", "b": "2", "com.example": "3"],
      environment: ["PATH=/bin", "LANG=C", "HOME=/root", "LC_ALL=x=y"])
    #expect(chosen == ["a": "1", "com.example": "3", "PATH": "/bin", "LANG": "C", "LC_ALL": "x=y"])
    var record = ContainerRecord(
      identifier: String(repeating: "ab", count: 32), name: "web", created: Timestamp(seconds: 0, nanoseconds: 0))
    record.image = "nginx:1"
    record.imageIdentifier = "sha256:" + String(repeating: "cd", count: 32)
    let tag = try LogTag("x {{.Name}}/{{ .ID }} {{.ImageName}}@{{.ImageID}} {{.DaemonName}}")
    #expect(tag.text(of: record) == "x web/abababababab nginx:1@cdcdcdcdcdcd skiff")
  }
}
