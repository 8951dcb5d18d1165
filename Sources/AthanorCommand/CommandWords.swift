extension CommandLine {
  /// The options of some names among words, with their values.
  static func options(_ names: [String], in words: [String]) -> [String] {
    words.indices.flatMap { place -> [String] in
      let (word, previous) = (words[place], place > 0 ? words[place - 1] : "")
      let isOption = names.contains { word == $0 || word.hasPrefix($0 + "=") }
      return isOption || names.contains(previous) ? [word] : []
    }
  }

  /// Words without the options of some names and their values.
  static func without(_ names: [String], in words: [String]) -> [String] {
    words.indices.compactMap { place in
      let (word, previous) = (words[place], place > 0 ? words[place - 1] : "")
      let isOption = names.contains { word == $0 || word.hasPrefix($0 + "=") }
      return isOption || names.contains(previous) ? nil : word
    }
  }
}
