import Athanor

// A table as the examples of a model.

extension TableEncoding {
  /// Learns means, variances and categories from some rows of a table, those of the training.
  ///
  /// - Parameters:
  ///   - table: The table.
  ///   - rows: The places of the rows in the table, from 0.
  /// - Throws: `AthanorError` when there are no rows, or one is out of range.
  public init(fittedTo table: TableFile, rows: [Int]) throws {
    try table.require(rows)
    guard !rows.isEmpty else {
      throw AthanorError(.data, at: table.path, "there are no rows to learn from", fix: "Give some.")
    }
    let columns = table.columns.compactMap { column -> Column? in
      switch table.values[column.name] {
      case .numbers(let numbers):
        let (mean, variance) = TableEncoding.moments(rows.lazy.map { numbers[$0] })
        return Column(name: column.name, kind: .number(mean: mean, variance: variance))
      case .texts(let codes, let texts):
        let present = Set(rows.map { codes[$0] }).filter { $0 >= 0 }
        return Column(name: column.name, kind: .category(present.map { texts[Int($0)] }.sorted()))
      case nil: return nil
      }
    }
    let target: Target
    switch table.task {
    case .classification(let names): target = .classes(names)
    case .regression:
      let numbers = table.targetNumbers ?? []
      let (mean, variance) = TableEncoding.moments(rows.lazy.map { numbers[$0] })
      target = .number(mean: mean, variance: variance)
    }
    try self.init(columns: columns, targetName: table.targetName, target: target)
  }

  /// Mean and variance of the numbers that are not missing; 0 where there are none.
  private static func moments(_ numbers: some Sequence<Float>) -> (mean: Double, variance: Double) {
    var (count, sum) = (0.0, 0.0)
    for number in numbers where !number.isNaN { (count, sum) = (count + 1, sum + Double(number)) }
    guard count > 0 else { return (0, 0) }
    let mean = sum / count
    var squares = 0.0
    for number in numbers where !number.isNaN { squares += (Double(number) - mean) * (Double(number) - mean) }
    return (mean, squares / count)
  }

  /// Rows of a table as a model's inputs, by name (a single one without): missing numbers are the mean, missing and unknown categories have code 0.
  ///
  /// - Throws: `AthanorError` when a column is missing or of another kind, or a row is out of range.
  public func inputs(_ table: TableFile, rows: [Int]) throws -> [String: Tensor] {
    try table.require(rows)
    var inputs: [String: Tensor] = [:]
    let numbers = numbers
    if !numbers.isEmpty {
      var values = [Float](repeating: 0, count: rows.count * numbers.count)
      for (place, column) in numbers.enumerated() {
        guard case .numbers(let all) = table.values[column.name] else { throw misfit(table, column.name, "numbers") }
        let mean = Float(column.mean)
        for (row, source) in rows.enumerated() {
          values[row * numbers.count + place] = all[source].isNaN ? mean : all[source]
        }
      }
      inputs[TableEncoding.numberInput] = try Tensor(shape: [rows.count, numbers.count], values)
    }
    for column in categories {
      guard case .texts(let codes, let texts) = table.values[column.name] else {
        throw misfit(table, column.name, "texts")
      }
      let known = Dictionary(uniqueKeysWithValues: column.categories.enumerated().map { ($1, Int32($0 + 1)) })
      let translated = texts.map { known[$0] ?? 0 }
      inputs[column.input] = try Tensor(
        shape: [rows.count, 1], integers: rows.map { codes[$0] < 0 ? 0 : translated[Int(codes[$0])] })
    }
    // Exports call a single input as they like.
    return inputs.count == 1 ? [Dataset.unnamed: inputs.values.first ?? Tensor(zeros: [0])] : inputs
  }

  /// Rows of a table as examples, with targets: class numbers `[N]`, or numbers `[N, 1]`.
  ///
  /// - Throws: `AthanorError` when a column is missing or of another kind, or the table has no targets.
  public func dataset(_ table: TableFile, rows: [Int]) throws -> Dataset {
    let inputs = try inputs(table, rows: rows)
    let targets: Tensor
    if let classes = table.classNumbers {
      targets = try Tensor(shape: [rows.count], integers: rows.map { classes[$0] })
    } else if let numbers = table.targetNumbers {
      targets = try Tensor(shape: [rows.count, 1], rows.map { numbers[$0] })
    } else {
      throw AthanorError(
        .data, at: table.path, "there is no column \"\(targetName)\" with the targets",
        fix: "Give a table with this column.")
    }
    return try Dataset(inputs: inputs, targets: [Dataset.unnamed: targets], classNames: classNames)
  }

  private func misfit(_ table: TableFile, _ column: String, _ kind: String) -> AthanorError {
    AthanorError(
      .data, at: table.path, "column \"\(column)\" does not hold \(kind), as the encoding was made for",
      code: "Read the table with TableFile(contentsOf:for:).")
  }
}

extension TableFile {
  fileprivate func require(_ rows: [Int]) throws {
    guard let wrong = rows.first(where: { !exampleNumbers.indices.contains($0) }) else { return }
    throw AthanorError(.argument, at: path, "row \(wrong) was asked for, but there are rows 0 to \(rowCount - 1)")
  }

