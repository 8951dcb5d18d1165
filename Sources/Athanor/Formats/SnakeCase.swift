extension String {
  /// Keras' spelling of a class name as a variable: an underscore before each capital that begins a word, then lower case.
  package var snakeCased: String {
    let characters = Array(self).filter { $0.isLetter || $0.isNumber || $0 == "_" }
    var result = ""
    for (index, character) in characters.enumerated() {
      let before = index > 0 ? characters[index - 1] : "_"
      let after = index + 1 < characters.count ? characters[index + 1] : " "
      if character.isUppercase, index > 0, before != "_", before.isLowercase || after.isLowercase { result += "_" }
      result += character.lowercased()
    }
    return result
  }
}
