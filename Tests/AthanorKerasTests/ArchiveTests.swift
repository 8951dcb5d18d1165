import Athanor
import AthanorArchives
import AthanorKeras
import Foundation
import Testing

@Suite("Damaged and hostile .keras and .json files give an error that says where, never a crash")
struct ArchiveTests {
  private static let weights = "model.weights.h5"
  private let folder: TemporaryFolder
  private let good: [(name: String, bytes: [UInt8])]

  init() throws {
    folder = try TemporaryFolder()
    let file = try FileBytes.read(golden("functional.keras"))
    let archive = try ZipArchive(file, path: "functional.keras")
    good = try archive.names().map { (name: $0, bytes: try #require(try archive.bytes($0, limit: 1 << 20))) }
  }

  /// Writes the good archive with other contents of a file in it, and returns the error of reading it, or the warnings.
  private func error(_ name: String, _ change: (inout [UInt8]) -> Void) throws -> String {
    var files = good
    let place = try #require(files.firstIndex { $0.name == name })
    change(&files[place].bytes)
    return try error(files)
  }

  private func error(_ files: [(name: String, bytes: [UInt8])]) throws -> String {
    try FileBytes.write(ZipWriter.archive(files), to: folder.path("a.keras"))
    var warnings: [String] = []
    let text = folder.errorText { warnings = try Model(contentsOf: folder.path("a.keras"), threads: 1).warnings }
    return warnings.isEmpty
      ? text : warnings.joined(separator: "\n").replacingOccurrences(of: folder.url.path + "/", with: "")
  }

  /// The error of a configuration in which a text is replaced.
  private func config(_ old: String, _ new: String) throws -> String {
    try error("config.json") { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(text.contains(old), "\(old)")
      bytes = Array(text.replacingOccurrences(of: old, with: new).utf8)
    }
  }

  @Test("Parts that are missing or of another kind")
  func parts() throws {
    #expect(try error(good) == "(no error)")
    #expect(
      try error(good.filter { $0.name != "config.json" })
        == "a.keras: it is a zip archive without config.json. Give a .keras file that Keras 3 or Athanor wrote.")
    #expect(
      try error(good.filter { $0.name != ArchiveTests.weights })
        == "a.keras: it has no model.weights.h5 but metadata.json, config.json. Save the model with Keras' default weights format."
    )
    #expect(
      try error(ArchiveTests.weights) { $0 = Array("no".utf8) }
        == "a.keras, model.weights.h5: it is not an HDF5 file, is truncated, or cannot be read (2 bytes). "
        + "Give a .h5 file that Keras or Athanor wrote; if writing it was interrupted, use the one before.")
    #expect(
      try error(good + [(name: "assets/vocabulary.txt", bytes: [65])])
        == "a.keras: assets/vocabulary.txt and other assets are not read.")
    #expect(
      try error(good + [(name: "../../outside.txt", bytes: [65])]) == "(no error)",
      "what is in an archive is read into memory alone")
    #expect(!FileManager.default.fileExists(atPath: folder.path("../outside.txt")))
  }

  @Test("What the architecture says that cannot be")
  func architecture() throws {
    let config = "a.keras, config.json.config"
    #expect(
      try self.config("\"keras_history\": [\"picture\", 0, 0]", "\"keras_history\": [\"none\", 0, 0]")
        == "\(config): result 0 of call 0 of layer \"none\" is read, which does not exist. The file is damaged.")
    #expect(
      try self.config("\"keras_history\": [\"picture\", 0, 0]", "\"keras_history\": [\"picture\", 0, 1]")
        == "\(config): result 1 of call 0 of layer \"picture\" is read, which does not exist. The file is damaged.")
    #expect(
      try self.config("[\"both\", 0, 0]", "[\"sum\", 0, 0]").hasSuffix(
        "the call reads a value that follows from its own result. The file is damaged."))
    #expect(
      try self.config(
        "\"class_name\": \"Functional\", \"config\": {\"name\": \"two_of_each\"",
        "\"class_name\": \"Own\", \"config\": {\"name\": \"two_of_each\"")
        == "a.keras, config.json: it is a model of class \"Own\", but only Sequential and functional ones can be read. "
        + "A model that is a class of its own cannot be told from its file: define it in code and call loadWeights(from:)."
    )
    #expect(
      try self.config("\"class_name\": \"Multiply\"", "\"class_name\": \"Erf\"").hasSuffix(
        "the operation \"Erf\" on symbols is not supported. Make it a layer; supported are sums, differences and products with a "
          + "tensor or a number, and activations."))
    #expect(
      try self.config("\"sparse\": false", "\"sparse\": true")
        == "\(config).layers[0].config.sparse: inputs with sparse: true are not supported. Save the model with a dense input."
    )
    #expect(
      try self.config("\"input_layers\":", "\"surprise\": 7, \"input_layers\":").contains(
        "surprise: \"surprise\" is not known, and its value is 7."))
    #expect(
      try self.config("\"units\": 3", "\"units\": 2000000000000").contains(
        "weight \"kernel\" would have shape (4, 2000000000000)"))
  }

  @Test("A loss or an optimizer that is not known leaves a model that predicts, with a warning that says which")
  func compiled() throws {
    let place = "a.keras, config.json.compile_config"
    let rest =
      ", so the model is not compiled. Compile it with its optimizer, losses and metrics; fit(resume: true) then goes on where the "
      + "file stands."
    let loss = try config("\"mean_squared_error\"]", "\"own_loss\"]")
    #expect(loss.hasPrefix("\(place)") && loss.contains("own_loss") && loss.hasSuffix(rest), "\(loss)")
    let optimizer = try config("\"class_name\": \"Adam\"", "\"class_name\": \"Own\"")
    #expect(optimizer.contains("Own was found") && optimizer.hasSuffix(rest), "\(optimizer)")
  }

  @Test("A file in the archive that claims to be large is refused before memory is taken")
  func bomb() throws {
    var archive = try ZipWriter.archive([(name: "config.json", bytes: Array("{}".utf8))])
    // The size stands in the central directory, 24 bytes behind its signature.
    let directory = try #require(Data(archive).firstRange(of: Data([0x50, 0x4B, 1, 2]))).lowerBound
    archive.replaceSubrange(directory + 24..<directory + 28, with: [0xFF, 0xFF, 0xFF, 0x7F])
    try FileBytes.write(archive, to: folder.path("b.keras"))
    #expect(
      folder.errorText { try Model(contentsOf: folder.path("b.keras"), threads: 1) }
        == "b.keras: config.json: is said to have 2147483647 bytes, more than the \(64 << 20) that are read.")
  }

  /// Whether a file is read or refused; every other error is an issue.
  private func isRead(_ path: String) throws -> Bool {
    do {
      let model = try Model(contentsOf: path, threads: 1)
      _ = model.summary()
      return true
    } catch is AthanorError {
      return false
    }
  }

  @Test("10,000 damaged archives: bits of the whole, and of each file in it")
  func mutations() throws {
    let path = folder.path("m.keras")
    let whole = try ZipWriter.archive(good)
    var random = RandomStream(seed: 12, stream: 1)
    func below(_ limit: Int) -> Int { Int(random.nextUniform() * Double(limit)) }
    func damage(_ bytes: inout [UInt8]) {
      for _ in 0...below(3) { bytes[below(bytes.count)] ^= 1 << UInt8(below(8)) }
    }
    var read = 0
    for number in 0..<10_000 {
      var archive = whole
      if number % 3 == 0 {
        damage(&archive)
      } else {
        var files = good
        damage(&files[below(files.count)].bytes)
        archive = try ZipWriter.archive(files)
      }
      try Data(archive).write(to: URL(fileURLWithPath: path))
      if try isRead(path) { read += 1 }
    }
    #expect(read > 500 && read < 9_500)
  }

  @Test("10,000 damaged architectures")
  func damagedJSON() throws {
    let path = folder.path("m.json")
    let text = try #require(good.first { $0.name == "config.json" }).bytes
    let characters = Array(#"{}[]",:0123456789-.eunrtfals"#.utf8)
    var random = RandomStream(seed: 12, stream: 2)
    func below(_ limit: Int) -> Int { Int(random.nextUniform() * Double(limit)) }
    var read = 0
    for _ in 0..<10_000 {
      var copy = text
      for _ in 0...below(3) { copy[below(copy.count)] = characters[below(characters.count)] }
      try Data(copy).write(to: URL(fileURLWithPath: path))
      do {
        // Without making the model: it may ask for a gigabyte of weights.
        _ = try ModelFormat.reader(of: path).recipe(path, custom: [])
        read += 1
      } catch {
        #expect(error is AthanorError, "\(error)")
      }
    }
    #expect(read > 100 && read < 9_900)
  }
}
