import Testing

private let obstacle = GuestRuntime.obstacle ?? Guest.systemdObstacle

/// The systemd driver where systemd is the first process: what it knows of a container, that it is told of every change, and
/// that it forgets the container when it ends.
@Suite(.enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? ""))) struct SystemdDriverTests {
  @Test func aLifeInAScope() throws {
    let guest = try GuestRuntime(Self.script, options: ["-s"])
    guest.expect("init", "systemd (0)")
    guest.expect("created", "(0)")
    guest.expect(
      "scope",
      "ActiveState=active AllowedCPUs=0 CPUQuotaPerSecUSec=500ms CPUWeight=59 CollectMode=inactive-or-failed "
        + "Delegate=yes Description=container box DevicePolicy=strict MemoryHigh=50331648 MemoryLow=16777216 "
        + "MemoryMax=67108864 MemorySwapMax=0 Slice=system.slice TasksMax=50 TimeoutStopUSec=7s (0)")
    guest.expect("files", "67108864 50331648 50000 100000 59 50 0 (0)")
    guest.expect("started", "\"running\"")
    guest.expect("members", "2 (0)")
    guest.expect("exec", "0::/ (0)")
    guest.expect("device", "Operation not permitted")
    // systemd writes its own view of a unit again when it is reloaded.
    guest.expect(
      "told",
      "CPUQuotaPerSecUSec=100ms CPUWeight=174 MemoryHigh=50331648 MemoryMax=33554432 MemorySwapMax=16777216 "
        + "TasksMax=20 (0)")
    guest.expect("reloaded", "33554432 16777216 10000 100000 174 20 (0)")
    guest.expect("refused", "4000 is not within what this host", "(1)")
    guest.expect("still", "AllowedCPUs=0 MemoryMax=33554432 0 (0)")
    guest.expect("unified", "MemoryHigh=20971520 TasksMax=infinity (0)")
    guest.expect("paused", "\"paused\" \"status\": \"running\"")
    guest.expect("taken", "container with given ID already exists: box", "(1)")
    guest.expect("deleted", "0 0 0 (0)")
    guest.expect(
      "slice", "ControlGroup=/machine.slice/machine-one.slice/skiff-box.scope Slice=machine-one.slice 0 0 0 (0)")
    guest.expect("nameless", "ControlGroup=/system.slice/runc-box.scope Slice=system.slice 0 0 0 (0)")
    guest.expect("run", "0::/ code 3 0 0 0 (0)")
    guest.expect("stale", "ActiveState=failed ActiveState=active 0 0 0 (0)")
    guest.expect("others", "was already loaded", "0 ActiveState=active (0)")
    guest.expect("stubborn", "soon 0 0 0 (0)")
    guest.expect("program", "executable file not found in $PATH", "0 0 0 (0)")
    guest.expect("no-cpu", "0,4000 is not within what this host", "0 0 0 (0)")
    guest.expect("action", "SuccessAction", "not for a configuration to set", "0 0 0 (0)")
    guest.expect("name-path", "has the form slice:prefix:name", "0 0 0 (0)")
    guest.expect("name-letters", "is no name of a unit", "0 0 0 (0)")
    guest.expect("bus", "20 (0)")
    guest.expect("bus-stop", "(0)")
    guest.expect("end", "0 0 0 (0)")
  }

  private static let script = #"""
    runtime() { $place/skiff-runtime --systemd-cgroup --root $place/oci "$@" </dev/null; }
    show() { systemctl show "$@" | sort | tr '\n' ' '; }
    known() { echo "$(systemctl list-units --all --plain --no-legend '*box*' | wc -l) $(left)"; }
    settle() { for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(systemctl is-active "$1")" != active ] && break; sleep 0.3; done; }
    ask init cat /proc/1/comm

    group=system.slice:skiff:box scope=skiff-box.scope top=/sys/fs/cgroup/system.slice/skiff-box.scope
    annotations='"org.systemd.property.TimeoutStopUSec": "uint64 7000000", "org.systemd.property.CollectMode": "'"'inactive-or-failed'"'"'
    resources='"memory": {"limit": 67108864, "swap": 67108864, "reservation": 16777216}, "pids": {"limit": 50},
      "cpu": {"quota": 50000, "period": 100000, "shares": 512, "cpus": "0"},
      "unified": {"memory.high": "50331648"}, "devices": ['"$deny"']'
    ask created make 'sleep 1000 & exec sleep 1000'
    ask scope show $scope -p ActiveState -p Slice -p Delegate -p MemoryMax -p MemoryLow -p MemoryHigh -p MemorySwapMax -p CPUQuotaPerSecUSec -p CPUWeight -p AllowedCPUs -p TasksMax -p TimeoutStopUSec -p CollectMode -p DevicePolicy -p Description
    ask files files $top memory.max memory.high cpu.max cpu.weight pids.max cpuset.cpus
    ask started eval "runtime start box; status"
    ask members eval 'sleep 1; runtime exec box sleep 0; wc -l <$top/cgroup.procs'
    ask exec runtime exec box cat /proc/self/cgroup
    ask device runtime exec box sh -c 'mknod /fuse c 10 229; : </fuse'
    ask update runtime update --memory 32m --memory-swap 48m --cpu-quota 10000 --cpu-share 2048 --pids-limit 20 box
    ask told show $scope -p MemoryMax -p MemorySwapMax -p CPUQuotaPerSecUSec -p CPUWeight -p TasksMax -p MemoryHigh
    ask reloaded eval 'systemctl daemon-reload; files $top memory.max memory.swap.max cpu.max cpu.weight pids.max'
    ask refused runtime update --cpuset-cpus 4000 box
    ask still eval 'show $scope -p AllowedCPUs -p MemoryMax; files $top cpuset.cpus'
    ask unified eval 'echo "{\"unified\": {\"memory.high\": \"20971520\", \"pids.max\": \"max\"}}" >$place/change; runtime update -r $place/change box; show $scope -p MemoryHigh -p TasksMax'
    ask paused eval 'runtime pause box; status; runtime resume box; status'
    ask taken runtime create -b $place/bundle box
    ask deleted eval 'runtime kill box KILL; settle $scope; runtime delete box; known'

    # A slice of its own below another, and no name at all.
    reset; group=machine-one.slice:skiff:box
    make 'exec sleep 1000' && runtime start box
    ask slice eval 'show skiff-box.scope -p Slice -p ControlGroup; runtime delete --force box; known'
    group=; make 'exec sleep 1000'
    ask nameless eval 'show runc-box.scope -p Slice -p ControlGroup; runtime delete --force box; known'
    ask run eval 'bundle "cat /proc/self/cgroup; exit 3"; runtime run -b $place/bundle box; echo "code $?"; known'

    # One that failed and was left behind keeps its name until it is reset.
    group=system.slice:skiff:box
    systemd-run -q --scope --unit skiff-box.scope -p RuntimeMaxSec=1 sleep 100 2>/dev/null
    ask stale eval 'show skiff-box.scope -p ActiveState; make "exec sleep 1000"; show skiff-box.scope -p ActiveState; runtime delete --force box; known'
    # One that lives does not: it is somebody's.
    systemd-run -q --scope --unit skiff-box.scope sleep 100 2>/dev/null & sleep 1
    ask others eval 'make true; ls $place/oci | wc -l; show skiff-box.scope -p ActiveState'
    systemctl stop skiff-box.scope; wait

    # Everyone who is left is killed at once, not asked for 90 seconds.
    namespaces=', {"type": "cgroup"}'
    make 'trap : TERM; (trap : TERM; sleep 1000; sleep 1000) & trap : TERM; sleep 1000; sleep 1000' && runtime start box; sleep 1
    ask stubborn eval 'begin=$(cut -d. -f1 /proc/uptime); runtime delete --force box; end=$(cut -d. -f1 /proc/uptime); [ $((end - begin)) -lt 10 ] && echo soon; known'

    # What fails leaves no unit.
    reset; group=system.slice:skiff:box
    bundle true; sed -i 's/"args": \["sh"/"args": ["no-such-program"/' $place/bundle/config.json
    ask program eval 'runtime create -b $place/bundle box; known'
    resources='"cpu": {"cpus": "0,4000"}'
    ask no-cpu eval 'make true; known'
    resources=; annotations='"org.systemd.property.SuccessAction": "'"'poweroff'"'"'
    ask action eval 'make true; known'
    reset; group=/system.slice/box; ask name-path eval 'make true; known'
    group='system.slice:skiff:../box'; ask name-letters eval 'make true; known'

    # The bus, as those use it who may not speak to systemd itself.
    group=system.slice:skiff:box resources='"pids": {"limit": 50}'
    mv /run/systemd/private /run/systemd/kept
    ask bus eval 'make "exec sleep 1000"; runtime start box; runtime update --pids-limit 20 box; cat $top/pids.max'
    ask bus-stop eval 'runtime delete --force box'
    mv /run/systemd/kept /run/systemd/private

    ask end known
    """#
}
