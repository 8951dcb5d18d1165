import Athanor
import Foundation
import Testing

/// An array of a golden file.
struct GoldenArray: Decodable {
  let shape: [Int]
  let values: [Double]

  var floats: [Float] { values.map { Float($0) } }
  var tensor: Tensor { get throws { try Tensor(shape: shape, floats) } }
  var integers: Tensor { get throws { try Tensor(shape: shape, integers: values.map { Int32($0) }) } }
}

/// The folder of these tests.
let testFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

/// The folder of the package.
let packageFolder = testFolder.deletingLastPathComponent().deletingLastPathComponent()

/// Reads a file that Tools/make_training_goldens.py has made.
func goldens<Content: Decodable>(_ name: String, as type: Content.Type = Content.self) throws -> Content {
  let file = testFolder.appendingPathComponent("Goldens/\(name).json")
  return try JSONDecoder().decode(type, from: Data(contentsOf: file))
}

/// Expects numbers to be near to others, measured by the largest of them, and by 1 when all are smaller.
func expectClose(
  _ actual: [Float], _ expected: [Double], within tolerance: Double = 1e-5, _ what: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual.count == expected.count else {
    Issue.record("\(what): \(actual.count) numbers instead of \(expected.count)", sourceLocation: sourceLocation)
    return
  }
  let scale = max(1, expected.map(\.magnitude).max() ?? 0)
  let distances = zip(actual, expected).map { (Double($0) - $1).magnitude }
  guard let worst = distances.indices.max(by: { distances[$0] < distances[$1] || distances[$1].isNaN }) else { return }
  #expect(
    distances[worst] <= tolerance * scale,
    "\(what) place \(worst): \(actual[worst]) instead of \(expected[worst])", sourceLocation: sourceLocation)
}

/// The whole text of the error that a closure throws; a mark when it throws none.
func errorText(_ body: () throws -> some Any) -> String {
  do {
    _ = try body()
    return "(no error)"
  } catch let error as AthanorError {
    return error.description
  } catch {
    return "(another error) \(error)"
  }
}

/// Expects a closure to throw an error with exactly this text.
func expectError(
  _ text: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> some Any
) {
  #expect(errorText(body) == text, sourceLocation: sourceLocation)
}

/// Numbers without pattern, the same for the same seed.
func noise(_ shape: [Int], seed: UInt64 = 1, scale: Float = 1) throws -> Tensor {
  var random = RandomStream(seed: seed, stream: 77)
  let values = (0..<shape.reduce(1, *)).map { _ in Float(random.nextUniform() * 2 - 1) * scale }
  return try Tensor(shape: shape, values)
}

/// The bits of all of a model's weights.
func weightBits(_ model: Model) -> [[UInt32]] { model.weights.map { $0.tensor.floats.map(\.bitPattern) } }

/// What `fit` prints, kept instead of printed.
final class Output {
  var text = ""
  func listen(to model: Model) { model.write = { [self] in text += $0 } }
}

/// A folder that is removed when the last user has gone.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("athanor-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  func text(_ name: String) throws -> String {
    try String(contentsOf: url.appendingPathComponent(name), encoding: .utf8)
  }

  deinit { try? FileManager.default.removeItem(at: url) }
}
