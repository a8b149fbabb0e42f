internal import Kernel

/// Names for containers that were given none: an adjective and a navigator, `brisk_magellan`.
enum RandomName {
  static let adjectives = [
    "able", "agile", "amber", "azure", "bold", "brave", "brisk", "calm", "candid", "clear", "clever", "crisp", "eager",
    "early", "exact", "fair", "fleet", "fond", "frank", "fresh", "gentle", "glad", "golden", "grand", "happy", "hardy",
    "honest", "jolly", "keen", "kind", "lively", "loyal", "lucid", "merry", "mild", "neat", "nimble", "noble",
    "patient",
    "plain", "polite", "proud", "quick", "quiet", "rapid", "ready", "serene", "sharp", "silent", "sleek", "smart",
    "solid", "steady", "stout", "sunny", "swift", "tidy", "trim", "upbeat", "vivid", "warm", "wise", "witty", "zesty",
  ]
  static let navigators = [
    "amundsen", "baffin", "baret", "barents", "batuta", "bering", "cabot", "cabral", "cartier", "chichester",
    "columbus",
    "cook", "dias", "drake", "eriksson", "flinders", "franklin", "gama", "grenfell", "hanno", "heyerdahl", "hudson",
    "kotzebue", "laperouse", "magellan", "malaspina", "nansen", "nearchus", "ohthere", "parry", "polo", "pytheas",
    "quiros", "raleigh", "ross", "scylax", "shackleton", "slocum", "tasman", "torres", "tupaia", "vancouver",
    "verrazzano", "vespucci", "wallis", "weddell", "wilkes", "zheng",
  ]

  static func make() throws(Fault) -> String {
    let bytes = try randomBytes(4)
    let first = (Int(bytes[0]) << 8 | Int(bytes[1])) % adjectives.count
    let second = (Int(bytes[2]) << 8 | Int(bytes[3])) % navigators.count
    return "\(adjectives[first])_\(navigators[second])"
  }
}
