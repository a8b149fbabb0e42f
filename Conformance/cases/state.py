"""--root: state that is damaged, and state that somebody else may have written."""
import os
import socket

from harness import case, equal, has

USER = 65534


def spoil(box, kind):
    """A container in whose place something else than a state was put."""
    directory = os.path.join(box.state_root, box.id)
    os.makedirs(directory, mode=0o700)
    path = os.path.join(directory, "status" if box.runtime.kind == "crun" else "state.json")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(path)
    elif kind == "device":
        os.mknod(path, 0o20666, os.makedev(1, 5))
    elif kind == "link":
        os.symlink("/dev/zero", path)
    elif kind == "huge":
        with open(path, "w") as file:
            file.truncate(1 << 40)


@case("runc(8)", "Set the root directory to store containers' state.", each=["fifo", "directory", "socket", "device", "link", "huge"],
      differs={"runc": "1.1 opens and reads what is there", "crun": "1.8 opens and reads what is there"})
def what_is_no_file(box, kind):
    """Neither waited for nor read to its end; and it can be deleted."""
    spoil(box, kind)
    for words in (["state", box.id], ["start", box.id], ["kill", box.id], ["exec", box.id, "true"], ["delete", box.id]):
        box.fails(*words, seconds=10)
    equal(box.must("list", "--quiet", seconds=10).out.split(), [])
    box.must("delete", "--force", box.id, seconds=10)
    equal(os.listdir(box.state_root), [])


def place(box, name):
    return box.state_root if name == "root" else os.path.join(box.state_root, box.id)


@case("runc(8)", "Set the root directory to store containers' state.", each=["root", "container"],
      differs={"runc": "does not look", "crun": "does not look"})
def of_another_user(box, name):
    """Root does not carry out what somebody else may have written: which process to kill, which directories to remove."""
    box.up()
    pid = box.pid()
    os.chown(place(box, name), USER, USER)
    for words in (["state"], ["kill"], ["exec"], ["delete", "--force"]):
        error = box.fails(*words, box.id, *(["true"] if words == ["exec"] else [])).err
        has(error, place(box, name))
        has(error, f"belongs to user {USER}")
    assert os.path.exists(f"/proc/{pid}"), "it was killed all the same"
    if name == "root":
        box.fails("create", box.id + "-new")
    os.chown(place(box, name), 0, 0)
    equal(box.status(), "running")


@case("runc(8)", "Set the root directory to store containers' state.", each=["root", "container"],
      differs={"runc": "does not look", "crun": "does not look"})
def that_others_may_write(box, name):
    box.up()
    os.chmod(place(box, name), 0o777)
    has(box.fails("delete", "--force", box.id).err, f"chmod go-w {place(box, name)}")
    os.chmod(place(box, name), 0o700)
    equal(box.status(), "running")


@case("runc(8)", "Set the root directory to store containers' state.")
def in_a_shared_directory(box):
    """The sticky bit keeps others off what is not theirs, as in /tmp."""
    os.makedirs(box.state_root)
    os.chmod(box.state_root, 0o1777)
    equal(box.run("echo fine"), "fine\n")
