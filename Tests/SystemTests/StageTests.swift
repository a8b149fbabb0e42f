import Foundation
import Testing

/// stage and chroot as a person calls them.
@Suite(
  .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct StageTests {
  private func shell(_ script: String, in sandbox: Sandbox) throws -> (code: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", script]
    process.currentDirectoryURL = sandbox.folder
    process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "skiff": Sandbox.skiff]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }

  /// The script of --explain=shell builds the same tree, to the last mode and time of a file.
  @Test func theScriptBuildsTheSameTree() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let result = try shell(
      """
      set -e
      $skiff stage --explain=shell --dry-run a bash ls > script
      test ! -e a
      sh ./script
      $skiff stage -q b bash ls
      for d in a b; do
        (cd $d; find . ! -type l -printf '%p %y %m %U %G' -type f -printf ' %s %T@' -o -printf '%p %l' ; find . -printf '%p %m %l\\n') |
          sort > $d.list
      done
      cmp a.list b.list; diff -r a b; ls -A | grep stage- || echo clean
      """, in: sandbox)
    #expect(result.code == 0 && result.output == "clean\n", "\(result.output)")
  }

  /// The seed's first chapter: each failure names the file, and the call that it names cures it.
  @Test func chrootNamesWhatIsMissing() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    var result = try shell("mkdir c; $skiff chroot c /bin/bash", in: sandbox)
    #expect(result.code == 127)
    #expect(result.output == "skiff: /bin/bash: no such file in the container\nhint: skiff stage c /bin/bash\n")
    result = try shell("mkdir c/bin; cp /bin/bash c/bin; $skiff chroot c /bin/bash", in: sandbox)
    #expect(
      result.code == 127 && result.output.contains("its dynamic linker, which is missing\nhint: skiff stage c bash\n"))
    result = try shell("$skiff stage -q c bash && $skiff chroot c /bin/bash -c 'echo $PWD; exit 3'", in: sandbox)
    #expect(result.code == 3 && result.output == "/\n", "\(result.output)")
    result = try shell(
      "rm c/usr/lib/*/libc.so.6 c/lib/*/libc.so.6 c/lib64/libc.so.6; $skiff chroot c /bin/bash", in: sandbox)
    #expect(result.code == 127 && result.output.contains("libc.so.6, needed by"), "\(result.output)")
    #expect(result.output.contains("hint: skiff stage c bash"))
    result = try shell("touch c/plain; $skiff chroot c /plain", in: sandbox)
    #expect(result.code == 126 && result.output.contains("may not be executed"))
    #expect(try shell("$skiff chroot nowhere true", in: sandbox).code == 125)
    #expect(try shell("$skiff stage c bahs", in: sandbox).output.contains("did you mean bash"))
  }

  /// A hint is pasted into a shell as it stands, whatever the names are.
  @Test func itsHintsCanBePasted() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let result = try shell(
      """
      mkdir "it's a" ./-d
      try() {
        $skiff chroot "$@" 2>err && return
        sed -n 's/^hint: skiff/"$skiff"/p' err > cure
        sh -e ./cure >/dev/null && $skiff chroot "$@"
      }
      try "it's a" bash -c 'echo cured'
      try -- -d /bin/bash -c 'echo cured'
      printf '#!/usr/bin/env -S cat\nread\n' > "it's a"/script; chmod +x "it's a"/script
      try "it's a" /script
      try "it's a" ./script
      chmod -x "it's a"/script; $skiff chroot "it's a" /script 2>&1 | sed -n 's/^hint: //p' > cure; sh ./cure
      test -x "it's a"/script && $skiff chroot "it's a" no-such-thing 2>&1 | grep -c 'this machine has no no-such-thing either'
      $skiff chroot --timings "it's a" bash -c : 2>&1 | grep -c -e process.changeRoot -e 'in all'
      exec 9< .; $skiff chroot -w /proc/self/fd/9 "it's a" bash -c pwd 2>&1 | grep -c 'cannot chroot into'
      """, in: sandbox)
    let script = "#!/usr/bin/env -S cat\nread\n"
    #expect(result.output == "cured\ncured\n" + script + script + "1\n2\n1\n", "\(result.output)")
  }

  /// The linker of a program learns what $ORIGIN means from procfs, which a chroot does not bring.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/cc"), "needs a C compiler"))
  func originNeedsProc() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let result = try shell(
      """
      set -e; mkdir -p app/lib
      echo 'int answer(void) { return 42; }' | cc -shared -fPIC -Wl,-soname,liborigin.so -o app/lib/liborigin.so -xc -
      echo 'int answer(void); int main(void) { return answer(); }' | cc -o app/tool -xc - -xnone app/lib/liborigin.so \
        -Wl,-rpath,'$ORIGIN/lib'
      $skiff stage -q root ./app/tool
      ! $skiff chroot root "$PWD"/app/tool 2>err; grep -c 'liborigin.so.*$ORIGIN.*/proc' err; grep -c 'hint: .*skiff run' err
      mkdir -p root/proc; mount -t proc proc root/proc
      code=0; $skiff chroot root "$PWD"/app/tool || code=$?; umount root/proc; echo $code
      """, in: sandbox)
    #expect(result.output == "1\n1\n42\n", "\(result.output)")
  }

  /// A signal that ends it leaves nothing behind, and what was there as it was. Here it is pending from the start.
  @Test func anInterruptKeepsNothing() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let result = try shell(
      """
      mkdir old; echo kept > old/kept
      for d in old new; do
        env --block-signal=TERM sh -c 'kill -TERM $$; exec "$skiff" stage -q "$0" ls' $d 2>&1
        echo $?
      done
      find old; ls -A | grep -v -e rootfs -e old
      """, in: sandbox)
    func told(_ name: String) -> String {
      "skiff: cannot stage \(name): interrupted\nhint: nothing was kept\n125\n"
    }
    #expect(result.output == told("old") + told("new") + "old\nold/kept\n", "\(result.output)")
  }

  /// kill -9 between any two steps: a new directory is not there, an old one has whole files only, and the next call
  /// finishes the work and leaves nothing beside it.
  @Test func survivesBeingKilledAnywhere() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let result = try shell(
      """
      $skiff stage -q --bare whole ls || exit 9
      steps=$($skiff stage --dry-run --bare count ls | grep -c '^ *[0-9][0-9]*  ')
      [ "$steps" -gt 10 ] || { echo "only $steps steps"; exit 8; }
      i=0
      while [ $i -lt $steps ]; do
        rm -rf new old; mkdir old; echo kept > old/kept
        SKIFF_KILL_AT=stage:$i $skiff stage -q --bare new ls >/dev/null 2>&1
        [ $? -gt 128 ] || { echo "not killed at $i"; exit 7; }
        [ ! -e new ] || { echo "half a directory at $i"; exit 6; }
        $skiff stage -q --bare new ls && diff -r whole new || exit 5
        SKIFF_KILL_AT=stage:$i $skiff stage -q --bare old ls >/dev/null 2>&1
        (cd old; find . -type f ! -name kept) | while read f; do cmp -s old/$f whole/$f || echo "half a file: $f at $i"; done
        $skiff stage -q --bare old ls && diff -r -x kept whole old && [ -e old/kept ] || exit 4
        i=$((i + 1))
      done 2>/dev/null
      ls -A | grep stage- || echo clean
      """, in: sandbox)
    #expect(result.code == 0 && result.output == "clean\n", "\(result.output)")
  }
}
