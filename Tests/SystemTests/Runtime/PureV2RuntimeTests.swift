import Testing

/// The OCI runtime where control groups are v2 alone and the kernel is a distribution's: a container's life, its limits, and
/// what it may do with its own group.
@Suite(.enabled(if: GuestRuntime.obstacle == nil, Comment(rawValue: GuestRuntime.obstacle ?? "")))
struct PureV2RuntimeTests {
  @Test func aLifeInItsGroup() throws {
    let guest = try GuestRuntime(Self.script)
    guest.expect("waiting", "\"created\"")
    guest.expect("limits", "67108864 0 16777216 50331648 50000 100000 59 0 50 7:0 rbps=1048576 wbps=max", "4194304 (0)")
    guest.expect("exec", "0::/ (0)")
    guest.expect("inside", "67108864 (0)")
    guest.expect("readonly", "Read-only file system")
    guest.expect("mount", "cgroup2 ro,nosuid,nodev,noexec")
    guest.expect("ps", "2 (0)")
    guest.expect("frozen", "\"paused\" frozen 1")
    guest.expect("refused", "cannot exec in a paused container", "(255)")
    guest.expect("thawed", "\"running\" frozen 0")
    guest.expect("late", "late (0)")
    guest.expect("updated", "33554432 16777216 10000 100000 174 20 (0)")
    guest.expect("unlimited", "max max max 100000 max (0)")
    guest.expect("stats", "\"type\":\"stats\"", "\"pids\":{\"current\":2}", "\"throttling\":{\"periods\":", "\"anon\":")
    guest.expect("small", "memory limit 1024 is below the", "(1)")
    guest.expect("killed", "\"stopped\"")
    guest.expect("deleted", "(0)")
    guest.expect("left", "0 0 (0)")
    guest.expect("host", "0::/guest/box (0)")
    guest.expect("own", "guest/box (0)")
    guest.expect("paused-delete", "0 0 (0)")
    // No process may be where its groups below have controllers: exec goes where the first process is.
    guest.expect("nested", "pids (0)")
    guest.expect("beside", "0::/a (0)")
    guest.expect("there", "0::/a/b (0)")
    guest.expect("nested-paused", "\"running\"")
    guest.expect("nested-deleted", "0 0 (0)")
    guest.expect("oom", "(137)")
    guest.expect("oom-left", "0 0 (0)")
    guest.expect("oom-events", "\"type\":\"oom\" oom_kill 1 (0)")
    guest.expect("denied", "zero", "Operation not permitted")
    guest.expect("allowed", "zero (0)")
    guest.expect("unwritable", "Operation not permitted")
    guest.expect("crowd", "3 \"status\": \"stopped\" 0 0 0 (0)")
    guest.expect("unknown", "no.such", "(1)")
    guest.expect("escape", "is no name of a file of a control group", "(1)")
    guest.expect("no-cpu", "4000 is not within what this host", "(1)")
    guest.expect("v1-only", "exists in cgroup v1 only", "(1)")
    guest.expect("dots", "leads upwards", "0 0 (0)")
    guest.expect("end", "0 0 (0)")
  }

  private static let script = #"""
    group=/guest/box top=/sys/fs/cgroup/guest/box
    resources='"memory": {"limit": 67108864, "swap": 67108864, "reservation": 16777216}, "pids": {"limit": 50},
      "cpu": {"quota": 50000, "period": 100000, "shares": 512, "cpus": "0"}, "unified": {"memory.high": "50331648"},
      "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
      "blockIO": {"throttleReadBpsDevice": [{"major": 7, "minor": 0, "rate": 1048576}]}, "devices": ['"$deny"']'
    ask created make 'sleep 1000 & exec sleep 1000'
    ask waiting status
    ask limits files $top memory.max memory.swap.max memory.low memory.high cpu.max cpu.weight cpuset.cpus pids.max io.max hugetlb.2MB.max
    ask started runtime start box
    ask exec runtime exec box cat /proc/self/cgroup
    ask inside runtime exec box cat /sys/fs/cgroup/memory.max
    ask readonly runtime exec box sh -c 'echo 1 >/sys/fs/cgroup/pids.max'
    ask mount runtime exec box grep cgroup /proc/mounts
    ask ps eval 'runtime ps -f json box | tr , "\n" | wc -l'
    ask paused runtime pause box
    ask frozen eval 'status; grep frozen $top/cgroup.events'
    ask refused runtime exec box true
    runtime exec --ignore-paused box sh -c 'echo late' >$place/late 2>&1 &
    ask resumed runtime resume box
    ask thawed eval 'status; grep frozen $top/cgroup.events'
    wait; ask late cat $place/late
    ask update runtime update --memory 32m --memory-swap 48m --cpu-quota 10000 --cpu-share 2048 --pids-limit 20 box
    ask updated files $top memory.max memory.swap.max cpu.max cpu.weight pids.max
    ask unlimited eval 'runtime update --memory -1 --cpu-quota -1 --pids-limit -1 box && files $top memory.max memory.swap.max cpu.max pids.max'
    ask stats runtime events --stats box
    echo '{"memory": {"limit": 1024, "checkBeforeUpdate": true}}' >$place/change
    ask small runtime update -r $place/change box
    ask killed eval 'runtime kill box KILL; for i in 1 2 3 4 5 6 7 8 9; do status | grep -q stopped && break; sleep 0.2; done; status'
    ask deleted runtime delete box
    ask left left

