import Foundation
import Testing

/// A terminal in which one command runs: what a person sees of it, in tmux.
final class Screen {
  private let sandbox: Sandbox
  private let socket: String

  /// - Parameter command: a line of sh.
  init(
    _ sandbox: Sandbox, _ command: String, environment: [String: String] = [:], columns: Int = 100, rows: Int = 30
  ) throws {
    self.sandbox = sandbox
    socket = "\(sandbox.folder.path)/tmux-\(UUID().uuidString.prefix(8))"
    let variables = environment.map { "\($0)='\($1)'" }.joined(separator: " ")
    // A ^C ends the command, not the shell.
    let line = "trap : INT; stty -echoctl; \(variables) \(command); echo \"[ended $?]\"; sleep 1000"
    try Data(line.utf8).write(to: URL(filePath: socket + ".sh"))
    // What lives on must hold nothing open that other tests wait for the end of.
    let start = """
      for file in /proc/self/fd/*; do number=${file##*/}; [ "$number" -gt 2 ] && eval "exec $number>&-"; done
      exec tmux -S \(socket) -f /dev/null new-session -d -x \(columns) -y \(rows) sh \(socket).sh
      """
    try Data(start.utf8).write(to: URL(filePath: socket + ".start"))
    guard try Shell("exec bash \(socket).start </dev/null >/dev/null 2>&1").succeeds else {
      throw Sandbox.Failure(description: "tmux does not start")
    }
  }

  /// Not kill-server, by which a server sends itself a signal: it has inherited a mask of all of them from a thread of
  /// Dispatch. One without a session ends.
  deinit { _ = try? sandbox.shell("tmux -S \(socket) kill-session") }

  func type(_ text: String) throws {
    _ = try sandbox.shell("tmux -S \(socket) send-keys -l '\(text)'; tmux -S \(socket) send-keys Enter")
  }

  func interrupt() throws { _ = try sandbox.shell("tmux -S \(socket) send-keys C-c") }

  /// - Parameter isColoured: with the escape sequences of what has a colour.
  func text(isColoured: Bool = false) throws -> String {
    try sandbox.shell("tmux -S \(socket) capture-pane -p\(isColoured ? " -e" : "")").output
  }

  /// Looks until the screen shows what is waited for.
  func shows(_ pattern: String) throws -> String? {
    let expression = try Regex(pattern)
    for _ in 0..<600 {
      let text = try text()
      if text.contains(expression) { return text }
      usleep(50_000)
    }
    Issue.record("never \(pattern): \(try text())")
    return nil
  }
}
