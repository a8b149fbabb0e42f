import Kernel
import Testing

/// Scripts/setup on machines that lack everything: what it asks the package manager for, and what it says when it cannot
/// have it. The package manager is a script that writes down how it was called; the machine is a PATH and an os-release.
@Suite(.enabled(if: effectiveUser() == 0, "it puts another /etc/os-release in place, in a mount namespace"))
struct SetupTests {
  private static let setup = Path(#filePath).parent.parent.parent.appending("Scripts/setup").string

  /// - Parameters:
  ///   - release: the lines of os-release.
  ///   - lacks: a package that the repositories do not have.
  private func run(
    _ release: String, manager: String, lacks: String = "none", needs: String = "build tour test"
  ) throws -> (status: Kernel.ExitStatus?, output: String) {
    try Guest.capture(
      """
      /bin/sh -c 'set -e
      place=$(mktemp -d)
      trap "rm -rf $place" EXIT
      mkdir $place/bin $place/Scripts
      cp \(Self.setup) $place/Scripts
      printf "#!/bin/sh\\nexit 1\\n" >$place/Scripts/guest-kernel
      printf "\(release)" >$place/os-release
      for tool in bash env id sed head tail tr uname dirname cat chmod; do ln -s $(command -v $tool) $place/bin; done
      printf "#!/bin/sh\\necho Swift version 6.3.1\\n" >$place/bin/swift
      cat >$place/bin/\(manager) <<"END"
      #!/bin/sh
      echo "called \(manager) $*" >&3
      case " $* " in *" \(lacks) "*) echo "no such package: \(lacks)" >&2; exit 1 ;; esac
      place=${0%/bin/*}
      for name in cc make git ld ls ps ip ncat; do
        printf "#!/bin/sh\\necho /dev/null\\n" >$place/bin/$name; chmod +x $place/bin/$name
      done
      END
      chmod +x $place/bin/* $place/Scripts/*
      export place
      unshare --mount sh -c "
        mount --bind $place/os-release /etc/os-release
        PATH=$place/bin exec $place/Scripts/setup \(needs)" 3>&1'
      """)
  }

  @Test func rockyIsAskedByDnfWithTheRepositoryOfStaticLibraries() throws {
    let (status, output) = try run(#"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"#, manager: "dnf")
    #expect(status == .exited(0), "\(output)")
    let call = output.split(separator: "\n").first { $0.hasPrefix("called dnf install ") } ?? ""
    #expect(call.contains("--enablerepo=crb"))
    for package in ["glibc-static", "libstdc++-static", "nmap-ncat", "dnf-plugins-core"] {
      #expect(call.contains(" \(package)"), "\(package) is not in: \(call)")
    }
    #expect(!call.contains(" - "))
    #expect(output.contains("has no package for busybox"))
  }

  @Test func ubuntuIsAskedByAptGet() throws {
    let (status, output) = try run(#"ID=ubuntu\nID_LIKE=debian\n"#, manager: "apt-get")
    #expect(status == .exited(0), "\(output)")
    #expect(output.contains("called apt-get install -y -qq --no-install-recommends gcc make git"))
    #expect(output.contains("setup: gcc: links programs against the C library"))
  }

  /// One name that a repository lacks would otherwise fail all the others.
  @Test func aPackageThatIsNotThereFailsNothingButWhatWantsIt() throws {
    let (status, output) = try run(#"ID=debian\n"#, manager: "apt-get", lacks: "crun")
    #expect(status == .exited(0), "\(output)")
    #expect(output.contains("called apt-get update"))
    #expect(output.contains("setup: crun could not be installed"))
    #expect(output.contains("crun is still missing"))
    #expect(output.contains("called apt-get install -y -qq --no-install-recommends tmux\n"))
  }

  @Test func withoutWhatTheBuildNeedsItFails() throws {
    let (status, output) = try run(#"ID=debian\n"#, manager: "apt-get", lacks: "gcc", needs: "tour build")
    #expect(status == .exited(0), "the others bring cc here: \(output)")
    let nothing = try run(#"ID=plan9\n"#, manager: "pkg")
    #expect(nothing.status == .exited(1))
    #expect(nothing.output.contains("is not known here: install what is listed above"))
  }
}
