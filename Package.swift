// swift-tools-version: 6.2
// The house of Skiff: one target per room, rooms on floors. A target imports only lower floors, and inside a floor
// only what is listed here; Tests/FloorsTests holds this file to that rule (docs/architecture.md draws it).
import Foundation
import PackageDescription

/// How a program of a few milliseconds reaches the metadata of generic types (about one millisecond of `skiff run`, measured):
/// by calls rather than by names that are demangled while it runs, and with caches that are made when they are needed, so
/// that the pages between them stay untouched in a supervisor that lives long.
let fastTypeLookup = [
  "-disable-concrete-type-metadata-mangled-name-accessors", "-disable-generic-metadata-prespecialization",
  "-disable-preallocated-instantiation-caches",
]

/// The functions that a start calls lie side by side, so that it touches a third fewer pages (`make order` writes the list
/// anew): each function gets a section of its own, and lld, which comes with the toolchain, puts them in order. One segment
/// for code and constants is one mapping less. SKIFF_SYMBOLS keeps the symbols, for profilers and for `make order`.
let startOrder = Context.packageDirectory + "/Scripts/start-order.txt"
let programFlags =
  ["-static-executable", "-use-ld=lld"]
  + [
    "--symbol-ordering-file=" + startOrder, "--no-warn-symbol-ordering", "--no-rosegment", "--entry=ckernel_entry",
  ].flatMap { ["-Xlinker", $0] } + (Context.environment["SKIFF_SYMBOLS"] == nil ? ["-Xlinker", "-s"] : [])

/// Strict everywhere: `unsafe` then marks exactly what a reviewer must read.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
  // The kill switch that the fault tests pull between two steps exists in debug builds only.
  .define("FAULT_INJECTION", .when(configuration: .debug)),
  .unsafeFlags(
    (fastTypeLookup + ["-function-sections"]).flatMap { ["-Xfrontend", $0] }, .when(configuration: .release)),
]

