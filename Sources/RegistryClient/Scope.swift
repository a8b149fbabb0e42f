/// What a token lets its bearer do (distribution's token scope): `repository:library/bash:pull`.
struct Scope: Hashable, Sendable {
  var text: String

  static func pull(_ repository: String) -> Scope { Scope(text: "repository:\(repository):pull") }
  static func push(_ repository: String) -> Scope { Scope(text: "repository:\(repository):pull,push") }
}
