import Athanor
import AthanorCore
import AthanorONNX
import Foundation
import Testing

/// The same numbers in each form in which files may hold them.
@Suite final class NumberFormTests {
  private let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"

  deinit { try? FileManager.default.removeItem(atPath: path) }

  private func predictions(_ network: NodeCase, _ change: (inout OnnxTensor) -> Void = { _ in }) throws -> [Float] {
    var model = network.model(network.node)
    if !model.graph.initializers.isEmpty { change(&model.graph.initializers[0]) }
    try Data(model.serializedData()).write(to: URL(fileURLWithPath: path))
    return try Model(contentsOf: path, threads: 1).predict(network.data).floats
  }

  /// 1, -2.5 and 0.00390625 in 16 bits, as bytes and in the list of integers.
  @Test(arguments: [(10, [0x3C00, 0xC100, 0x1C00]), (16, [0x3F80, 0xC020, 0x3B80])] as [(Int32, [UInt16])])
  func sixteenBits(_ type: Int32, _ patterns: [UInt16]) throws {
    let network = NodeCase("Mul", [], [.numbers([3], [1, 1, 1])]) { ($0.shape, $0.values) = ([1, 3], [2, 2, 4]) }
    let listed = try predictions(network) {
      ($0.dataType, $0.floats, $0.int32S) = (type, [], patterns.map { Int32($0) })
    }
    let bytes = try predictions(network) {
      ($0.dataType, $0.floats) = (type, [])
      $0.data = Data(patterns.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
    }
    #expect(listed == [2, -5, 0.015625])
    #expect(bytes == listed)
  }

  @Test func damagedTensors() throws {
    let network = NodeCase("Mul", [], [.numbers([3], [1, 1, 1])]) { $0.shape = [1, 3] }
    func refusal(_ change: (inout OnnxTensor) -> Void) -> String {
      do {
        return "\(try predictions(network, change))"
      } catch {
        return "\(error)".replacingOccurrences(of: path + ": tensor \"a\": ", with: "")
      }
    }
    let twice = "does not say in one way where its numbers are. Export the model again."
    #expect(refusal { $0.data = Data(repeating: 0, count: 12) } == twice)
    #expect(refusal { $0.external = [.with { ($0.key, $0.value) = ("location", "w") }] } == twice)
    #expect(refusal { $0.location = 1 } == twice)
    #expect(
      refusal { ($0.floats, $0.data) = ([], Data(repeating: 0, count: 13)) }
        == "has 13 bytes for shape (3), which needs 12. Export the model again.".replacingOccurrences(
          of: "(3)", with: Shape.text([3])))
  }

  /// A part of a first axis that counts no examples, as long as the batch of other files.
  @Test func partOfAFirstAxis() throws {
    let network = NodeCase("Slice", [], [.integers([1], [0]), .integers([1], [1]), .integers([1], [0])]) {
      ($0.shape, $0.values) = ([2, 2], [1, 2, 3, 4])
    }
    #expect(try predictions(network) == [1, 2])
  }
}
