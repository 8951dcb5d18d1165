extension CommandLine {
  /// Takes the options of some names, each with its value, out of words.
  static func split(_ words: [String], at names: [String]) -> (options: [String], others: [String]) {
    var (options, others, takesNext): ([String], [String], Bool) = ([], [], false)
    for word in words {
      let isOption = names.contains { word == $0 || word.hasPrefix($0 + "=") }
      if isOption || takesNext { options.append(word) } else { others.append(word) }
      takesNext = isOption && names.contains(word)
    }
    return (options, others)
  }
}
