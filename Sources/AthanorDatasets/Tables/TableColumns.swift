import Athanor

/// What a first reading of a table finds out about a column.
struct ColumnScan {
  /// More distinct numbers are not counted.
  static let mostCounted = 1000

  private(set) var missing = 0
  private(set) var present = 0
  private(set) var numbers = 0
  private(set) var usesDecimalComma = false
  private var (least, most) = (Double.infinity, -Double.infinity)
  /// Whether all values are whole numbers.
  private(set) var areIntegers = true
  /// The different numbers, as long as there are few.
  private(set) var distinct: Set<Double> = []
  /// The first value that is no number, and its line.
  private(set) var firstText: (text: String, line: Int)?
  private var dates = 0
  /// What is left of a number when its row's is subtracted or added, as long as that is the same for all.
  private var (difference, sum): (Double?, Double?)
  private var (differs, sumDiffers) = (false, false)

  /// The bounds of numbers of which float32, in which a network computes, tells fewer than 64 apart; nil for others.
  var tooNear: (least: Double, most: Double)? {
    guard most > least, most - least < 64 * Double(Float(max(abs(least), abs(most))).ulp) else { return nil }
    return (least, most)
  }

  var areNumbers: Bool { present > 0 && numbers == present }
  var areDates: Bool { present > 0 && dates == present }
  var isConstant: Bool { areNumbers && distinct.count == 1 }
  /// Whether the numbers count the rows of the file, up or down.
  var areRowNumbers: Bool {
    areNumbers && areIntegers && missing == 0 && present >= 8 && !(differs && sumDiffers)
  }

  /// - Parameter row: The row's number in the file.
  mutating func add(_ bytes: UnsafeBufferPointer<UInt8>, row: Int, line: Int, decimalComma: Bool) {
    guard !TableText.isMissing(bytes) else {
      missing += 1
      return
    }
    if dates == present, TableText.isDate(bytes) { dates += 1 }
    present += 1
    guard let number = TableText.number(bytes, decimalComma: decimalComma) else {
      if firstText == nil { firstText = (String(decoding: bytes.prefix(200), as: UTF8.self), line) }
      return
    }
    numbers += 1
    (least, most) = (min(least, number), max(most, number))
    if decimalComma, bytes.contains(UInt8(ascii: ",")) { usesDecimalComma = true }
    if number != number.rounded() { areIntegers = false }
    if distinct.count <= ColumnScan.mostCounted { distinct.insert(number) }
    if difference ?? number - Double(row) != number - Double(row) { differs = true }
    if sum ?? number + Double(row) != number + Double(row) { sumDiffers = true }
    (difference, sum) = (number - Double(row), number + Double(row))
  }
}

/// The values of a column: numbers, or codes of texts.
package enum TableValues: Sendable {
  /// NaN where a value is missing.
  case numbers([Float])
  /// The place of each row's text in `texts`; -1 where it is missing.
  case texts(codes: [Int32], texts: [String])
}

/// Gathers the texts of a column as codes.
struct TextCollection {
  /// More different texts are not kept: the column is not used.
  static let mostTexts = 100_000

  private(set) var codes: [Int32] = []
  private(set) var texts: [String] = []
  private var places: [String: Int32] = [:]
  private(set) var isFull = false

  mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard !isFull else { return }
    guard !TableText.isMissing(bytes) else { return codes.append(-1) }
    let text = String(decoding: bytes, as: UTF8.self)
    if let code = places[text] { return codes.append(code) }
    guard texts.count < TextCollection.mostTexts else {
      isFull = true
      (codes, texts, places) = ([], [], [:])
      return
    }
    let code = Int32(texts.count)
    places[text] = code
    texts.append(text)
    codes.append(code)
  }

  var values: TableValues { .texts(codes: codes, texts: texts) }
}
