import Athanor

/// A table in a text file (CSV or TSV), with a header line: some columns to learn from, and one to predict.
///
/// The separator (comma, semicolon or tab) is told from the header. Empty values, NA, N/A, NaN, null and ? are missing. A column of which
/// each value is a number holds numbers; with semicolons as separators a comma may be the decimal point. Any other column holds
/// categories, unless it holds dates or almost as many different texts as rows: those are not used, and neither are columns without
/// values, with one value alone, or with the numbers of the rows. ``findings`` says so. The file is read twice, row by row; what stays in
/// memory is one float32 or int32 for each value.
///
/// - Throws: when read: `AthanorError` that names file and line, when the text is damaged; when the target is missing everywhere, of one
///   class alone or not known; or when there are no columns to learn from.
/// - Example:
///   ```swift
///   let table = try TableFile(contentsOf: "wine.csv", target: "kind")
///   for finding in table.findings { print(finding) }
///   ```
public struct TableFile: Sendable {
  /// What is to be predicted.
  public enum Task: Hashable, Sendable {
    /// One of these classes.
    case classification([String])
    /// A number.
    case regression
  }

  /// The sort of task, for a target that could be either.
  public enum TaskKind: String, Hashable, Sendable, CaseIterable {
    /// Classes.
    case classification
    /// Numbers.
    case regression
  }

  /// A column of the table.
  public struct Column: Hashable, Sendable {
    /// What a column holds.
    public enum Kind: Hashable, Sendable {
      /// Numbers.
      case numbers
      /// Texts of which each stands in several rows.
      case categories
      /// What is to be predicted.
      case target
      /// Something that is not used, for this reason.
      case unused(String)
    }

    /// The name in the header.
    public let name: String
    /// What the column holds.
    public let kind: Kind
  }

  /// Where the table lies.
  public let path: String
  /// The columns in the order of the file.
  public let columns: [Column]
  /// The name of the target column.
  public let targetName: String
  /// What is to be predicted.
  public let task: Task
  /// What was found, in sentences for people: rows, columns, what is not used and why, missing values, imbalance.
  public let findings: [String]
  /// The number of each row in the file, from 1 for the first one behind the header. Rows without target are left out.
  public let exampleNumbers: [Int]
  /// The class of each row; nil where a number is predicted, or the table has no target column.
  public let classNumbers: [Int32]?
  /// The target of each row where it is a number; nil for classes, or where the table has no target column.
  public let targetNumbers: [Float]?
  /// The values of the columns that are used, by name.
  package let values: [String: TableValues]
  /// Whether numbers are written with decimal commas.
  let usesDecimalComma: Bool

  /// For each row a number that follows from the values that a model sees, the target among them, in whatever order the columns stand.
  package var fingerprints: [UInt64] {
    let columns = values.sorted { $0.key < $1.key }.map(\.value)
    return (0..<rowCount).map { row in
      var fingerprint = Fingerprint()
      for column in columns {
        switch column {
        case .numbers(let numbers): fingerprint.add(numbers[row].isNaN ? UInt32.max : numbers[row].bitPattern)
        case .texts(let codes, let texts): fingerprint.add(codes[row] < 0 ? "" : texts[Int(codes[row])])
        }
      }
      if let classNumbers, case .classification(let names) = task { fingerprint.add(names[Int(classNumbers[row])]) }
      if let targetNumbers { fingerprint.add(targetNumbers[row].bitPattern) }
      return fingerprint.value
    }
  }

  /// The number of rows.
  public var rowCount: Int { exampleNumbers.count }

  init(
    path: String, columns: [Column], targetName: String, task: Task, findings: [String], exampleNumbers: [Int],
    classNumbers: [Int32]?, targetNumbers: [Float]?, values: [String: TableValues], usesDecimalComma: Bool
  ) {
    self.path = path
    self.columns = columns
    self.targetName = targetName
    self.task = task
    self.findings = findings
    self.exampleNumbers = exampleNumbers
    self.classNumbers = classNumbers
    self.targetNumbers = targetNumbers
    self.values = values
    self.usesDecimalComma = usesDecimalComma
  }

  /// The names in a table's header.
  ///
  /// - Throws: `AthanorError` when the file cannot be read or has no header.
  public static func columnNames(of path: String) throws -> [String] { try TableReader(path).header }

  /// Whether a file's name says that it is a table: it ends with .csv, .tsv or .tab.
  public static func isTable(_ path: String) -> Bool {
    [".csv", ".tsv", ".tab"].contains { path.lowercased().hasSuffix($0) }
  }
}

// MARK: Reading

