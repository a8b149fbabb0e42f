import Testing

private let obstacle = GuestRuntime.obstacle ?? Guest.systemdObstacle

/// The systemd driver for an ordinary user: the user's own manager makes the scope, on the bus of the user, with the
/// controllers that were delegated to it (Debian: cpu, memory and pids).
@Suite(.enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? ""))) struct UserSystemdDriverTests {
  @Test func aLifeInAScopeOfTheUser() throws {
    let guest = try GuestRuntime(Self.manager + "\n" + Self.script, options: ["-s"])
    guest.expect("manager", "/user.slice/user-1000.slice/user@1000.service cpu memory pids (0)")
    // As podman calls a runtime for an ordinary user: root of a user namespace, whose uid 0 is 1000 to the bus.
    guest.expect("namespace", "0::/ MemoryMax=33554432 33554432 0 0 0 (0)")

    guest.expect("created", "(0)")
    guest.expect(
      "scope",
      "ActiveState=active CPUQuotaPerSecUSec=500ms CPUWeight=59 "
        + "ControlGroup=/user.slice/user-1000.slice/user@1000.service/user.slice/skiff-box.scope Delegate=yes "
        + "Description=container box MemoryHigh=50331648 MemoryLow=16777216 MemoryMax=67108864 MemorySwapMax=0 "
        + "Slice=user.slice TasksMax=50 (0)")
    guest.expect("files", "67108864 50331648 50000 100000 59 50 (0)")
    guest.expect("system", "inactive")
    guest.expect("started", "\"running\"")
    // The caller is in a group of root's, out of which only systemd may move the new process.
    guest.expect("exec", "0::/ 2 (0)")
    guest.expect("exec-below", "0::/below (0)")
    guest.expect("exec-nowhere", "skiff-box.scope/nowhere", "no such file", "(255)")
    // Groups of its own below, with controllers: where its first process is, another one may be.
    guest.expect("exec-leader", "0::/below (0)")
    guest.expect("exec-inside", "0::/ (0)")
    guest.expect(
      "told",
      "CPUQuotaPerSecUSec=100ms CPUWeight=174 MemoryHigh=50331648 MemoryMax=33554432 MemorySwapMax=16777216 "
        + "TasksMax=20 (0)")
    guest.expect("reloaded", "33554432 16777216 10000 100000 174 20 (0)")
    guest.expect("undelegated", "needs the cgroup controller cpuset, which was not delegated to this user", "(1)")
    guest.expect("undelegated", "hint:", "Delegate=cpu cpuset memory pids")
    guest.expect("still", "AllowedCPUs= MemoryMax=33554432 (0)")
    guest.expect("paused", "\"paused\" frozen 1 \"status\": \"running\"")
    guest.expect("deleted", "0 0 0 (0)")
    guest.expect("forced", "0 0 0 (0)")
    guest.expect("run", "0::/ code 3 0 0 0 (0)")
    guest.expect("program", "executable file not found in $PATH", "0 0 0 (0)")
    guest.expect("no-cpuset", "needs the cgroup controller cpuset, which was not delegated to this user", "0 0 0 (0)")
    guest.expect("no-io", "the setting io.weight needs the cgroup controller io", "0 0 0 (0)")

    // The manager ends with the last session: what it managed has ended too.
    guest.expect("gone", "0 0 (0)")
    guest.expect("refused", "cannot ask this user's own systemd", "connection refused", "loginctl enable-linger", "(1)")
    guest.expect("no-bus", "cannot ask this user's own systemd", "no such file", "loginctl enable-linger", "(1)")
    guest.expect("no-session", "XDG_RUNTIME_DIR are not set", "loginctl enable-linger", "(1)")
    guest.expect("end", "0 0 (0)")
  }

  /// A user's manager as user@.service starts it, but without PAM, and a directory for it, which logind makes elsewhere; a bus
  /// of the user's as dbus-user-session has it.
  static let manager = #"""
    mkdir -p /etc/systemd/user/sockets.target.wants /etc/systemd/system/user@.service.d
    cat >/etc/systemd/user/dbus.socket <<'UNIT'
    [Socket]
    ListenStream=%t/bus
    UNIT
    cat >/etc/systemd/user/dbus.service <<'UNIT'
    [Unit]
    Requires=dbus.socket
    [Service]
    Type=notify
    ExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation
    UNIT
    ln -s ../dbus.socket /etc/systemd/user/sockets.target.wants/dbus.socket
    cat >/etc/systemd/system/user-runtime-dir@.service <<'UNIT'
    [Unit]
    DefaultDependencies=no
    [Service]
    Type=oneshot
    RemainAfterExit=yes
    ExecStart=/bin/sh -c 'mkdir -p -m 700 /run/user/%i && chown %i:%i /run/user/%i'
    UNIT
    cat >/etc/systemd/system/user@.service.d/guest.conf <<'UNIT'
    [Unit]
    DefaultDependencies=no
    [Service]
    PAMName=
    Environment=XDG_RUNTIME_DIR=/run/user/%i
    UNIT
    systemctl daemon-reload && systemctl start user@1000.service
    """#

  private static let script = #"""
    home=/run/user/1000 service=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service
    as() { su -s /bin/sh -c 'exec "$0" "$@"' -- guest env XDG_RUNTIME_DIR=$home "$@"; }
    runtime() { as $place/skiff-runtime --systemd-cgroup --root /run/user/1000/oci "$@" </dev/null; }
    show() { as systemctl --user show "$@" | sort | tr '\n' ' '; }
    left() { echo "$(ls /run/user/1000/oci | wc -l) $(find /sys/fs/cgroup -type d -name '*-box.scope' | wc -l)"; }
    known() { echo "$(as systemctl --user list-units --all --plain --no-legend '*box*' | wc -l) $(left)"; }
    settle() { for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(as systemctl --user is-active "$1")" != active ] && break; sleep 0.3; done; }
    mkdir -p $place/root/proc $place/root/dev $place/root/sys
    chown -R 1000:1000 $place
    group=user.slice:skiff:box scope=skiff-box.scope top=$service/user.slice/skiff-box.scope
    ask manager eval 'as systemctl --user show -p ControlGroup --value; cat $service/cgroup.controllers'

    resources='"memory": {"limit": 33554432}, "devices": ['"$deny"']'
    bundle 'exec sleep 1000'
    cat >$place/namespace <<ROOT
    runtime() { $place/skiff-runtime --systemd-cgroup --root /run/user/1000/oci "\$@" </dev/null; }
    runtime create -b $place/bundle box >$place/out 2>&1 || { cat $place/out; exit 1; }
    runtime start box && runtime exec box cat /proc/self/cgroup
    systemctl --user show $scope -p MemoryMax && cat $top/memory.max
    runtime delete --force box
    ROOT
    ask namespace eval 'as unshare -Ur sh $place/namespace && known'

    # From here on it is the user, with what `spec --rootless` writes.
    ln -s ../root $place/bundle/rootfs
    bundle() {
      rm -f $place/bundle/config.json
      as $place/skiff-runtime spec --rootless -b $place/bundle
      sed -i 's|"terminal": true|"terminal": false|; s|"sh"|"sh", "-c", "'"$1"'"|; s|"linux": {|"linux": {"cgroupsPath": "'"$group"'", "resources": {'"$resources"'},|' $place/bundle/config.json
    }
    resources='"memory": {"limit": 67108864, "swap": 67108864, "reservation": 16777216}, "pids": {"limit": 50}, "cpu": {"quota": 50000, "period": 100000, "shares": 512}, "unified": {"memory.high": "50331648"}, "devices": ['"$deny"']'
    ask created make 'exec sleep 1000'
    ask scope show $scope -p ActiveState -p Slice -p Delegate -p MemoryMax -p MemoryLow -p MemoryHigh -p MemorySwapMax -p CPUQuotaPerSecUSec -p CPUWeight -p TasksMax -p Description -p ControlGroup
    ask files files $top memory.max memory.high cpu.max cpu.weight pids.max
    ask system systemctl is-active $scope
    ask started eval 'runtime start box; status'
    ask exec eval 'runtime exec box cat /proc/self/cgroup; runtime exec -d box sleep 1000 >/dev/null 2>&1; wc -l <$top/cgroup.procs'
    as mkdir $top/below
    ask exec-below runtime exec --cgroup below box cat /proc/self/cgroup
    ask exec-nowhere runtime exec --cgroup nowhere box cat /proc/self/cgroup
    ask exec-inside as systemd-run --user --scope -q $place/skiff-runtime --systemd-cgroup --root /run/user/1000/oci exec box cat /proc/self/cgroup
    move() { as sh -c "for process in \$(cat $top$1/cgroup.procs); do echo \$process >$top$2/cgroup.procs; done"; }
    move "" /below; as sh -c "echo +pids >$top/cgroup.subtree_control"
    ask exec-leader runtime exec box cat /proc/self/cgroup
    as sh -c "echo -pids >$top/cgroup.subtree_control"; move /below ""; rmdir $top/below
    ask update runtime update --memory 32m --memory-swap 48m --cpu-quota 10000 --cpu-share 2048 --pids-limit 20 box
    ask told show $scope -p MemoryMax -p MemorySwapMax -p CPUQuotaPerSecUSec -p CPUWeight -p TasksMax -p MemoryHigh
    ask reloaded eval 'as systemctl --user daemon-reload; files $top memory.max memory.swap.max cpu.max cpu.weight pids.max'
    ask undelegated runtime update --cpuset-cpus 0 box
    ask still show $scope -p AllowedCPUs -p MemoryMax
    ask paused eval 'runtime pause box; status; grep frozen $top/cgroup.events; runtime resume box; status'
    ask deleted eval 'runtime kill box KILL; settle $scope; runtime delete box; known'
    ask forced eval 'make "exec sleep 1000"; runtime start box; runtime delete --force box; known'
    ask run eval 'bundle "cat /proc/self/cgroup; exit 3"; runtime run -b $place/bundle box; echo "code $?"; known'

    # What fails leaves no unit.
    bundle true; sed -i 's/"sh", "-c"/"no-such-program"/' $place/bundle/config.json
    ask program eval 'runtime create -b $place/bundle box; known'
    resources='"cpu": {"cpus": "0"}'
    ask no-cpuset eval 'make true; known'
    resources='"unified": {"io.weight": "50"}'
    ask no-io eval 'make true; known'

    resources=; make 'exec sleep 1000'; runtime start box
    systemctl stop user@1000.service
    ask gone eval 'runtime delete --force box; left'
    ask refused make true
    rm $home/bus
    ask no-bus make true
    home=
    ask no-session make true
    ask end left
    """#
}