    # What has no name space of its own sees where it is, and of the hierarchy only its own group.
    namespaces=', {"type": "pid"}' resources=
    make 'exec sleep 1000' && runtime start box
    ask host runtime exec box cat /proc/self/cgroup
    ask own runtime exec box sh -c 'cd /sys/fs/cgroup; grep -c . cgroup.procs; ls -d guest/box'
    ask paused-delete eval 'runtime pause box; runtime delete --force box; left'

    # Groups of its own: exec comes to the first process where the top may hold none any more.
    reset; access=rw group=/guest/box
    ask nested eval "make 'cd /sys/fs/cgroup; mkdir -p a/b; echo 0 >a/cgroup.procs; echo +pids >cgroup.subtree_control; exec sleep 1000' && runtime start box; sleep 1; cat $top/cgroup.subtree_control"
    ask beside runtime exec box cat /proc/self/cgroup
    ask there runtime exec --cgroup /a/b box cat /proc/self/cgroup
    ask nested-paused eval 'runtime pause box; runtime resume box; status'
    ask nested-deleted eval 'runtime delete --force box; left'

    # Out of memory: the group says so until it is deleted.
    reset; group=/guest/box resources='"memory": {"limit": 16777216, "swap": 16777216}'
    bundle 'sleep 1; tail /dev/zero'
    ask oom runtime run -b $place/bundle box
    ask oom-left left
    bundle 'sleep 3; tail /dev/zero; sleep 1'
    runtime run -d -b $place/bundle box >/dev/null 2>&1
    (timeout 20 $place/skiff-runtime --root $place/oci events --interval 1s box >$place/events 2>&1)
    ask oom-events eval 'grep -o "\"type\":\"oom\"" $place/events | head -n 1; grep "oom_kill " $top/memory.events'
    runtime delete --force box

    # The program on the group: what no rule allows is refused, and the default devices work.
    tun='mknod /t c 10 229; (: </t); e=$?; head -c 1 /dev/zero >/dev/null && echo zero; exit $e'
    reset; resources='"devices": ['"$deny"']'; bundle "rm -f /t; $tun"
    ask denied runtime run -b $place/bundle box
    resources='"devices": ['"$deny"', {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]'; bundle "rm -f /t; $tun"
    ask allowed runtime run -b $place/bundle box
    resources='"devices": ['"$deny"', {"allow": true, "type": "c", "access": "rm"}]'; bundle 'rm -f /t; mknod /t c 10 229; echo x >/t'
    ask unwritable runtime run -b $place/bundle box

    # Without a pid name space everyone has to be killed by the group.
    namespaces= resources= group=/guest/box
    make 'sleep 1000 & sleep 1000 & exec sleep 1000' && runtime start box; sleep 1
    ask crowd eval 'wc -l <$top/cgroup.procs; runtime kill --all box KILL; sleep 1; status; wc -l <$top/cgroup.procs; runtime delete box; left'

    # What fails leaves nothing.
    reset; group=/guest/box resources='"unified": {"no.such": "1"}'
    ask unknown make true
    resources='"unified": {"../escape": "1"}'
    ask escape make true
    resources='"cpu": {"cpus": "4000"}'
    ask no-cpu make true
    resources='"network": {"classID": 1}'
    ask v1-only make true
    group=/guest/../../box resources=
    ask dots eval 'make true; left; runtime delete --force box'
    ask end left
    """#
}
