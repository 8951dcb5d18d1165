import ArgumentParser
import Athanor
import AthanorDatasets
import Foundation

/// How data are split for a training.
struct SplitOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help:
      "Which share of the training examples, drawn from each class, is kept for validation; by default 0.2, and of a data set that has a name the last twelfth: 5,000 of MNIST."
  )
  var validationSplit: Double?
  @Option(
    parsing: .unconditional,
    help: "Which share of the training examples, drawn from each class, is kept for testing, where there are none.")
  var testSplit: Double?
  @Option(
    help:
      "By which examples the best checkpoint is chosen: validation, or test, which makes the test figures too good.")
  var validateOn = ValidationChoice.validation
  @Option(help: "Split the data as this split.csv of another training does.", completion: .file()) var split: String?

  enum ValidationChoice: String, ExpressibleByArgument, CaseIterable {
    case validation, test
  }

  func validate() throws {
    for (option, share) in [("--validation-split", validationSplit), ("--test-split", testSplit)] {
      if let share, !(share > 0 && share < 1) { throw ValidationError("\(option) must be above 0 and below 1.") }
    }
    guard (validationSplit ?? 0) + (testSplit ?? 0) < 1 else {
      throw ValidationError("--validation-split and --test-split must be below 1 together.")
    }
    if split != nil, validationSplit != nil || testSplit != nil {
      throw ValidationError("--split says which examples are kept; leave --validation-split and --test-split out.")
    }
    if validateOn == .test, validationSplit != nil {
      throw ValidationError(
        "With --validate-on test nothing else is kept for validation; leave --validation-split out.")
    }
  }

  /// Splits the data; a training that goes on keeps the split that lies beside its file.
  ///
  /// - Parameter resumed: The file of the interrupted training.
  /// - Throws: `AthanorError` when a part would be empty.
  func split(_ data: any LabelledData, seed: UInt64, resuming resumed: String?) throws -> ExampleSplit {
    let earlier = resumed.map { FileBytes.join(($0 as NSString).deletingLastPathComponent, "split.csv") }
    let file = split ?? earlier.flatMap { FileBytes.isFile($0) ? $0 : nil }
    var result = try file.map { try SplitFile.read($0, for: data) } ?? given(data, seed: seed)
    if validateOn == .test {
      guard !result.test.isEmpty else {
        throw AthanorError(
          .argument, at: "--validate-on test", "\(data.title) has no \(data.unit)s for testing",
          fix: "Give --test-split, or leave it out.")
      }
      result.train += result.validation
      result.train.sort()
      result.validation = []
    }
    for (name, part) in [("to train with", result.train), ("to validate on", validated(result))] where part.isEmpty {
      throw AthanorError(
        .data, at: file ?? data.path, "there are no \(data.unit)s \(name)",
        // As a training with --validate-on test leaves it.
        fix: part == result.validation && !result.test.isEmpty && !result.train.isEmpty
          ? "Give --validate-on test, or another split." : "Give more \(data.unit)s, or another split.")
    }
    return result
  }

  /// The examples by which the best checkpoint is chosen.
  func validated(_ split: ExampleSplit) -> [Int] { validateOn == .test ? split.test : split.validation }

  private func given(_ data: any LabelledData, seed: UInt64) throws -> ExampleSplit {
    let numbers = data.classNumbers
    var result = data.parts ?? ExampleSplit(train: Array(numbers.indices))
    if testSplit != nil, !result.test.isEmpty {
      throw AthanorError(
        .argument, at: "--test-split", "\(data.title) has \(data.counted(result.test.count)) for testing already",
        fix: "Leave it out.")
    }
    if validationSplit != nil, !result.validation.isEmpty {
      throw AthanorError(
        .argument, at: "--validation-split",
        "\(data.title) has \(data.counted(result.validation.count)) for validation already", fix: "Leave it out.")
    }
    let train = result.train
    var share = result.validation.isEmpty && validateOn == .validation ? validationSplit : 0
    if share == nil {
      switch data.usualValidation {
      case .share(let usual): share = usual
      case .last(let count):
        result.validation = Array(train.suffix(count))
        result.train = train.dropLast(count)
        share = 0
      }
    }
    guard let share, share > 0 || testSplit != nil else { return result }
    let pool = result.train
    let drawn = try ExampleSplit(
      classes: pool.map { numbers[$0] }, validation: share, test: testSplit ?? 0, seed: seed)
    func places(_ drawn: [Int]) -> [Int] { drawn.map { pool[$0] } }
    result.train = places(drawn.train)
    result.validation += places(drawn.validation)
    result.test += places(drawn.test)
    return result
  }
}