extension TableFile {
  /// Reads a table to learn from.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - target: The name of the column that is to be predicted.
  ///   - task: Whether the target is a class or a number; nil to be told: texts are classes, and so are whole numbers of which there are
  ///     at most 20 different ones that stand in five rows each on average.
  ///   - ignoring: The names of columns that are not to be used.
  /// - Throws: `AthanorError`, see the type.
  public init(contentsOf path: String, target: String, task: TaskKind? = nil, ignoring: [String] = []) throws {
    let first = try TableReader(path)
    guard let targetPlace = first.header.firstIndex(of: target) else {
      throw TableFile.unknownColumn(target, "target", first)
    }
    for name in ignoring where !first.header.contains(name) { throw TableFile.unknownColumn(name, "column", first) }
    let decimalComma = first.separator == UInt8(ascii: ";")
    var scans = [ColumnScan](repeating: ColumnScan(), count: first.header.count)
    var exampleNumbers: [Int] = []
    var count = 0
    while try first.next() {
      count += 1
      guard !first.withField(targetPlace, TableText.isMissing) else { continue }
      exampleNumbers.append(count)
      for index in scans.indices {
        first.withField(index) { scans[index].add($0, row: count, line: first.line, decimalComma: decimalComma) }
      }
    }
    guard count > 0 else {
      throw AthanorError(.data, at: path, "the table has a header but no rows", fix: "Give a table with rows.")
    }
    guard !exampleNumbers.isEmpty else {
      throw AthanorError(
        .data, at: path, "the target \"\(target)\" is missing in all \(count) rows", fix: "Name another target column.")
    }
    guard exampleNumbers.count > 1 else {
      throw AthanorError(
        .data, at: path,
        "the table has one row \(count == 1 ? "" : "with a target ")and nothing can be learnt from that",
        fix: "Give a table with more rows.")
    }
    let isNumber = try TableFile.isRegression(scans[targetPlace], task, target, path)
    var contents = TableContents(first.header, scans, target: targetPlace, ignoring: Set(ignoring))
    try contents.read(TableReader(path), target: targetPlace, targetIsNumber: isNumber, decimalComma: decimalComma)
    guard contents.exampleNumbers == exampleNumbers else {
      throw AthanorError(.data, at: path, "the table changed while it was read", fix: "Read it again.")
    }
    self = try contents.table(path, target, count, separator: first.separator)
  }

  private static func isRegression(_ scan: ColumnScan, _ task: TaskKind?, _ target: String, _ path: String) throws
    -> Bool
  {
    switch task {
    case .regression:
      if let text = scan.firstText {
        throw AthanorError(
          .data, at: "\(path):\(text.line)", "the target \"\(target)\" is \"\(text.text)\", which is no number",
          fix: "Predict classes, or correct the value.")
      }
      return true
    case .classification: return false
    case nil:
      let isFew =
        scan.areIntegers && scan.distinct.count <= 20
        && (scan.distinct.count <= 2 || scan.distinct.count * 5 <= scan.present)
      return scan.areNumbers && !isFew
    }
  }

  static func unknownColumn(_ name: String, _ what: String, _ reader: TableReader) -> AthanorError {
    let names = reader.header.prefix(30).joined(separator: ", ") + (reader.header.count > 30 ? ", ..." : "")
    return AthanorError(
      .argument, at: reader.path,
      "there is no \(what == "target" ? "column" : what) \"\(name)\"\(what == "target" ? " to predict" : "")",
      fix: AthanorError.suggestion(for: name, among: reader.header) + "Its columns are \(names).")
  }
}

/// What is gathered while a table is read the second time.
private struct TableContents {
  private let names: [String]
  private let scans: [ColumnScan]
  private let target: Int
  private(set) var kinds: [TableFile.Column.Kind]
  private var numbers: [[Float]]
  private var texts: [TextCollection]
  private(set) var exampleNumbers: [Int] = []
  private var targetNumbers: [Double] = []
  /// What stands in the rows so far, and how many rows stood there before.
  private var (records, repeated): (Set<Int>, Int) = ([], 0)

  init(_ names: [String], _ scans: [ColumnScan], target: Int, ignoring: Set<String>) {
    self.names = names
    self.scans = scans
    self.target = target
    numbers = names.map { _ in [] }
    texts = names.map { _ in TextCollection() }
    kinds = names.indices.map { index in
      let scan = scans[index]
      if index == target { return .target }
      if ignoring.contains(names[index]) { return .unused("it is to be ignored") }
      if scan.present == 0 { return .unused("it has no values") }
      if scan.areDates { return .unused("it holds dates or times") }
      if scan.areRowNumbers { return .unused("it numbers the rows") }
      if scan.isConstant { return .unused("all of its values are the same") }
      return scan.areNumbers ? .numbers : .categories
    }
    // A measurement at even steps looks like row numbers too; alone it is what there is to learn from.
    guard !kinds.contains(.numbers), !kinds.contains(.categories) else { return }
    for index in kinds.indices where scans[index].areRowNumbers && index != target && !ignoring.contains(names[index]) {
      kinds[index] = .numbers
    }
  }

