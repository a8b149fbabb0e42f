/// The fields of one CSV line (RFC 4180): a field in double quotes may hold commas, and quotes as two.
func commaSeparated(_ text: String) throws(OptionError) -> [String] {
  var fields: [String] = []
  var field = ""
  var (isQuoted, wasQuoted) = (false, false)
  var rest = Substring(text)
  while let character = rest.popFirst() {
    switch character {
    case "\"" where isQuoted:
      if rest.first == "\"" {
        field.append("\"")
        rest.removeFirst()
      } else {
        (isQuoted, wasQuoted) = (false, true)
      }
    case "\"" where field.isEmpty && !wasQuoted: isQuoted = true
    case "," where !isQuoted:
      fields.append(field)
      (field, wasQuoted) = ("", false)
    default:
      if wasQuoted { throw OptionError("there is text after a closing quote") }
      field.append(character)
    }
  }
  if isQuoted { throw OptionError("a quote is not closed") }
  fields.append(field)
  if fields.contains("") { throw OptionError("expected KEY=VALUE with commas between") }
  return fields
}