/// Tests import what they name; the strictness that guards production code would only hide what they assert.
let testing: [SwiftSetting] = [.swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny")]

/// What the registry's helper alone takes from other packages: HTTP and TLS over an event loop. `skiff` links none of it.
let network: [Target.Dependency] = [
  .product(name: "AsyncHTTPClient", package: "async-http-client"),
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
  .product(name: "NIOHTTP1", package: "swift-nio"),
  .product(name: "NIOSSL", package: "swift-nio-ssl"),
]

/// A room and, where Tests/<name>Tests holds any, its tests. The tests see what the room sees.
func room(_ name: String, _ dependencies: String..., foreign: [Target.Dependency] = []) -> [Target] {
  let target = Target.target(
    name: name, dependencies: dependencies.map { .byName(name: $0) } + foreign, swiftSettings: strict)
  return [target] + tests(name + "Tests", seeing: [name] + dependencies)
}

func tests(_ name: String, seeing dependencies: [String]) -> [Target] {
  let folder = Context.packageDirectory + "/Tests/" + name
  let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  guard files.contains(where: { $0.hasSuffix(".swift") }) else { return [] }
  return [.testTarget(name: name, dependencies: dependencies.map { .byName(name: $0) }, swiftSettings: testing)]
}

let package = Package(
  name: "skiff",
  products: [
    .executable(name: "skiff", targets: ["skiff"]),
    .executable(name: "skiff-registry", targets: ["skiff-registry"]),
  ],
  dependencies: [
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
  ],
  targets: [
    // 0 C · 1 kernel
    [
      .target(name: "CKernel"), .target(name: "CSHA256"), .target(name: "CISAL"), .systemLibrary(name: "CZlib"),
      .systemLibrary(name: "CZstd"),
    ],
    room("Kernel", "CKernel"),

    // 2 formats: pure, no system calls
    room("JSON", "Kernel"),
    room("RuntimeSpec", "JSON", "Kernel"),
    room("ImageSpec", "JSON", "Kernel"),
    room("Hashing", "CSHA256"),
    room("SPDX", "Hashing", "JSON", "Kernel"),
    room("DNS", "Kernel"),
    room("TOML"),
    room("YAML", "JSON"),
    room("Archive", "Kernel"),
    room("Compression", "CZlib", "CZstd"),
    room("ISAL", "CISAL", "Compression"),
    room("ELF", "Kernel"),
    room("Arguments", "Kernel"),
    room("Templates", "Arguments", "JSON", "Kernel"),
    room("Steps", "Kernel"),
    room("Explain", "Steps", "JSON", "Kernel"),

    // 3 linux
    room("Rooted", "Steps", "Kernel"),
    room("Mounts", "Rooted", "Steps", "Kernel"),
    room("Cgroups", "JSON", "Steps", "Kernel"),
    room("DBus", "Kernel"),
    room("Systemd", "DBus", "Cgroups", "Steps", "Kernel"),
    room("Netlink", "Steps", "Kernel"),
    room("Firewall", "Netlink", "Steps", "Kernel"),
    room("CNI", "JSON", "Steps", "Kernel"),
    room("Seccomp", "RuntimeSpec", "JSON", "Steps", "Kernel"),
    room("Privileges", "RuntimeSpec", "Steps", "Kernel"),
    room("Terminals", "Steps", "Kernel"),

    // 4 runtime
    room(
      "Planning", "RuntimeSpec", "JSON", "Seccomp", "Privileges", "Systemd", "Cgroups", "Mounts", "Steps", "Kernel"),
    room(
      "Inside", "Planning", "Rooted", "Mounts", "Cgroups", "Netlink", "Seccomp", "Privileges", "Terminals", "ELF",
      "Explain", "Steps", "Kernel"),
    room(
      "Launching", "Inside", "Planning", "Rooted", "Mounts", "Systemd", "Cgroups", "Netlink", "Firewall", "CNI",
      "Terminals",
      "RuntimeSpec", "JSON", "Steps", "Kernel"),
    room("Rootless", "Launching", "Steps", "Kernel"),
    room("Containers", "ImageSpec", "JSON", "Kernel"),
    room("Journal", "JSON", "Kernel"),
    room("Resolving", "DNS", "Kernel"),
    room("Monitoring", "Resolving", "Inside", "Netlink", "Terminals", "Compression", "JSON", "Kernel"),

    // 5 engine
    room("Blobs", "Hashing", "ImageSpec", "JSON", "Kernel"),
    room(
      "Layers", "Blobs", "Archive", "Compression", "Hashing", "ImageSpec", "Arguments", "JSON", "Rooted", "Mounts",
      "Steps", "Kernel"
    ),
    room("Archives", "Layers", "Blobs", "Archive", "Compression", "Hashing", "ImageSpec", "Rooted", "JSON", "Kernel"),
    room(
      "Staging", "Layers", "Blobs", "Launching", "Inside", "ELF", "Arguments", "SPDX", "Hashing", "ImageSpec", "Rooted",
      "Mounts", "JSON", "Steps", "Kernel"),
    room("Networks", "Launching", "Netlink", "Firewall", "JSON", "Steps", "Kernel"),
    room("RegistryRequests", "JSON", "Kernel"),
    room("Volumes", "JSON", "Rooted", "Mounts", "Steps", "Kernel"),
    room(
      "Engine", "Networks", "CNI", "Volumes", "Archives", "Staging", "Layers", "Blobs", "Journal", "Monitoring",
      "Resolving",
      "DNS",
      "Containers", "Rootless",
      "Launching", "Inside",
      "Planning", "Privileges", "Seccomp", "Systemd", "Cgroups", "RuntimeSpec", "ImageSpec", "YAML", "JSON",
      "Arguments",
      "Mounts",
      "Rooted",
      "Steps", "Kernel"),

    room(
      "OCIRuntime", "Launching", "Inside", "Planning", "Terminals", "Seccomp", "Privileges", "Systemd", "Cgroups",
      "Mounts",
      "RuntimeSpec", "JSON", "Steps", "Kernel"),

    // 6 front
    room(
      "RuntimeCLI", "OCIRuntime", "Launching", "Inside", "Planning", "Privileges", "Terminals", "Cgroups",
      "RuntimeSpec", "Explain",
      "Arguments", "JSON", "Steps", "Kernel"),
    room(
      "SkiffCLI", "RuntimeCLI", "Engine", "RegistryRequests", "Staging", "Networks", "Journal", "Resolving", "DNS",
      "Archives", "Templates",
      "Layers", "Blobs",
      "Monitoring",
      "Containers", "Rootless",
      "Inside",
      "Planning", "Privileges", "Cgroups", "Explain", "Arguments", "TOML", "SPDX", "ImageSpec", "JSON", "Rooted",
      "Terminals",
      "Steps", "Kernel"),
    [
      .executableTarget(
        name: "skiff", dependencies: ["SkiffCLI"], swiftSettings: strict,
        linkerSettings: [.unsafeFlags(programFlags, .when(configuration: .release))])
    ],
    room(
      "RegistryClient", "RegistryRequests", "Archives", "Layers", "Blobs", "Journal", "Compression", "ISAL", "Hashing",
      "ImageSpec", "Arguments", "JSON", "TOML", "Kernel", foreign: network),
    [
      .executableTarget(
        name: "skiff-registry", dependencies: ["RegistryClient", "Kernel"], swiftSettings: strict,
        linkerSettings: [.unsafeFlags(["-Xlinker", "-s"], .when(configuration: .release))])
    ],
    // The walls, and the whole program as a person runs it.
    tests("FloorsTests", seeing: []),
    tests("SystemTests", seeing: ["skiff", "Kernel", "JSON"]),
  ].flatMap { $0 }
)