  /// Reads a table for a model that was trained with another one, in the way of that one: the columns are found by name, and other
  /// columns are passed over.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - encoding: The encoding of the model, `Model.tableEncoding`.
  ///   - needsTargets: Whether rows must have a target; those without are left out. Otherwise all rows are read, and there are no targets.
  /// - Throws: `AthanorError` that names file and line, when the text is damaged, a column is missing, a value is no number where the
  ///   model takes numbers, or a target is none of the model's classes.
  public init(contentsOf path: String, for encoding: TableEncoding, needsTargets: Bool = false) throws {
    let reader = try TableReader(path)
    let decimalComma = reader.separator == UInt8(ascii: ";")
    func place(_ name: String, _ what: String) throws -> Int {
      if let place = reader.header.firstIndex(of: name) { return place }
      throw AthanorError(
        .data, at: path, "\(what) \"\(name)\", which the model needs, is missing",
        fix: AthanorError.suggestion(for: name, among: reader.header)
          + "Give a table with the columns of the training.")
    }
    let places = try encoding.columns.map { try place($0.name, "the column") }
    let targetPlace = needsTargets ? try place(encoding.targetName, "the target") : nil
    let classes = Dictionary(
      (encoding.classNames ?? []).enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
    // Classes that are numbers are told by the numbers: 1 and 1.0 are one class.
    let pairs = classes.compactMap { name, place in Double(name).map { ($0, place) } }
    let classValues = pairs.count == classes.count ? Dictionary(pairs) { first, _ in first } : [:]
    var usesDecimalComma = false
    var numbers = encoding.columns.map { _ in [Float]() }
    var texts = encoding.columns.map { _ in TextCollection() }
    var (exampleNumbers, classNumbers, targetNumbers, count): ([Int], [Int32], [Float], Int) = ([], [], [], 0)
    func number(_ index: Int, _ name: String) throws -> Float? {
      try reader.withField(index) { bytes in
        if TableText.isMissing(bytes) { return nil }
        if let number = TableText.number(bytes, decimalComma: decimalComma) {
          if decimalComma, bytes.contains(UInt8(ascii: ",")) { usesDecimalComma = true }
          return Float(number)
        }
        throw AthanorError(
          .data, at: reader.place,
          "column \"\(name)\" is \"\(String(decoding: bytes.prefix(80), as: UTF8.self))\", but the model takes numbers",
          fix: "Correct the value, or leave it empty.")
      }
    }
    while try reader.next() {
      count += 1
      if let targetPlace {
        guard !reader.withField(targetPlace, TableText.isMissing) else { continue }
        if encoding.classNames != nil {
          let text = reader.text(targetPlace)
          let number = reader.withField(targetPlace) { TableText.number($0, decimalComma: decimalComma) }
          guard let found = classes[text] ?? number.flatMap({ classValues[$0] }) else {
            throw AthanorError(
              .data, at: reader.place, "the target is \"\(text.prefix(80))\", which is none of the model's classes",
              fix: AthanorError.suggestion(for: text, among: Array(classes.keys))
                + "They are \(ClassNames.list(encoding.classNames ?? [])).")
          }
          classNumbers.append(found)
        } else if let number = try number(targetPlace, encoding.targetName) {
          targetNumbers.append(number)
        }
      }
      exampleNumbers.append(count)
      for (index, column) in encoding.columns.enumerated() {
        switch column.kind {
        case .number: numbers[index].append(try number(places[index], column.name) ?? .nan)
        case .category: reader.withField(places[index]) { texts[index].add($0) }
        }
      }
    }
    guard !exampleNumbers.isEmpty else {
      throw AthanorError(
        .data, at: path, count == 0 ? "the table has no rows" : "no row has a value of \"\(encoding.targetName)\"",
        fix: count == 0 ? "Give a table with rows." : "Give a table with targets, or predict them.")
    }
    var values: [String: TableValues] = [:]
    var findings: [String] = []
    for (index, column) in encoding.columns.enumerated() {
      switch column.kind {
      case .number: values[column.name] = .numbers(numbers[index])
      case .category(let categories):
        guard !texts[index].isFull else {
          throw AthanorError(
            .data, at: path,
            "column \"\(column.name)\" has more than \(TextCollection.mostTexts.grouped) different texts",
            fix: "Predict a part of the table at a time.")
        }
        values[column.name] = texts[index].values
        let unknown = Set(texts[index].texts).subtracting(categories).sorted()
        guard !unknown.isEmpty else { continue }
        findings.append(
          "column \"\(column.name)\" has \(unknown.count) \(unknown.count == 1 ? "category" : "categories") that the model does not know: "
            + unknown.prefix(5).joined(separator: ", ") + (unknown.count > 5 ? ", ..." : ""))
      }
    }
    let used = Set(encoding.columns.map(\.name))
    self.init(
      path: path,
      columns: reader.header.map { name in
        let kind: Column.Kind
        if name == encoding.targetName {
          kind = .target
        } else if used.contains(name) {
          if case .numbers = values[name] { kind = .numbers } else { kind = .categories }
        } else {
          kind = .unused("the model does not know it")
        }
        return Column(name: name, kind: kind)
      }, targetName: encoding.targetName, task: encoding.classNames.map { .classification($0) } ?? .regression,
      findings: findings, exampleNumbers: exampleNumbers,
      classNumbers: needsTargets && encoding.classNames != nil ? classNumbers : nil,
      targetNumbers: needsTargets && encoding.classNames == nil ? targetNumbers : nil, values: values,
      usesDecimalComma: usesDecimalComma)
  }
}
