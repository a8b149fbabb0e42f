import Testing

/// An ordinary user's limits, where control groups are v2 alone: in a group that root gave away with chown, and in the scopes
/// of the user's own systemd.
@Suite(.serialized, .enabled(if: GuestRuntime.obstacle == nil, Comment(rawValue: GuestRuntime.obstacle ?? "")))
struct RootlessGroupsTests {
  @Test func aGroupThatWasGivenAway() throws {
    let guest = try GuestRuntime(Self.user + Self.givenAway)
    guest.expect("refused", "a limit takes a control group of the container's own", "was handed to this user", "(125)")
    guest.expect("refused", "hint: sudo sh -c 'cd /sys/fs/cgroup; ", "chown guest .", "shell/cgroup.procs'")
    guest.expect("pause-refused", "to pause a container takes a control group", "(1)")
    guest.expect("without", "ran (0)")
    guest.expect("doctor", "warning", "no control group was handed to this user", "sudo sh -c 'cd /sys/fs/cgroup")
    // The command was in the group itself, which hands nothing down as long as anybody is.
    guest.expect("first", "0 1 33554432 (0)")
    guest.expect("told", "without cpuset, io, the group that this is in", "sudo sh -c 'echo +cpu +cpuset +io ")
    guest.expect("limits", "33554432 0 50000 100000 20 (0)")
    guest.expect("exec", "0::/ 3 (0)")
    guest.expect("stats", "/ 32MiB", "(0)")
    guest.expect("paused", "(Paused) frozen 1 frozen 0 (0)")
    guest.expect("updated", "50331648 10 (0)")
    guest.expect("cpuset", "cpuset, which was not delegated to this user", "(1)")
    guest.expect("outside", "outside of the control groups that were handed to this user", "(1)")
    guest.expect("killed", "memory limit of 16 MiB", "true", "peak (0)")
    guest.expect("healed", "137 0 (0)")
    guest.expect("left", "0 (0)")
  }

  @Test(.enabled(if: Guest.systemdObstacle == nil, Comment(rawValue: Guest.systemdObstacle ?? "")))
  func theUsersOwnSystemd() throws {
    let guest = try GuestRuntime(
      Self.user + "ask refused quick -m 32m --rootfs $place/root true\n" + UserSystemdDriverTests.manager + "\n"
        + Self.systemd, options: ["-s"])
    guest.expect("refused", "no systemd of this user's answers", "sudo loginctl enable-linger guest", "(125)")
    guest.expect("doctor", "without cpuset, io, by this user's systemd", "Delegate=cpu cpuset io memory pids")
    guest.expect("limits", "33554432 0 50000 100000 20 (0)")
    guest.expect(
      "scope",
      "ActiveState=active Delegate=yes Description=skiff container box Slice=user.slice TasksMax=infinity (0)")
    guest.expect("exec", "0::/ 3 (0)")
    guest.expect("stats", "/ 32MiB", "(0)")
    guest.expect("paused", "(Paused) frozen 1 frozen 0 (0)")
    guest.expect("reloaded", "50331648 10 (0)")
    guest.expect("cpuset", "cpuset, which was not delegated to this user", "Delegate=cpu cpuset memory pids", "(125)")
    guest.expect("restarted", "50331648 0::/ (0)")
    guest.expect("again", "1 3 (0)")
    guest.expect("killed", "memory limit of 16 MiB", "true", "peak (0)")
    guest.expect("nested", "16777216 (0)")
    guest.expect("bare", "16777216 (0)")
    guest.expect("healed", "137 0 (0)")
    guest.expect("left", "0 (0)")
  }

  /// `skiff` is the program as the user calls it; `quick` a container of it that is gone afterwards.
  private static let user = #"""
    grep -q ^guest: /etc/passwd || { echo 'guest:x:1000:1000::/home/guest:/bin/sh' >>/etc/passwd; echo 'guest:x:1000:' >>/etc/group; }
    mkdir -p /home/guest $place/root/proc $place/root/dev $place/root/sys $place/root/etc; chown -R 1000:1000 /home/guest $place
    as() { su -s /bin/sh -c 'exec "$0" "$@"' -- guest env HOME=/home/guest $session "$@"; }
    skiff() { as "$skiff" "$@" </dev/null; }
    quick() { skiff run --rm --network none "$@"; }
    limits="-m 32m --memory-swap 32m --cpus 0.5 --pids-limit 20"
    box() { skiff run -d --name box --network none $limits --rootfs $place/root sleep 1000 >$place/id; id=$(cat $place/id); }
    delegated() { skiff doctor | grep -A 1 'delegated groups'; }
    killed() {
      skiff run --name big --network none -m 16m --memory-swap 16m --rootfs $place/root tail /dev/zero >/dev/null 2>&1
      skiff why big | grep -o 'memory limit of 16 MiB'; skiff inspect --format '{{.State.OOMKilled}}' big
      skiff why big | grep -q 'the most memory that it had: ' && echo peak; skiff rm big >/dev/null
    }
    own() { find /sys/fs/cgroup -type d -path "*/skiff/$id"; }
    frozen() { grep frozen $(own)/cgroup.events; }
    paused() { skiff pause box >/dev/null; skiff ps --format '{{.Status}}' | grep -o '(Paused)'; frozen; skiff unpause box >/dev/null; frozen; }
    healed() {
      for process in /proc/[0-9]*; do
        case $(tr '\0' ' ' <$process/cmdline 2>/dev/null) in skiff-monitor*) kill -9 ${process#/proc/} ;; esac
      done
      skiff ps -a >/dev/null; skiff inspect --format '{{.State.ExitCode}}' box; own | wc -l
    }