  mutating func read(_ reader: TableReader, target: Int, targetIsNumber: Bool, decimalComma: Bool) throws {
    var count = 0
    while try reader.next() {
      count += 1
      guard !reader.withField(target, TableText.isMissing) else { continue }
      exampleNumbers.append(count)
      if !records.insert(reader.record.hashValue).inserted { repeated += 1 }
      for index in names.indices {
        switch kinds[index] {
        case .numbers:
          let number = reader.withField(index) { TableText.number($0, decimalComma: decimalComma) }
          numbers[index].append(number.map { Float($0) } ?? .nan)
        case .categories: reader.withField(index) { texts[index].add($0) }
        case .target:
          // Classes that are numbers are told by the numbers: 1 and 1.0 are one class.
          if scans[index].areNumbers {
            targetNumbers.append(
              reader.withField(index) { TableText.number($0, decimalComma: decimalComma) } ?? .nan)
          } else {
            reader.withField(index) { texts[index].add($0) }
          }
        case .unused: break
        }
      }
    }
    for index in names.indices where kinds[index] == .categories {
      let (rows, different) = (scans[index].present, texts[index].texts.count)
      if texts[index].isFull {
        kinds[index] = .unused("it has more than \(TextCollection.mostTexts.grouped) different texts")
      } else if different == 1 {
        kinds[index] = .unused("all of its values are the same")
      } else if different == rows || (different > 20 && different * 2 > rows) {
        let text = scans[index].firstText
        // A column of numbers with a few slips is told by the first of them.
        kinds[index] =
          scans[index].numbers * 2 > rows && text != nil
          ? .unused("most of its values are numbers, but line \(text?.line ?? 0) has \"\(text?.text ?? "")\"")
          : .unused("it has \(different.grouped) different texts in \(rows.grouped) rows")
      }
    }
    isNumber = targetIsNumber
  }

  private var isNumber = false

  /// The names of the classes, and each row's class.
  private func classes(_ path: String, _ name: String) throws -> (names: [String], numbers: [Int32]) {
    let (classNames, numbers): ([String], [Int32])
    if scans[target].areNumbers {
      let different = Set(targetNumbers).sorted()
      let places = Dictionary(uniqueKeysWithValues: different.enumerated().map { ($1, Int32($0)) })
      classNames = different.map { number in Int(exactly: number).map(String.init) ?? "\(number)" }
      numbers = targetNumbers.map { places[$0] ?? 0 }
    } else {
      let order = texts[target].texts.indices.sorted { texts[target].texts[$0] < texts[target].texts[$1] }
      var places = [Int32](repeating: 0, count: order.count)
      for (place, code) in order.enumerated() { places[code] = Int32(place) }
      classNames = order.map { texts[target].texts[$0] }
      numbers = texts[target].codes.map { places[Int($0)] }
    }
    let count = classNames.count
    // A target of numbers with a few slips.
    let slip = scans[target].numbers * 2 > scans[target].present ? scans[target].firstText : nil
    guard !texts[target].isFull, count <= 2 || (count <= 1000 && count * 2 <= exampleNumbers.count) else {
      throw AthanorError(
        .data, at: path,
        "the target \"\(name)\" has \(texts[target].isFull ? "more than \(TextCollection.mostTexts.grouped)" : count.grouped) different "
          + "values in \(exampleNumbers.count.grouped) rows, too many for classes"
          + (slip.map { "; most are numbers, but line \($0.line) has \"\($0.text)\"" } ?? ""),
        fix: slip != nil
          ? "Correct the value or leave it empty, or name another target."
          : scans[target].areNumbers ? "Predict the number, or name another target." : "Name another target.")
    }
    guard count > 1 else {
      throw AthanorError(
        .data, at: path, "the target \"\(name)\" is \"\(classNames.first ?? "")\" in all rows",
        fix: "Name another target.")
    }
    return (classNames, numbers)
  }

