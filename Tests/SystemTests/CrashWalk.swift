/// A program in Python that walks through a command's changes to a disk, by strace: it kills the command at one after the
/// other, and plays what a loss of power there would leave.
///
/// What the kernel was told to bring to the disk is there; of all else nothing is: a file that was written and not synced is
/// empty, and a name in a directory that was not synced is gone, the list of images alone excepted, which would lead to
/// what is lost. ext4 does the first (delayed allocation), btrfs and XFS may do the second.
enum CrashWalk {
  static let program = #"""
    import filecmp, os, re, shutil, stat, subprocess, sys

    # walk.py SKIFF FOLDER COMMAND…: kills COMMAND at its n-th call of each kind that changes a disk, n = 1, 2, … until it lives,
    # takes away from the store what nothing had brought to the disk by then, and asks for a store that is whole and takes
    # COMMAND again. FOLDER/base holds lib and run as they were before.
    skiff, folder, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    lib, log = folder + "/lib", folder + "/log"
    environment = dict(os.environ, SKIFF_ROOT=lib, SKIFF_STATE=folder + "/run", HOME=folder)
    WRITES = "write,pwrite64,writev,pwritev,ftruncate,copy_file_range,sendfile"
    NAMES = "openat,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat,rename,renameat,renameat2,unlink,unlinkat,rmdir"
    SYNCS = "fsync,fdatasync,syncfs"
    faults, kills = [], 0

    def restore(source):
        for name in ("lib", "run"):
            shutil.rmtree(f"{folder}/{name}", ignore_errors=True)
            subprocess.run(["cp", "-a", f"{source}/{name}", f"{folder}/{name}"], check=True)