    """#

  private static let givenAway = #"""
    ask refused quick -m 32m --rootfs $place/root true
    ask pause-refused eval 'skiff run -d --name none --network none --rootfs $place/root sleep 1000 >/dev/null; skiff pause none'
    skiff rm -f none >/dev/null
    ask without quick --rootfs $place/root sh -c 'echo ran'
    ask doctor delegated

    # As the line of the hint does it, but for the first command in the group itself.
    handed=/sys/fs/cgroup/handed
    echo +cpu +memory +pids >/sys/fs/cgroup/cgroup.subtree_control
    mkdir $handed && chown 1000:1000 $handed $handed/cgroup.procs $handed/cgroup.subtree_control
    outside() { as "$@"; }
    as() { sh -c 'echo $$ >$0/cgroup.procs && exec "$@"' $handed$shell su -s /bin/sh -c 'exec "$0" "$@"' -- guest env HOME=/home/guest "$@"; }
    box
    # Those of root's are not counted: the supervisor alone.
    ask first eval 'cat $handed/cgroup.procs | wc -l; cat $handed/skiff-leaf/cgroup.procs | wc -l; files $(own) memory.max'
    mkdir $handed/shell; shell=/shell
    skiff rm -f box >/dev/null
    ask told delegated
    box
    ask limits eval 'files $(own) memory.max memory.swap.max cpu.max pids.max'
    ask exec eval 'skiff exec box cat /proc/self/cgroup; skiff exec -d box sleep 1000; wc -l <$(own)/cgroup.procs'
    ask stats skiff stats --no-stream --format '{{.MemUsage}}' box
    ask paused paused
    ask updated eval 'skiff update -m 48m --memory-swap 48m --pids-limit 10 box >/dev/null && files $(own) memory.max pids.max'
    ask cpuset skiff update --cpuset-cpus 0 box
    ask outside eval 'su -s /bin/sh -c "$skiff exec box true" -- guest'
    ask killed killed
    ask healed healed
    skiff rm -f box >/dev/null
    ask left eval 'find $handed/skiff -mindepth 1 -type d | wc -l'
    """#

  private static let systemd = #"""
    session=XDG_RUNTIME_DIR=/run/user/1000
    user() { as systemctl --user "$@"; }
    ask doctor delegated
    box
    ask limits eval 'files $(own) memory.max memory.swap.max cpu.max pids.max'
    ask scope eval 'user show skiff-$id.scope -p ActiveState -p Slice -p Delegate -p TasksMax -p Description | sort'
    ask exec eval 'skiff exec box cat /proc/self/cgroup; skiff exec -d box sleep 1000; wc -l <$(own)/cgroup.procs'
    ask stats skiff stats --no-stream --format '{{.MemUsage}}' box
    ask paused paused
    ask reloaded eval 'skiff update -m 48m --memory-swap 48m --pids-limit 10 box >/dev/null && user daemon-reload && files $(own) memory.max pids.max'
    ask cpuset quick --cpuset-cpus 0 --rootfs $place/root true
    ask restarted eval 'skiff restart -t 0 box >/dev/null && files $(own) memory.max && skiff exec box cat /proc/self/cgroup'
    # Its supervisor is in the scope already when it starts it again.
    again() {
      skiff run --name again --restart on-failure:1 --network none -m 16m --rootfs $place/root sh -c 'exit 3' >/dev/null 2>&1
      skiff wait again >/dev/null; skiff inspect --format '{{.RestartCount}} {{.State.ExitCode}}' again; skiff rm -f again >/dev/null
    }
    ask again again
    ask killed killed
    ask nested eval 'as systemd-run --user --scope -q -p Delegate=yes $skiff run --rm --network none -m 16m --rootfs $place/root cat /sys/fs/cgroup/memory.max </dev/null'
    ask bare eval 'session=; quick -m 16m --rootfs $place/root cat /sys/fs/cgroup/memory.max'
    ask healed healed
    skiff rm -f box >/dev/null
    # systemd removes an empty scope when it hears of it.
    gone() { for i in $(seq 50); do [ $(find /sys/fs/cgroup -name 'skiff-*.scope' | wc -l) = 0 ] && break; sleep 0.2; done; find /sys/fs/cgroup -name 'skiff-*.scope' | wc -l; }
    ask left gone
    """#
}
