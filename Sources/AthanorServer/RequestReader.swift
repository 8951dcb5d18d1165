import Athanor
import AthanorDatasets
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

import struct Athanor.Port

/// What the body of a request holds.
enum RequestContents {
  /// A picture, PNG or JPEG.
  case picture(Picture)
  /// Numbers for the model's inputs, in order, and how many examples they hold.
  case numbers([Tensor], count: Int)

  private static let forms = "Send a PNG or JPEG picture, or JSON: {\"inputs\": [...]}."

  /// Reads a body. Its kind is told by its first bytes: `curl --data-binary` calls everything a form.
  init(_ body: ByteBuffer, for model: ServedModel, _ limits: ServiceLimits) throws {
    let bytes = Data(body.readableBytesView)
    let first = bytes.first { !" \n\r\t".utf8.contains($0) }
    let isJSON = first.map { "{[\"".utf8.contains($0) } ?? false
    guard first != nil else { throw ServiceError(.badRequest, "the body is empty", fix: RequestContents.forms) }
    if isJSON {
      self = try RequestContents.numbers(bytes, model, limits)
      return
    }
    if case .other(let problem, _) = PictureKind(of: bytes) {
      throw ServiceError(.unsupportedMediaType, "the body cannot be read: \(problem)", fix: RequestContents.forms)
    }
    do {
      self = .picture(try Picture(data: bytes, name: "the picture", pixelLimit: limits.pixelCount))
    } catch let error as AthanorError {
      let isTooLarge = error.kind == .unsupported
      throw ServiceError(
        isTooLarge ? .contentTooLarge : .badRequest, "\(error.location): \(error.problem)", fix: error.commandRemedy)
    }
  }

  /// `{"inputs": array}` for a model of one input, or `{"inputs": {NAME: array}}`.
  private static func numbers(_ bytes: Data, _ model: ServedModel, _ limits: ServiceLimits) throws -> RequestContents {
    guard let text = String(data: bytes, encoding: .utf8) else {
      throw ServiceError(.badRequest, "the body is not valid UTF-8", fix: forms)
    }
    let value: JSONValue
    do {
      value = try JSONValue(parsing: text, at: "the body")
    } catch let error as AthanorError {
      throw ServiceError(
        .badRequest, "\(error.location): \(error.problem)",
        fix: forms + " Arrays may lie 128 deep within each other, and numbers must fit 64-bit floating point.")
    }
    guard case .object(let fields) = value, let inputs = fields["inputs"], fields.count == 1 else {
      let keys = if case .object(let fields) = value { fields.keys.sorted().joined(separator: ", ") } else { "" }
      throw ServiceError(
        .badRequest, "the body has the keys \"\(keys.prefix(200))\" but \"inputs\" alone is read", fix: forms)
    }
    let names = model.inputs.map(\.name)
    let arrays: [JSONValue]
    if case .object(let byName) = inputs {
      guard byName.keys.sorted() == names.sorted() else {
        throw ServiceError(
          .unprocessableContent,
          "inputs are given for \(byName.isEmpty ? "nothing" : byName.keys.sorted().joined(separator: ", ").prefix(200)) but the model has "
            + names.joined(separator: ", "), fix: "Give one array for each of them.")
      }
      arrays = names.compactMap { byName[$0] }
    } else if names.count == 1 {
      arrays = [inputs]
    } else {
      throw ServiceError(
        .unprocessableContent, "one array is given but the model has the inputs \(names.joined(separator: ", "))",
        fix: "Give them by name: {\"inputs\": {\"\(names[0])\": [...], ...}}.")
    }
    let tensors = try zip(model.inputs, arrays).map { try Tensor($1, for: $0) }
    let counts = zip(model.inputs, tensors).map { port, tensor in port.exampleAxis.map { tensor.shape[$0] } ?? 1 }
    let count = counts.max() ?? 1
    guard count <= limits.exampleCount else {
      throw ServiceError(
        .contentTooLarge, "the request has \(count) examples but at most \(limits.exampleCount) are computed",
        fix: "Send several requests.")
    }
    return .numbers(tensors, count: count)
  }
}

extension Tensor {
  /// The numbers of nested arrays, for an input.
  fileprivate init(_ array: JSONValue, for port: Port) throws {
    func misfit(_ what: String) -> ServiceError {
      ServiceError(
        .unprocessableContent, "input \"\(port.name)\" \(what)",
        fix: "Give arrays of numbers within each other, of shape \(Shape.text(port.lengths.map(\.fixed))).")
    }
    var shape: [Int] = []
    var level = array
    while case .array(let values) = level {
      shape.append(values.count)
      guard let first = values.first else { break }
      level = first
    }
    guard shape.count == port.lengths.count,
      zip(shape, port.lengths).allSatisfy({ $1.fixed == nil || $0 == $1.fixed })
    else { throw misfit("has shape \(Shape.text(shape.map { $0 }))") }
    var numbers: [Double] = []
    func add(_ value: JSONValue, _ lengths: ArraySlice<Int>) throws {
      switch value {
      case .array(let values) where values.count == lengths.first:
        for value in values { try add(value, lengths.dropFirst()) }
      case .integer(let integer) where lengths.isEmpty: numbers.append(Double(integer))
      case .number(let number) where lengths.isEmpty: numbers.append(number)
      default: throw misfit("has arrays of different lengths, or something that is no number")
      }
    }
    try add(array, shape[...])
    if port.dtype == .float32, let number = numbers.first(where: { !Float($0).isFinite }) {
      throw misfit("takes float32 but \(number) was given, which is beyond it")
    }
    guard !numbers.isEmpty else { throw misfit("has no numbers") }
    func integers<Integer: FixedWidthInteger>(_ type: Integer.Type) throws -> [Integer] {
      try numbers.map { number in
        guard let integer = Integer(exactly: number) else {
          throw misfit("takes \(port.dtype.rawValue) but \(number) was given")
        }
        return integer
      }
    }
    let storage: Storage =
      switch port.dtype {
      case .float32: .float32(numbers.map(Float.init))
      case .float64: .float64(numbers)
      case .int32: .int32(try integers(Int32.self))
      case .uint8: .uint8(try integers(UInt8.self))
      case .uint16: throw misfit("takes \(port.dtype.rawValue), which is not read")
      }
    try self.init(shape: shape, storage: storage)
  }
}
