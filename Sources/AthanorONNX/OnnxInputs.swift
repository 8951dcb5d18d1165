import Athanor
import AthanorCore

extension OnnxReader {
  /// The types of elements that models take, by the format's numbers. Floating-point numbers are given in 32 bits whatever the file has,
  /// integers of 64 bits in 32, and flags as bytes of 0 and 1.
  private static let inputTypes: [Int32: DType] = [
    1: .float32, 2: .uint8, 3: .int32, 4: .int32, 5: .int32, 6: .int32, 7: .int32, 9: .uint8, 10: .float32,
    11: .float32, 12: .int32, 13: .int32, 16: .float32,
  ]

  /// The graph's inputs. The first length, where one is open, counts examples; all other open lengths keep their names, and those without
  /// one are named after the input and the axis.
  ///
  /// - Throws: `AthanorError` that names an input which no model here takes.
  static func inputs(_ values: [OnnxValueInfo]) throws -> [Program.Input] {
    let first = values.lazy.compactMap { $0.type.tensor.shape.lengths.first }.first { isOpen($0) }
    let examples = first.map(name) ?? nil
    return try values.map { value in
      let place = "input \"\(value.name)\""
      guard value.type.hasTensor, value.type.tensor.hasShape else {
        throw AthanorError(
          .unsupported, at: place, value.type.hasTensor ? "has no shape in the file" : "is no tensor",
          fix: "Export the model with shapes.")
      }
      let tensor = value.type.tensor
      guard let type = inputTypes[tensor.dataType] else {
        throw AthanorError(
          .unsupported, at: place, "has elements of the type \(OnnxNumbers.name(tensor.dataType))",
          fix: "Export the model with inputs of floating-point numbers, integers or flags.")
      }
      var input = Program.Input(name: value.name, dtype: type, shape: [])
      for (axis, length) in tensor.shape.lengths.enumerated() {
        guard isOpen(length) else {
          input.shape.append(Int(clamping: length.value))
          continue
        }
        input.shape.append(0)
        switch name(length) {
        case let name where name == examples && (name != nil || axis == 0): input.open[axis] = Length.batchName
        case let name?: input.open[axis] = name == Length.batchName ? name + "_" : name
        case nil: input.open[axis] = axis == 0 ? Length.batchName : "\(value.name)_\(axis)"
        }
      }
      let fixed = input.shape.enumerated().filter { input.open[$0.offset] == nil }.map(\.element)
      guard fixed.allSatisfy({ $0 > 0 }), Tensor.elementCount(of: fixed).map({ $0 <= Shape.maximumElements }) == true
      else {
        throw AthanorError(
          .unsupported, at: place, "has the shape \(Shape.text(input.shape))", fix: "Each length must be at least 1.")
      }
      return input
    }
  }

  private static func isOpen(_ length: OnnxValueType.Length) -> Bool {
    if case .value(let value)? = length.kind { value < 0 } else { true }
  }

  private static func name(_ length: OnnxValueType.Length) -> String? {
    if case .name(let name)? = length.kind, !name.isEmpty { name } else { nil }
  }
}
