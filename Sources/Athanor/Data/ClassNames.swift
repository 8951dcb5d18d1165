extension Model {
  /// Takes over the names of a data set's classes, so that predictions, files and exports have them.
  ///
  /// - Throws: `AthanorError` when there are not as many as the model tells apart, or they are the model's in another order.
  func adoptClassNames(of data: any DataSource) throws {
    guard let names = data.classNames, outputs.count == 1 else { return }
    try requireOrder(of: names, "the data set")
    // Class numbers, or a row of probabilities, as mixed examples have it.
    guard let count = classCount, let target = data.ports.targets.first,
      target.dtype == .int32 || target.lengths == [.batch, .fixed(names.count)]
    else { return }
    guard names.count == count else {
      if names.count > count, let targets = data.dataset?.targets, targets.floats.allSatisfy({ $0 < Float(count) }) {
        let problem =
          "the data set names \(names.count) classes and has examples of the first \(count) alone, as many as the model tells "
          + "apart; their names are not taken over"
        warn(of: [AthanorError(.data, at: "fit", problem)])
        return
      }
      throw AthanorError(
        .data, at: "fit", "the data set names \(names.count) classes, but the model tells \(count) apart",
        fix: "Give the last layer one unit for each class.")
    }
    classNames = names
  }

  /// - Parameter source: Who gives the names.
  /// - Throws: `AthanorError` when names are those of the model in another order, which would exchange classes.
  package func requireOrder(of names: [String], _ source: String) throws {
    guard let own = classNames, own != names, own.sorted() == names.sorted() else { return }
    throw AthanorError(
      .argument, at: source,
      "its classes are \(ClassNames.list(names)), but the model has them in the order \(ClassNames.list(own))",
      fix: "Give them in the model's order, or leave them out.")
  }
}

/// Names of classes.
package enum ClassNames {
  /// The first few, separated by commas.
  package static func list(_ names: [String]) -> String {
    names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", ... (\(names.count))" : "")
  }

  /// The whole numbers that names are, when each of them is written as one is: `10` but not `010` or `+10`.
  package static func integers(_ names: [String]) -> [Int]? {
    let numbers = names.compactMap { name in Int(name).flatMap { String($0) == name ? $0 : nil } }
    return numbers.count == names.count && !names.isEmpty ? numbers : nil
  }

  /// Checks names that a person gave: blanks at the ends are dropped.
  ///
  /// - Parameter source: Where they come from, for messages.
  /// - Throws: `AthanorError` when one is empty or there twice.
  package static func checked(_ names: [String], _ source: String, _ unit: String = "name") throws -> [String] {
    let names = names.map(trimmed)
    var places: [String: Int] = [:]
    for (index, name) in names.enumerated() {
      guard !name.isEmpty else {
        throw AthanorError(.data, at: source, "\(unit) \(index + 1) is empty", fix: "Give one name for each class.")
      }
      if let first = places[name] {
        throw AthanorError(
          .data, at: source, "\(unit) \(first) and \(unit) \(index + 1) are both \"\(name)\"",
          fix: "Give each class a name of its own.")
      }
      places[name] = index + 1
    }
    return names
  }

  /// Checks names that a model's file has, which stay as they are.
  ///
  /// - Parameter source: Where they come from, for messages.
  /// - Throws: `AthanorError` when one is empty or there twice.
  static func required(_ names: [String], _ source: String) throws -> [String] {
    _ = try checked(names, source, "class name")
    return names
  }

  /// The names in a file, one in a line. A byte-order mark is dropped, and so are empty lines at the end.
  ///
  /// - Throws: `AthanorError` that names the line, when it is empty, there twice, or not UTF-8.
  package static func read(_ path: String) throws -> [String] {
    var bytes = try FileBytes.read(path, limit: 1 << 20)[...]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    let newline = UInt8(ascii: "\n")
    var lines: [String] = []
    for (index, line) in bytes.split(separator: newline, omittingEmptySubsequences: false).enumerated() {
      // A text in UTF-16, and one that another file was put behind, have these in the middle.
      guard let text = String(validating: line, as: UTF8.self), !text.unicodeScalars.contains("\0"),
        !text.unicodeScalars.contains("\u{FEFF}")
      else {
        throw AthanorError(
          .data, at: path, "line \(index + 1) is not UTF-8 text, or has a NUL or a byte-order mark in it",
          fix: "Save the file in the encoding UTF-8.")
      }
      lines.append(trimmed(text))
    }
    while lines.last == "" { lines.removeLast() }
    return try checked(lines, path, "line")
  }

  private static func trimmed(_ text: String) -> String {
    let isBlank: (Character) -> Bool = { $0.isWhitespace || $0.isNewline }
    var text = text[...].drop(while: isBlank)
    while let last = text.last, isBlank(last) { text.removeLast() }
    return String(text)
  }
}

extension Dataset {
  /// What is wrong with taking the examples from one on for validation: classes that only one of both parts has.
  func splitWarning(at kept: Int) -> String? {
    guard let text = slice(0..<kept).classWarning(validation: slice(kept..<count)) else { return nil }
    return
      "validationSplit takes the last examples\(text). Shuffle the data set first, or draw a part of each class with split(_:)."
  }

  /// What is wrong with a data set to validate on: that both are one sorted data set, or classes that only one of them has.
  func classWarning(validation: Dataset) -> String? {
    guard let classes = classNumbers, let others = validation.classNumbers else { return nil }
    let (first, last) = (Set(classes), Set(others))
    func list(_ numbers: Set<Int32>) -> String {
      ClassNames.list(
        numbers.sorted().map { number in
          let names = classNames ?? []
          return names.indices.contains(Int(number)) ? names[Int(number)] : String(number)
        })
    }
    let untrained = last.subtracting(first)
    // A few examples need not hold every class; of many that lack some the order is at fault.
    let unseen = others.count >= 10 * first.union(last).count ? first.subtracting(last) : []
    let all = classes + others
    let isSorted = zip(all, all.dropFirst()).allSatisfy { $0 <= $1 } && first.union(last).count > 1
    guard !untrained.isEmpty || !unseen.isEmpty || isSorted else { return nil }
    var text = ""
    if isSorted { text += ", and the data set is sorted by class" }
    if !untrained.isEmpty { text += "; no example to learn from has the class \(list(untrained))" }
    if !unseen.isEmpty { text += "; no example to validate on has the class \(list(unseen))" }
    return text
  }

  /// Whether the classes come one after another, so that a training that does not change the order forgets each for the next.
  var isSortedByClass: Bool {
    guard let classNumbers, Set(classNumbers).count > 1 else { return false }
    return zip(classNumbers, classNumbers.dropFirst()).allSatisfy { $0 <= $1 }
  }
}
