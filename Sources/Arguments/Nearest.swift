/// The candidate that `word` most likely meant: the fewest edits away, at most a third of its length. Nil when none is
/// near.
package func nearest(to word: String, in candidates: [String]) -> String? {
  nearestMatches(to: word, in: candidates, limit: 1).first
}

/// As `nearest`, several, the nearest first. A candidate that `word` begins counts as one edit away, for people stop
/// typing early.
package func nearestMatches(to word: String, in candidates: [String], limit: Int = 3) -> [String] {
  let wanted = Array(word.lowercased().utf8.prefix(64))
  guard !wanted.isEmpty else { return [] }
  let allowed = max(1, wanted.count / 3)
  var found: [(distance: Int, order: Int, candidate: String)] = []
  for (order, candidate) in candidates.enumerated() {
    let letters = Array(candidate.lowercased().utf8.prefix(64))
    var distance = letters.count - wanted.count > allowed ? Int.max : editDistance(wanted, letters)
    if wanted.count >= 3, letters.starts(with: wanted) { distance = min(distance, 1) }
    if distance <= allowed { found.append((distance, order, candidate)) }
  }
  return found.sorted { ($0.distance, $0.order) < ($1.distance, $1.order) }.prefix(limit).map(\.candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that make `b` of `a` (optimal string alignment).
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
  var beforeLast = [Int](repeating: 0, count: b.count + 1)
  var last = Array(0...b.count)
  var row = last
  for i in 1...a.count {
    row[0] = i
    for j in 1...b.count {
      let replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
      row[j] = min(replaced, last[j] + 1, row[j - 1] + 1)
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { row[j] = min(row[j], beforeLast[j - 2] + 1) }
    }
    (beforeLast, last, row) = (last, row, beforeLast)
  }
  return last[b.count]
}
