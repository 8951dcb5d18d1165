/// What figures need to know about text: how wide it is, and how it is written in XML.
package enum FigureText {
  /// About how wide a line of text is, in the unit of `size`, rather too wide than too narrow.
  ///
  /// The reader's own interface font draws the text, so this can only be an estimate: it follows the wider of the usual ones.
  package static func width(_ text: String, size: Double) -> Double {
    text.reduce(0) { $0 + advance(of: $1) } * size
  }

  /// The text itself, or its beginning and `…` when it is wider than `limit`.
  package static func fitted(_ text: String, size: Double, limit: Double) -> String {
    guard width(text, size: size) > limit else { return text }
    var kept = ""
    var total = advance(of: "…")
    for character in text {
      total += advance(of: character)
      if total * size > limit { break }
      kept.append(character)
    }
    while kept.last == " " { kept.removeLast() }
    return kept + "…"
  }

  /// The text as XML content or attribute value.
  ///
  /// Line breaks and tabs become spaces, and characters that XML 1.0 forbids become U+FFFD.
  package static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\t", "\n", "\r": result += " "
      default:
        let forbidden = scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF
        result.unicodeScalars.append(forbidden ? "\u{FFFD}" : scalar)
      }
    }
    return result
  }

  /// A number with its noun: `1 filter`, `2 filters`.
  package static func counted(_ number: Int, _ noun: String, _ several: String? = nil) -> String {
    "\(FigureNumber.count(Double(number))) \(number == 1 ? noun : several ?? noun + "s")"
  }

  private static func advance(of character: Character) -> Double {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    switch scalar {
    case "i", "j", "l", "I", "t", "f", "r", ".", ",", ":", ";", "'", "|", "!", "(", ")", " ", "-", "/": return 0.36
    case "m", "w", "M", "W", "@", "%", "…": return 0.95
    case "A"..."Z": return 0.72
    case "⁰"..."⁹", "⁻", "¹", "²", "³": return 0.42
    default: return scalar.value >= 0x2E80 ? 1.1 : 0.64
    }
  }
}
