/// How scripts of tests call a server and say what answers: `ask ADDRESS PORT` from this host, `from_lan ADDRESS PORT` from another
/// machine, in whose namespace the script's own function `lan` runs a command.
enum LanCalls {
  static let script = #"""
    # The server takes one caller after another: who comes in between asks again.
    until_answered() {
      for attempt in 1 2 3 4 5 6; do
        answer=$("$@" 2>/dev/null) && [ -n "$answer" ] && break
        answer=closed
        sleep 0.2
      done
      echo "$answer"
    }
    once() { echo | timeout 3 busybox nc -w 2 "$1" "$2"; }
    ask() { until_answered once "$@"; }
    from_lan() { until_answered lan busybox sh -c "echo | busybox nc -w 2 $1 $2"; }
    """#
}