    def call(*words):
        return subprocess.run([skiff, *words], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def traced(*more):
        trace = ["strace", "-f", "-qq", "-y", "-e", "signal=none", "-o", log,
                 "-e", f"trace={WRITES},{NAMES},{SYNCS}", *more]
        done = subprocess.run(trace + [skiff, *command], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return done

    def lines():
        """Each call twice: as it begins, and as it ends with its result."""
        open_calls = {}
        for line in open(log, errors="replace"):
            process, _, text = line.rstrip("\n").partition(" ")
            text = text.strip()
            if text.endswith("<unfinished ...>"):
                open_calls[process] = text[:-len("<unfinished ...>")]
                yield open_calls[process], None
            elif text.startswith("<... "):
                start, end = open_calls.pop(process, ""), text.split("resumed>", 1)[-1]
                yield start + end, "late"
            else:
                yield text, "once"

    class Disk:
        """What of the changes may not have reached it."""
        def __init__(self):
            self.dirty, self.names = set(), set()

        def move(self, old, new):
            for known in (self.dirty, self.names):
                moved = {p for p in known if p == old or p.startswith(old + "/")}
                known -= moved
                known |= {new + p[len(old):] for p in moved}
            self.names.add(new)

        def read(self):
            for text, when in lines():
                called = re.match(r"(\w+)\((.*)", text)
                if not called: continue
                name, rest = called.groups()
                failed = re.search(r"= -1 E", text)
                places = re.findall(r'(?:(?:AT_FDCWD|\d+)<((?:[^>\\]|\\.)*)>, )?"((?:[^"\\]|\\.)*)"', rest)
                paths = [os.path.normpath(os.path.join(d or "/", p)) for d, p in places]
                files = re.findall(r"\d+<((?:[^>\\]|\\.)*)>", rest)
                if name in WRITES.split(","):
                    # A write has changed the file as soon as it begins.
                    target = files[1:2] if name == "copy_file_range" else files[:1]
                    self.dirty |= {p for p in target if p.startswith(lib)}
                elif failed or when is None: continue
                elif name in ("fsync", "fdatasync") and files and text.endswith("= 0"):
                    path = files[0]
                    if os.path.isdir(path): self.names = {p for p in self.names if os.path.dirname(p) != path}
                    else: self.dirty.discard(path)
                elif name == "syncfs" and text.endswith("= 0"): self.dirty, self.names = set(), set()
                elif name == "openat" and "O_CREAT" in rest:
                    path = files[-1] if files else ""
                    if path.startswith(lib): self.names.add(path); self.dirty.add(path)
                elif name.startswith(("mkdir", "symlink", "mknod")) and paths: self.names.add(paths[-1])
                elif name.startswith("link") and len(paths) == 2: self.names.add(paths[1])
                elif name.startswith("rename") and len(paths) == 2 and text.rstrip().endswith("= 0"): self.move(*paths)
            return self

        def lose(self, names_too):
            for path in sorted(self.dirty):
                if path.startswith(lib) and os.path.isfile(path) and not os.path.islink(path): os.truncate(path, 0)
            if not names_too: return
            for path in sorted(self.names, reverse=True):
                # The list of images is what leads to everything else: it is the one name that has come through.
                if not path.startswith(lib + "/") or path.endswith("/index.json"): continue
                if os.path.isdir(path) and not os.path.islink(path): shutil.rmtree(path, ignore_errors=True)
                elif os.path.lexists(path): os.unlink(path)

    def same(a, b):
        """Two trees, file by file."""
        for top, folders, files in os.walk(a):
            other = b + top[len(a):]
            if not os.path.isdir(other) or sorted(os.listdir(top)) != sorted(os.listdir(other)): return other
            for name in files + folders:
                mine, theirs = f"{top}/{name}", f"{other}/{name}"
                x, y = os.lstat(mine), os.lstat(theirs)
                if (x.st_mode, x.st_uid, x.st_gid) != (y.st_mode, y.st_uid, y.st_gid): return theirs
                if stat.S_ISLNK(x.st_mode) and os.readlink(mine) != os.readlink(theirs): return theirs
                if stat.S_ISREG(x.st_mode) and not filecmp.cmp(mine, theirs, shallow=False): return theirs

    def check(what):
        verified = call("image", "verify")
        if verified.returncode: faults.append(f"{what}: verify: {verified.stderr.strip()}")
        for layer in os.listdir(lib + "/layers") if os.path.isdir(lib + "/layers") else []:
            known = f"{folder}/whole/lib/layers/{layer}"
            if len(layer) == 64 and os.path.isdir(known) and (bad := same(known, f"{lib}/layers/{layer}")):
                faults.append(f"{what}: layer {layer[:12]} is not whole: {bad}")

    def leftovers():
        return [f"{place}/{name}" for place in ("images/ingest", "images/partial", "layers/.work")
                if os.path.isdir(f"{lib}/{place}") for name in os.listdir(f"{lib}/{place}")]

    # That the loss of what was not synced is noticed: a run whose syncs do nothing.
    restore(folder + "/base")
    blind = traced("-e", f"inject={SYNCS}:retval=0")
    Disk().read().lose(names_too=False)
    check("without a sync")
    if blind.returncode or not faults: print("a run without a sync seems whole"); sys.exit(1)
    faults = []

    restore(folder + "/base")
    whole = traced()
    assert whole.returncode == 0, whole
    left = Disk().read().dirty
    if [p for p in left if os.path.isfile(p) and "/blobs/" in p or "/layers/" in p or p.endswith("index.json")]:
        faults.append(f"written and never synced: {sorted(left)[:3]}")
    subprocess.run(["cp", "-a", lib, f"{folder}/whole-lib"], check=True)
    os.makedirs(folder + "/whole"); os.rename(folder + "/whole-lib", folder + "/whole/lib")

    KINDS = [("rename,renameat,renameat2", None), (SYNCS, None), ("mkdir,mkdirat", None), ("symlink,symlinkat", None),
             ("unlink,unlinkat,rmdir", None), (WRITES, [1, 2, 3, 5, 8, 13, 21, 34])]
    for kind, counts in KINDS:
        for number in counts or range(1, 200):
            restore(folder + "/base")
            done = traced("-e", f"inject={kind}:signal=SIGKILL:when={number}")
            if done.returncode == 0: break
            if done.returncode not in (-9, 137):
                faults.append(f"{kind.split(',')[0]} {number}: {done.returncode} {done.stderr.strip()}"); break
            kills += 1
            what = f"{kind.split(',')[0]} {number}"
            if kills % 3: Disk().read().lose(names_too=kills % 3 == 2)
            check(what + ", after it")
            again = call(*command)
            if again.returncode: faults.append(f"{what}: again: {again.stderr.strip()}")
            check(what + ", again")
            if left := leftovers(): faults.append(f"{what}: left over: {left}")
    for fault in faults: print(fault)
    print(f"{kills} kills, {len(faults)} faults")
    """#
}
