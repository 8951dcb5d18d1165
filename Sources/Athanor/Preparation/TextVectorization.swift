/// Texts as numbers of words, which an ``Embedding`` takes: `texts -> int32 [N, T]`.
///
/// A text is brought into a standard form, split into words, and each word becomes its place in the vocabulary. Place 0 fills up short
/// texts, place 1 stands for words that are not known. Keras' layer runs within the graph; here texts are no values of a graph, so this is
/// done to them before. Given to a model (``Model/textVectorization``) it is saved with it. Source: `keras.layers.TextVectorization` with
/// `output_mode="int"`, whose vocabulary it makes as well: the most frequent words first, of equally frequent ones the last by their bytes.
///
/// - Example:
///   ```swift
///   var words = TextVectorization(maxTokens: 10_000, outputSequenceLength: 40)
///   words.adapt(to: reviews)
///   let input = Input([40], dtype: .int32)
///   let vectors = Embedding(words.vocabulary.count, 32, maskZero: true)(input)
///   ```
public struct TextVectorization: Hashable, Sendable {
  /// What is done to a text before it is split.
  public enum Standardization: String, Hashable, Sendable, CaseIterable {
    /// Nothing.
    case none
    /// The letters A to Z become small.
    case lower
    /// ASCII's punctuation is taken out.
    case stripPunctuation = "strip_punctuation"
    /// Both.
    case lowerAndStripPunctuation = "lower_and_strip_punctuation"
  }

  /// What a text is split into.
  public enum Split: String, Hashable, Sendable, CaseIterable {
    /// Words between blanks.
    case whitespace
    /// Characters (Unicode scalars).
    case character
    /// Each text is one word, `[N, 1]`.
    case none
  }

  /// The most entries of the vocabulary, with the two special ones; nil for no limit.
  public let maxTokens: Int?
  /// What is done to a text before it is split.
  public let standardize: Standardization
  /// What a text is split into.
  public let split: Split
  /// The number of words of each result: longer texts are cut, shorter ones filled up; nil for the longest of the texts given together.
  public let outputSequenceLength: Int?
  /// The words by number; the first two are the empty one and `[UNK]`.
  public private(set) var vocabulary: [String]
  /// Each word's number, by its bytes: as in Keras an é is not an e with an accent, which Swift's texts do not tell apart.
  private var places: [[UInt8]: Int32]

  /// The entries that each vocabulary begins with.
  private static let special = ["", "[UNK]"]
  /// The key by which files keep it where keys need a prefix.
  package static let fileKey = "athanor_text"

  /// Describes a vectorization with an empty vocabulary.
  public init(
    maxTokens: Int? = nil, standardize: Standardization = .lowerAndStripPunctuation, split: Split = .whitespace,
    outputSequenceLength: Int? = nil
  ) {
    self.maxTokens = maxTokens
    self.standardize = standardize
    self.split = split
    self.outputSequenceLength = outputSequenceLength
    (vocabulary, places) = (TextVectorization.special, [:])
  }

  /// Describes a vectorization with a known vocabulary.
  ///
  /// - Parameters:
  ///   - vocabulary: The words by number, with or without the two special entries.
  ///   - maxTokens: The most entries of the vocabulary, with the two special ones; nil for no limit.
  ///   - standardize: What is done to a text before it is split.
  ///   - split: What a text is split into.
  ///   - outputSequenceLength: The number of words of each result; nil for the longest of the texts given together.
  /// - Throws: `AthanorError` when a word comes twice or is empty, there are too many, or a number is not positive.
  public init(
    vocabulary: [String], maxTokens: Int? = nil, standardize: Standardization = .lowerAndStripPunctuation,
    split: Split = .whitespace, outputSequenceLength: Int? = nil
  ) throws {
    self.init(maxTokens: maxTokens, standardize: standardize, split: split, outputSequenceLength: outputSequenceLength)
    func refuse(_ problem: String) -> AthanorError { AthanorError(.argument, at: "TextVectorization", problem) }
    for (name, number) in [("maxTokens", maxTokens.map { $0 - 1 }), ("outputSequenceLength", outputSequenceLength)] {
      guard number ?? 1 > 0 else { throw refuse("\(name) is too small") }
    }
    let words = vocabulary.starts(with: TextVectorization.special) ? Array(vocabulary.dropFirst(2)) : vocabulary
    var seen = Set(TextVectorization.special.map { Array($0.utf8) })
    for word in words where !seen.insert(Array(word.utf8)).inserted {
      throw refuse("the word \"\(word.prefix(80))\" comes twice, or is one of the special ones")
    }
    guard words.count + 2 <= maxTokens ?? Int(Int32.max) else {
      throw refuse("the vocabulary has \(words.count + 2) entries but maxTokens is \(maxTokens ?? 0)")
    }
    setVocabulary(words)
  }