/// The file that says which example a training used for what: CSV with the columns `example` and `split`, and for tables `row`, a number
/// that follows from the values, so that a table in another order is not taken for the same.
enum SplitFile {
  static func write(_ split: ExampleSplit, of data: any LabelledData, to path: String) throws {
    var parts = [ExampleSplit.Part?](repeating: nil, count: data.classNumbers.count)
    for part in ExampleSplit.Part.allCases {
      for example in split[part] { parts[example] = part }
    }
    let numbers = data.fingerprints
    let lines = parts.enumerated().compactMap { example, part in
      part.map { part in
        "\(TableText.field(data.name(of: example))),\(part.rawValue)" + (numbers.map { "," + text($0[example]) } ?? "")
      }
    }
    let header = (header + (numbers == nil ? [] : [fingerprints])).joined(separator: ",")
    try Terminal.write(([header] + lines).joined(separator: "\n") + "\n", to: path)
  }

  private static let header = ["example", "split"]
  private static let fingerprints = "row"

  /// Not all of a number's digits: 32 bits tell an order from another.
  private static func text(_ fingerprint: UInt64) -> String { String(fingerprint >> 32, radix: 16) }

  /// - Throws: `AthanorError` that names the line, when it is no such file, or its examples are not those of the data.
  static func read(_ path: String, for data: any LabelledData) throws -> ExampleSplit {
    let reader = try TableReader(path)
    func refuse(_ problem: String) -> AthanorError {
      AthanorError(.data, at: reader.place, problem, fix: "Give the split.csv of a training with the same data.")
    }
    let hasFingerprints = reader.header == header + [fingerprints]
    guard reader.header == header || hasFingerprints else {
      throw refuse("the columns are \(reader.header.joined(separator: ", ").prefix(80)), not example, split")
    }
    // By bytes: names that Unicode holds equal may be two files.
    let places = Dictionary(
      data.classNumbers.indices.map { (ArraySlice(data.name(of: $0).utf8), $0) },
      uniquingKeysWith: { first, _ in first })
    let numbers = hasFingerprints ? data.fingerprints?.map(text) : nil
    let known = Set(numbers ?? [])
    var others = 0
    var split = ExampleSplit(train: [])
    var seen = [Bool](repeating: false, count: data.classNumbers.count)
    while try reader.next() {
      let name = String(decoding: reader.bytes(0), as: UTF8.self).prefix(200)
      guard let part = ExampleSplit.Part(rawValue: reader.text(1)) else {
        throw refuse("\(name) is for \"\(reader.text(1).prefix(80))\", but train, validation or test was expected")
      }
      guard let place = places[reader.bytes(0)] else {
        throw refuse("there is no \(data.unit) \(name) in \(data.path)")
      }
      guard !seen[place] else { throw refuse("\(name) is named twice") }
      if let numbers, numbers[place] != reader.text(2) {
        guard !known.contains(reader.text(2)) else {
          throw refuse("the \(data.unit)s of \(data.path) stand in another order than when they were split")
        }
        others += 1
      }
      seen[place] = true
      switch part {
      case .train: split.train.append(place)
      case .validation: split.validation.append(place)
      case .test: split.test.append(place)
      }
    }
    if others > 0 {
      Terminal.error(
        "Note: \(data.counted(others)) of \(data.title) \(others == 1 ? "has" : "have") other values or columns than when the data were "
          + "split.\n")
    }
    let missing = seen.count { !$0 }
    if missing > 0 {
      Terminal.error(
        "Note: \(data.counted(missing)) of \(data.title) \(missing == 1 ? "is" : "are") not in \(path), and not used.\n"
      )
    }
    return split
  }
}