  /// - Parameter count: The number of rows, with those that have no target.
  func table(_ path: String, _ targetName: String, _ count: Int, separator: UInt8) throws -> TableFile {
    let columns = zip(names, kinds).map { TableFile.Column(name: $0, kind: $1) }
    guard kinds.contains(where: { $0 == .numbers || $0 == .categories }) else {
      let reasons = columns.compactMap { column in
        if case .unused(let reason) = column.kind { "\"\(column.name)\": \(reason)" } else { nil }
      }
      throw AthanorError(
        .data, at: path,
        reasons.isEmpty
          ? "the target \"\(targetName)\" is the only column"
          : "no column can be used (\(reasons.prefix(10).joined(separator: "; ")))",
        fix: "Give a table with columns of numbers or of categories.")
    }
    var values: [String: TableValues] = [:]
    for (index, kind) in kinds.enumerated() {
      switch kind {
      case .numbers: values[names[index]] = .numbers(numbers[index])
      case .categories: values[names[index]] = texts[index].values
      case .target, .unused: break
      }
    }
    var findings = [
      "\(exampleNumbers.count.grouped) rows, \(names.count) columns, separated by \(TableReader.name(of: separator))"
    ]
    if case let missing = count - exampleNumbers.count, missing > 0 {
      findings.append(
        "\(missing.grouped) \(missing == 1 ? "row has" : "rows have") no \"\(targetName)\" and \(missing == 1 ? "is" : "are") left out"
      )
    }
    var (task, classNumbers, target): (TableFile.Task, [Int32]?, [Float]?) = (.regression, nil, nil)
    if repeated > 0 {
      findings.append(
        "\(repeated.grouped) \(repeated == 1 ? "row is the same as another one" : "rows are the same as other ones"), so that parts of a "
          + "random split may share them")
    }
    if isNumber {
      let numbers = targetNumbers.map { Float($0) }
      target = numbers
      guard let least = numbers.min(), let most = numbers.max(), least < most else {
        guard let (least, most) = scans[self.target].tooNear else {
          throw AthanorError(
            .data, at: path, "the target \"\(targetName)\" is \(numbers.first ?? 0) in all rows",
            fix: "Name another target.")
        }
        throw AthanorError(
          .data, at: path,
          "the target \"\(targetName)\" goes from \(least) to \(most), which float32 does not tell apart",
          fix: "Subtract the same number from all values.")
      }
      findings.append("target \"\(targetName)\": numbers from \(least) to \(most)")
    } else {
      let classes = try classes(path, targetName)
      (task, classNumbers) = (.classification(classes.names), classes.numbers)
      findings += classFindings(targetName, classes.names, classes.numbers)
    }
    findings += columnFindings(columns)
    return TableFile(
      path: path, columns: columns, targetName: targetName, task: task, findings: findings,
      exampleNumbers: exampleNumbers, classNumbers: classNumbers, targetNumbers: target, values: values,
      usesDecimalComma: scans.contains(where: \.usesDecimalComma))
  }

  private func classFindings(_ target: String, _ names: [String], _ numbers: [Int32]) -> [String] {
    var counts = [Int](repeating: 0, count: names.count)
    for number in numbers { counts[Int(number)] += 1 }
    return ["target \"\(target)\": \(names.count) classes: \(ClassBalance.list(names, counts))"]
      + ClassBalance.findings(names, counts, unit: "row")
  }

  private func columnFindings(_ columns: [TableFile.Column]) -> [String] {
    func list(_ names: [String]) -> String {
      names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", ..." : "")
    }
    var findings: [String] = []
    let numbers = columns.filter { $0.kind == .numbers }.map(\.name)
    if !numbers.isEmpty {
      findings.append("\(numbers.count) \(numbers.count == 1 ? "column" : "columns") of numbers: \(list(numbers))")
    }
    for (index, column) in columns.enumerated() {
      let scan = scans[index]
      switch column.kind {
      case .unused(let reason): findings.append("column \"\(column.name)\" is not used: \(reason)")
      case .categories:
        var text = "column \"\(column.name)\": \(texts[index].texts.count) categories"
        if scan.numbers * 2 > scan.present, let first = scan.firstText {
          text += ", because not all values are numbers: line \(first.line) has \"\(first.text)\""
        }
        findings.append(text)
      case .numbers where scan.usesDecimalComma:
        findings.append("column \"\(column.name)\" has decimal commas")
      case .numbers, .target: break
      }
      if let (least, most) = scan.tooNear, column.kind == .numbers || column.kind == .target && isNumber {
        findings.append(
          "column \"\(column.name)\" has numbers from \(least) to \(most), of which float32 tells only a few apart; subtract the same "
            + "number from all of them")
      }
      guard scan.missing > 0, column.kind == .numbers || column.kind == .categories else { continue }
      findings.append(
        "column \"\(column.name)\" has no value in \(scan.missing.grouped) \(scan.missing == 1 ? "row" : "rows"), "
          + (column.kind == .numbers
            ? "where the mean of the training rows is taken"
            : "which \(scan.missing == 1 ? "counts as a category of its own" : "count as a category of their own")"))
    }
    return findings
  }
}

extension Int {
  /// The number with commas between thousands.
  var grouped: String {
    let digits = String(magnitude)
    let groups = digits.enumerated().map { place, digit in
      place > 0 && (digits.count - place) % 3 == 0 ? ",\(digit)" : "\(digit)"
    }
    return (self < 0 ? "-" : "") + groups.joined()
  }
}
