"""linux.sysctl: what belongs to a namespace is set there, the rest is refused."""
import os

from harness import case, equal, has

SET = {"net.ipv4.ip_forward": "1", "net.ipv4.ping_group_range": "0\t100", "net.core.somaxconn": "256", "net.ipv4.ip_unprivileged_port_start": "80",
       "net/ipv4/conf/lo/forwarding": "1", "kernel.shmmax": "1000000", "kernel.msgmax": "4096", "kernel.sem": "100\t200\t30\t40",
       "kernel.shm_rmid_forced": "1", "fs.mqueue.msg_max": "20", "kernel.domainname": "conform.example"}


@case("config-linux.md", "`sysctl` (object, OPTIONAL) allows kernel parameters to be modified at runtime for the container.", each=list(SET))
def is_set(box, name):
    box.linux["sysctl"] = {name: SET[name].replace("\t", " ")}
    path = name if "/" in name else name.replace(".", "/")
    equal(box.run(f"cat /proc/sys/{path}").strip(), SET[name])


@case("config-linux.md", "`sysctl` (object, OPTIONAL) allows kernel parameters to be modified at runtime for the container.")
def leaves_the_hosts(box):
    with open("/proc/sys/net/ipv4/ip_forward") as file:
        before = file.read()
    box.linux["sysctl"] = {"net.ipv4.ip_forward": "0" if before.strip() == "1" else "1"}
    box.run("true")
    with open("/proc/sys/net/ipv4/ip_forward") as file:
        equal(file.read(), before)


@case("CVE-2022-0811", "a sysctl that belongs to no namespace of the container is the host's, and refused",
      each=["kernel.core_pattern", "kernel.panic", "vm.swappiness", "fs.file-max", "kernel.modprobe", "kernel.sysrq", "kernel.pid_max", "dev.cdrom.info"])
def of_the_host(box, name):
    path = "/proc/sys/" + name.replace(".", "/")
    before = open(path).read() if os.path.exists(path) else None
    box.linux["sysctl"] = {name: "7"}
    box.refused("sysctl", name)
    equal(open(path).read() if os.path.exists(path) else None, before)


@case("CVE-2022-4318", "names that are none, values that carry another one", each={
    "climbing": ("net/../kernel/panic", "7"), "absolute": ("/proc/sys/kernel/panic", "7"), "plus": ("kernel.shm_rmid_forced=1+kernel.core_pattern", "x"),
    "newline": ("net.ipv4.ip_forward\nkernel.panic", "7"), "empty": ("", "7"), "unknown": ("net.no.such", "7"), "space": ("net.ipv4. ip_forward", "1")})
def name_refused(box, entry):
    before = open("/proc/sys/kernel/panic").read()
    box.linux["sysctl"] = {entry[0]: entry[1]}
    box.write()
    box.fails("run", box.id)
    box.nothing_left()
    equal(open("/proc/sys/kernel/panic").read(), before)


@case("CVE-2022-0811", "a sysctl of a namespace that the container shares with the host is the host's",
      each={"network": "net.ipv4.ip_forward", "ipc": "kernel.shmmax", "ipc queues": "fs.mqueue.msg_max", "uts": "kernel.domainname"})
def of_a_shared_namespace(box, name):
    path = "/proc/sys/" + name.replace(".", "/")
    before = open(path).read()
    kind = {"net": "network", "fs.": "ipc"}.get(name[:3], "uts" if "domain" in name else "ipc")
    box.namespace(kind, False)
    if kind == "uts":
        del box.config["hostname"]
    if kind == "network":
        box.config["mounts"] = [mount for mount in box.config["mounts"] if mount["destination"] != "/sys"]
    box.linux["sysctl"] = {name: "1"}
    box.refused("sysctl", "namespace")
    equal(open(path).read(), before)


@case("runtime.md", "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a new container MUST NOT be created.")
def value_refused(box):
    box.linux["sysctl"] = {"net.ipv4.ip_forward": "many"}
    box.write()
    has(box.fails("run", box.id).err.lower(), "ip_forward")
    box.nothing_left()