  private mutating func setVocabulary(_ words: [String]) {
    vocabulary = TextVectorization.special + words
    places = Dictionary(uniqueKeysWithValues: words.enumerated().map { (Array($1.utf8), Int32($0 + 2)) })
  }

  /// Makes the vocabulary of the words of some texts, the most frequent first.
  public mutating func adapt(to texts: some Sequence<String>) {
    var counts: [[UInt8]: Int] = [:]
    for text in texts { for word in bytes(of: text) where !word.isEmpty { counts[word, default: 0] += 1 } }
    counts[Array("[UNK]".utf8)] = nil
    let sorted = counts.sorted { left, right in
      left.value != right.value ? left.value > right.value : right.key.lexicographicallyPrecedes(left.key)
    }
    let most = max(0, (maxTokens ?? Int(Int32.max)) - 2)
    setVocabulary(sorted.prefix(most).map { String(decoding: $0.key, as: UTF8.self) })
  }

  /// The words of a text, in order.
  public func words(of text: String) -> [String] { bytes(of: text).map { String(decoding: $0, as: UTF8.self) } }

  private func bytes(of text: String) -> [[UInt8]] {
    var bytes = Array(text.utf8)
    if standardize == .lower || standardize == .lowerAndStripPunctuation {
      for index in bytes.indices where UInt8(ascii: "A")...UInt8(ascii: "Z") ~= bytes[index] { bytes[index] |= 0x20 }
    }
    if standardize == .stripPunctuation || standardize == .lowerAndStripPunctuation {
      bytes.removeAll { byte in
        switch byte {
        case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
        default: false
        }
      }
    }
    switch split {
    case .none: return [bytes]
    case .character: return String(decoding: bytes, as: UTF8.self).unicodeScalars.map { Array($0.utf8) }
    case .whitespace: return bytes.split { $0 == 0x20 || (0x09...0x0D).contains($0) }.map(Array.init)
    }
  }

  /// Texts as numbers of words, `int32 [N, T]`: 0 fills up, 1 is a word that is not known.
  ///
  /// - Throws: `AthanorError` when there are no texts.
  public func callAsFunction(_ texts: [String]) throws -> Tensor {
    let rows = texts.map { text in bytes(of: text).map { $0.isEmpty ? 0 : places[$0] ?? 1 } }
    let length = outputSequenceLength ?? rows.map(\.count).max() ?? 0
    guard !texts.isEmpty else {
      throw AthanorError(.data, at: "TextVectorization", "there are no texts", fix: "Give some.")
    }
    let numbers = rows.flatMap { row in
      row.prefix(length) + [Int32](repeating: 0, count: max(0, length - row.count))
    }
    return try Tensor(shape: [texts.count, length], integers: numbers)
  }
}

// MARK: Files

extension TextVectorization: JSONConvertible {
  /// The settings and the vocabulary as files keep them.
  public var jsonValue: JSONValue {
    ([
      "max_tokens": maxTokens, "standardize": standardize.rawValue, "split": split.rawValue,
      "output_sequence_length": outputSequenceLength, "vocabulary": Array(vocabulary.dropFirst(2)),
    ] as Configuration).jsonValue
  }

  /// Reads what a file keeps.
  ///
  /// - Throws: `AthanorError` that names the place, when something is missing or impossible.
  package init(_ configuration: Configuration) throws {
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String, _ type: Choice.Type) throws -> Choice {
      if let choice = Choice(rawValue: try configuration.text(key)) { return choice }
      throw configuration.error(key, expected: Choice.allCases.map(\.rawValue).joined(separator: ", "))
    }
    func number(_ key: String) throws -> Int? {
      configuration.isMissing(key) ? nil : try configuration.integer(key)
    }
    do {
      try self.init(
        vocabulary: configuration.texts("vocabulary"), maxTokens: number("max_tokens"),
        standardize: choice("standardize", Standardization.self), split: choice("split", Split.self),
        outputSequenceLength: number("output_sequence_length"))
    } catch let error as AthanorError {
      throw error.location == "TextVectorization" ? error.moved(to: configuration.location) : error
    }
  }
}
