import Athanor
import Testing

@Suite("JSON")
struct JSONValueTests {
  private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: text, at: "a.json") }

  @Test(
    "A value's text is read back as the same value",
    arguments: [
      .null, .flag(true), .flag(false), .integer(0), .integer(-42), .integer(.max), .integer(.min), .number(0.1),
      .number(-0.0), .number(1), .number(1e300), .number(Double.leastNonzeroMagnitude),
      .number(.greatestFiniteMagnitude), .number(1 / 3),
      .text(""), .text("\"\\/\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}äé€😀"), .array([]),
      .array([.null, .array([.integer(1)])]),
      .object([:]), .object(["b": .object(["": .text("x")]), "a": .array([.flag(true), .number(2.5)])]),
    ] as [JSONValue])
  func roundTrip(_ value: JSONValue) throws {
    let parsed = try parse(value.description)
    #expect(parsed == value)
    if case .number(let number) = value, case .number(let again) = parsed {
      #expect(number.bitPattern == again.bitPattern)
    }
  }

  @Test("The text has sorted keys, no spaces, and integers without a fraction")
  func text() {
    let value: JSONValue = .object(["b": .integer(1), "a": .array([.number(1), .null]), "c\n": .text("\u{1}/")])
    #expect(value.description == #"{"a":[1.0,null],"b":1,"c\n":"\u0001/"}"#)
  }

  @Test("Numbers that are not finite become strings, which a configuration reads as numbers")
  func notFinite() throws {
    let configuration: Configuration = ["a": Double.nan, "b": Double.infinity, "c": -Double.infinity]
    #expect(configuration.jsonValue.description == #"{"a":"nan","b":"inf","c":"-inf"}"#)
    let read = try Configuration(parsing: configuration.jsonValue.description, at: "a.json")
    #expect(try read.number("a").isNaN)
    #expect(try read.number("b") == .infinity)
    #expect(try read.number("c") == -.infinity)
  }

  @Test(
    "What is valid",
    arguments: [
      (" \n\t\r[ 1 , 2 ] \n", JSONValue.array([.integer(1), .integer(2)])), ("-0", .integer(0)), ("1E2", .number(100)),
      ("1.50e-1", .number(0.15)), ("9223372036854775808", .number(0x1p63)), (#""\u00e4\ud83d\ude00\/""#, .text("ä😀/")),
      (#"{"":{}}"#, .object(["": .object([:])])), ("1e-400", .number(0)),
    ])
  func valid(_ text: String, _ value: JSONValue) throws { #expect(try parse(text) == value) }

  @Test(
    "What is not",
    arguments: [
      "", " ", "{", "}", "[1", "[1,", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:2}", "[1 2]",
      "1 2", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x10", "1e999", "-1e999", "NaN", "Infinity", "tru", "nulll",
      "True", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"",
      "\"\n\"", "'a'", "[1]]", "\u{feff}1", "/**/1",
    ])
  func invalid(_ text: String) {
    expectError("a.json: it is not valid JSON. The file is damaged or of another kind.") { try parse(text) }
  }

  @Test("Nesting ends at 128")
  func depth() throws {
    func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    #expect(try parse(nested(128)).description == nested(128))
    for text in [nested(129), nested(1_000_000), String(repeating: "{\"a\":", count: 129)] {
      expectError("a.json: it is not valid JSON. The file is damaged or of another kind.") { try parse(text) }
    }
  }

  @Test("A key that comes twice is refused")
  func duplicates() {
    expectError("a.json: it holds the key \"a\" twice. The file is damaged or of another kind.") {
      try parse(#"{"a":1,"b":2,"\u0061":1}"#)
    }
  }

  @Test("Every beginning of a text, and copies with characters replaced, are read or refused")
  func mutations() throws {
    let text = Array(#"{"a":[1,-2.5e-3,true,null,"x\n\u00e4"],"b":{"c":[[]],"d":""}}"#.utf8)
    let characters = Array(#"{}[]",:\eE+-.0u\#n"#.utf8)
    var random = RandomStream(seed: 3, stream: 4)
    func below(_ limit: Int) -> Int { Int(random.nextUniform() * Double(limit)) }
    var (read, refused) = (0, 0)
    for number in 0..<text.count + 20_000 {
      var copy = number < text.count ? Array(text.prefix(number)) : text
      if number >= text.count {
        for _ in 0...below(3) { copy[below(copy.count)] = characters[below(characters.count)] }
      }
      do {
        let value = try parse(String(decoding: copy, as: UTF8.self))
        #expect(try parse(value.description) == value)
        read += 1
      } catch {
        #expect(error is AthanorError)
        refused += 1
      }
    }
    #expect(read > 500)
    #expect(refused > 5000)
  }
}
