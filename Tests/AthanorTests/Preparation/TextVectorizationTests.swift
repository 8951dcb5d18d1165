import Athanor
import Testing

@Suite("Texts as numbers of words")
struct TextVectorizationTests {
  @Test("The vocabulary: the most frequent words first, of equal ones the last by their bytes")
  func vocabulary() throws {
    var words = TextVectorization()
    words.adapt(to: ["The cat, the dog.", "A cat! don't", "dog-house b\tB\n"])
    #expect(words.vocabulary == ["", "[UNK]", "the", "cat", "b", "dont", "doghouse", "dog", "a"])
    #expect(try words(["the CAT sat", "", "dog"]).storage == .int32([2, 3, 1, 0, 0, 0, 7, 0, 0]))
    var few = TextVectorization(maxTokens: 4, outputSequenceLength: 2)
    few.adapt(to: ["a b b c c c [UNK]"])
    #expect(few.vocabulary == ["", "[UNK]", "c", "b"])
    #expect(try few(["c a b", "b"]).storage == .int32([2, 1, 3, 0]))
    #expect(try few(["c a b", "b"]).shape == [2, 2])
  }

  private struct Golden: Decodable {
    struct Case: Decodable {
      let standardize: String
      let split: String
      let maxTokens: Int?
      let outputSequenceLength: Int?
      let vocabulary: [String]
      let shape: [Int]
      let numbers: [Int32]
    }
    let learned: [String]
    let asked: [String]
    let texts: [Case]
  }

  @Test("Vocabularies and numbers are those of Keras")
  func keras() throws {
    let golden: Golden = try goldens("texts_and_series")
    #expect(golden.texts.count == 24)
    for known in golden.texts {
      var words = try TextVectorization(
        maxTokens: known.maxTokens, standardize: #require(.init(rawValue: known.standardize)),
        split: #require(.init(rawValue: known.split)),
        outputSequenceLength: known.outputSequenceLength)
      words.adapt(to: golden.learned)
      let what: Comment = "\(known.standardize) \(known.split) \(known.maxTokens ?? 0)"
      #expect(words.vocabulary.map { Array($0.utf8) } == known.vocabulary.map { Array($0.utf8) }, what)
      let numbers = try words(golden.asked)
      #expect(numbers.shape == known.shape && numbers.storage == .int32(known.numbers), what)
    }
  }

  @Test("Standard forms and ways to split")
  func forms() {
    func words(_ standardize: TextVectorization.Standardization, _ split: TextVectorization.Split) -> [String] {
      TextVectorization(standardize: standardize, split: split).words(of: "Ä b-B.\u{A0}c  D")
    }
    // Only ASCII's letters become small, and only its blanks split.
    #expect(words(.lowerAndStripPunctuation, .whitespace) == ["Ä", "bb\u{A0}c", "d"])
    #expect(words(.none, .whitespace) == ["Ä", "b-B.\u{A0}c", "D"])
    #expect(words(.lower, .none) == ["Ä b-b.\u{A0}c  d"])
    #expect(words(.stripPunctuation, .character) == ["Ä", " ", "b", "B", "\u{A0}", "c", " ", " ", "D"])
  }

  private func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "none"
    } catch {
      return "\(error)"
    }
  }

  @Test("What cannot be is refused")
  func refused() throws {
    #expect(
      refusal { _ = try TextVectorization(vocabulary: ["a", "a"]) }
        == "TextVectorization: the word \"a\" comes twice, or is one of the special ones.")
    #expect(
      refusal { _ = try TextVectorization(vocabulary: ["a", "b"], maxTokens: 3) }
        == "TextVectorization: the vocabulary has 4 entries but maxTokens is 3.")
    #expect(
      refusal { _ = try TextVectorization(vocabulary: [], outputSequenceLength: 0) }
        == "TextVectorization: outputSequenceLength is too small.")
    #expect(refusal { _ = try TextVectorization()([]) } == "TextVectorization: there are no texts. Give some.")
    let words = try TextVectorization(vocabulary: ["", "[UNK]", "x"], maxTokens: 5, split: .character)
    func read(_ text: String) -> String {
      refusal {
        let found = try TextVectorization(Configuration(parsing: text, at: "f"))
        #expect(found == words)
      }
    }
    let json = words.jsonValue.description
    #expect(read(json) == "none")
    #expect(read(json.replacing("character", with: "words")).hasPrefix("f.split: "))
    #expect(
      read(json.replacing("\"x\"", with: "\"x\",\"x\""))
        == "f: the word \"x\" comes twice, or is one of the special ones.")
  }
}
