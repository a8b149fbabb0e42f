package import Kernel
package import Netlink

/// What the containers of a host share and somebody may break while they run: bridges and firewall rules.
package struct SharedWatch: Sendable {
  /// A FIFO. Whoever holds its writing end, locked, is the one supervisor that watches.
  package var post: Path
  /// A short look: whether all is as it was left. It is told whether to look at every cable, of which there may be hundreds.
  package var isWell: @Sendable (_ atEveryCable: Bool) -> Bool
  /// Whether a link that has changed is a reason for that.
  package var isGrave: @Sendable (Link) -> Bool
  /// The command line of this program that looks closely and repairs, in a process of its own: what it needs of memory, and
  /// what may go wrong in it, is no affair of a container's supervisor. It exits with `repaired` when it had to.
  package var healer: [Path]

  /// What the healer exits with when it had something to repair.
  package static let repaired: Int32 = 10

  package init(
    post: Path, isWell: @escaping @Sendable (_ atEveryCable: Bool) -> Bool, isGrave: @escaping @Sendable (Link) -> Bool,
    healer: [Path]
  ) {
    self.post = post
    self.isWell = isWell
    self.isGrave = isGrave
    self.healer = healer
  }
}

/// A supervisor's share in watching over what all containers need. One of them hears the kernel's notifications; the others
/// sleep on the FIFO's reading end, which hangs up when that one is no more: the first that gets the lock is the next. So a
/// change wakes one process, not five hundred, and nobody polls.
struct WatchPost: ~Copyable {
  private let watch: SharedWatch
  private let timer: Timer
  private var waiting: Descriptor?
  /// The lock is the open file's, and the kernel lets it go before it tells the readers that they have no writer.
  private var holding: Descriptor?
  private var links: ChangeSocket?
  private var rules: ChangeSocket?
  private var healer: Descriptor?
  private var isArmed = false
  /// Whether the next look is at every cable: what happened before, nobody has heard.
  private var isGrave = true
  /// Repairs that followed each other closely: somebody else wants it another way, and a fight would take a processor.
  private var repairs: UInt64 = 0
  private var lastRepair: UInt64 = 0

  private enum Token {
    static let post: UInt64 = 16
    static let links: UInt64 = 17
    static let rules: UInt64 = 18
    static let timer: UInt64 = 19
    static let healer: UInt64 = 20
  }

  static func owns(_ token: UInt64) -> Bool { (Token.post...Token.healer).contains(token) }

  /// - Parameter delay: after which it goes to its post; a container that ends before that never does.
  init(_ watch: SharedWatch, after delay: UInt64, poller: borrowing Poller) throws(Fault) {
    let timer = try Timer()
    try poller.add(timer.borrowed, .readable, token: Token.timer)
    try timer.set(nanoseconds: max(1, delay))
    self.watch = watch
    self.timer = timer
    isArmed = true
  }

  /// What the poller said of a token that `owns` knows.
  mutating func serve(_ report: PollReport, poller: borrowing Poller) {
    switch report.token {
    case Token.post where report.events.contains(.hungUp): takeOver(poller)
    case Token.links: hear(links?.drain(watch.isGrave))
    case Token.rules: hear(rules?.drain())
    case Token.timer:
      _ = try? timer.take()
      isArmed = false
      if waiting == nil { goToPost(poller) } else { look(poller) }
    case Token.healer: reap(poller)
    default: break
    }
  }

  private mutating func arm(nanoseconds: UInt64) throws(Fault) {
    try timer.set(nanoseconds: nanoseconds)
    isArmed = true
  }

  private mutating func goToPost(_ poller: borrowing Poller) {
    do throws(Fault) {
      if !exists(watch.post) {
        do throws(Fault) { try makeNode(watch.post, kind: .fifo, mode: 0o600) } catch {
          if error.errno != .exists { throw error }
        }
      }
      let end = try open(watch.post, [.readOnly, .nonBlocking, .noFollow])
      // Edge-triggered: without a writer it stays hung up.
      try poller.add(end.borrowed, [.readable, .edgeTriggered], token: Token.post)
      waiting = consume end
    } catch { return }  // Without a directory in /run there is nothing to watch.
    takeOver(poller)
  }

  /// Becomes the one that watches, unless another is.
  private mutating func takeOver(_ poller: borrowing Poller) {
    guard holding == nil, let end = try? open(watch.post, [.writeOnly, .nonBlocking, .noFollow]),
      (try? end.borrowed.tryLock(.exclusive)) == true
    else { return }
    holding = consume end
    do throws(Fault) {
      let links = try ChangeSocket(.links)
      try poller.add(links.borrowed, .readable, token: Token.links)
      self.links = consume links
      let rules = try ChangeSocket(.firewall)
      try poller.add(rules.borrowed, .readable, token: Token.rules)
      self.rules = consume rules
    } catch {}  // A kernel without nf_tables has no rules to watch.
    // What happened while nobody watched.
    lookSoon()
  }

  private mutating func hear(_ news: ChangeSocket.News?) {
    guard let news, news != .none else { return }
    if news == .grave { isGrave = true }
    lookSoon()
  }

  /// A burst of changes is one: a reload of a firewall takes the rules away and puts others in their place.
  private mutating func lookSoon() {
    guard !isArmed else { return }
    let pause: UInt64 = repairs < 8 ? 100 : min(10_000, 100 << min(repairs - 7, 10))
    try? arm(nanoseconds: pause * 1_000_000)
  }

  private mutating func look(_ poller: borrowing Poller) {
    // What the healer changes is heard, and looked at when it has ended.
    guard healer == nil else { return }
    let isWell = watch.isWell(isGrave)
    isGrave = false
    if isWell { return }
    do throws(Fault) {
      let pidfd = try openProcess(try startThisProgram(arguments: watch.healer))
      try poller.add(pidfd.borrowed, .readable, token: Token.healer)
      healer = consume pidfd
    } catch {}
  }

  private mutating func reap(_ poller: borrowing Poller) {
    guard let pidfd = healer.view, let ended = try? wait(for: .pidfd(pidfd), block: false) else { return }
    try? poller.remove(pidfd)
    healer = nil
    let now = monotonicNanoseconds()
    if ended.status == .exited(SharedWatch.repaired) {
      repairs = now - lastRepair < 15_000_000_000 ? repairs + 1 : 0
      lastRepair = now
    }
    // It may have looked before the last change.
    isGrave = true
    lookSoon()
  }
}
