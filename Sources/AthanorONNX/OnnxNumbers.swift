import Athanor
import AthanorCore

/// The numbers of a tensor in a file. Floating-point numbers of other sizes become those of 32 bits, and integers of 64 bits those of 32.
enum OnnxNumbers {
  case tensor(Tensor)
  /// Integers of which one does not fit 32 bits. Only lists of places and lengths may have them.
  case wide([Int], shape: [Int])

  /// - Parameter folder: Where files lie that hold tensors.
  /// - Throws: `AthanorError` that names the tensor, when it is damaged or of another kind.
  init(_ tensor: OnnxTensor, folder: String) throws {
    let place = "tensor \"\(tensor.name)\""
    let shape = tensor.shape.map { Int(clamping: $0) }
    guard let count = Tensor.elementCount(of: shape), count <= Shape.maximumElements else {
      throw AthanorError(.data, at: place, "has the shape \(Shape.text(shape))", fix: "Export the model again.")
    }
    guard let width = OnnxNumbers.widths[tensor.dataType] else {
      throw AthanorError(
        .unsupported, at: place, "has the element type \(OnnxNumbers.name(tensor.dataType)), which cannot be read",
        fix: "Export the model with weights of float32, float16 or bfloat16.")
    }
    try OnnxFields.requireKnown(tensor)
    let filled = [
      !tensor.data.isEmpty, !tensor.floats.isEmpty, !tensor.int32S.isEmpty, !tensor.int64S.isEmpty,
      !tensor.doubles.isEmpty, !tensor.uint64S.isEmpty, !tensor.external.isEmpty,
    ]
    guard filled.filter({ $0 }).count <= 1, tensor.location == (tensor.external.isEmpty ? 0 : 1) else {
      throw AthanorError(
        .data, at: place, "does not say in one way where its numbers are", fix: "Export the model again.")
    }
    let bytes: [UInt8]
    do {
      bytes = try tensor.location == 0 ? [UInt8](tensor.data) : OnnxExternalData(tensor, folder).bytes(count * width)
    } catch let error as AthanorError { throw error.within(place) }
    guard bytes.isEmpty || bytes.count == count * width else {
      throw AthanorError(
        .data, at: place, "has \(bytes.count) bytes for shape \(Shape.text(shape)), which needs \(count * width)",
        fix: "Export the model again.")
    }
    func patterns<Number: FixedWidthInteger>(_ type: Number.Type) -> [Number] {
      let width = Number.bitWidth / 8
      return stride(from: 0, to: bytes.count, by: width).map { place in
        bytes[place..<place + width].reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
      }
    }
    /// Small integers stand in the file's list of 32-bit ones where they are no bytes.
    func small<Number: FixedWidthInteger>(_ type: Number.Type) -> Tensor.Storage {
      .int32(bytes.isEmpty ? tensor.int32S : patterns(type).map { Int32(truncatingIfNeeded: $0) })
    }
    let storage: Tensor.Storage
    switch tensor.dataType {
    case 1: storage = .float32(bytes.isEmpty ? tensor.floats : patterns(UInt32.self).map(Float.init(bitPattern:)))
    case 10, 16:
      let halves = bytes.isEmpty ? tensor.int32S.map { UInt16(truncatingIfNeeded: $0) } : patterns(UInt16.self)
      storage = .float32(
        halves.map { tensor.dataType == 10 ? number(halfPattern: $0) : Float(bitPattern: UInt32($0) << 16) })
    case 11:
      let values = bytes.isEmpty ? tensor.doubles : patterns(UInt64.self).map(Double.init(bitPattern:))
      storage = .float32(
        try values.map { value in
          guard Float(value).isFinite || !value.isFinite else {
            throw AthanorError(
              .unsupported, at: place, "holds \(value), which does not fit 32-bit floating point",
              fix: "Export the model with weights of float32.")
          }
          return Float(value)
        })
    case 7, 12, 13:
      let values: [Int]
      switch tensor.dataType {
      case 7: values = (bytes.isEmpty ? tensor.int64S : patterns(Int64.self)).map { Int($0) }
      case 12: values = bytes.isEmpty ? tensor.uint64S.map { Int(clamping: $0) } : patterns(UInt32.self).map { Int($0) }
      default: values = (bytes.isEmpty ? tensor.uint64S : patterns(UInt64.self)).map { Int(clamping: $0) }
      }
      guard values.allSatisfy({ Int32(exactly: $0) != nil }) else {
        guard values.count == count else { throw OnnxNumbers.miscount(values.count, shape, place) }
        self = .wide(values, shape: shape)
        return
      }
      storage = .int32(values.map { Int32(truncatingIfNeeded: $0) })
    case 6: storage = small(Int32.self)
    case 2: storage = small(UInt8.self)
    case 9: storage = .int32((bytes.isEmpty ? tensor.int32S : bytes.map { Int32($0) }).map { $0 == 0 ? 0 : 1 })
    case 3: storage = small(Int8.self)
    case 4: storage = small(UInt16.self)
    default: storage = small(Int16.self)
    }
    guard storage.count == count else { throw OnnxNumbers.miscount(storage.count, shape, place) }
    self = .tensor(Tensor(uncheckedShape: shape, storage))
  }

  /// The format's element types that can be read, by their numbers, and their sizes in bytes.
  private static let widths: [Int32: Int] = [
    1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2,
  ]

  /// The format's name of an element type.
  static func name(_ type: Int32) -> String {
    let names = [
      "undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16",
      "double", "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz",
      "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1",
    ]
    return names.indices.contains(Int(type)) ? names[Int(type)] : "\(type)"
  }

  /// The format's numbers of the types that nodes have results of whatever they are given.
  static let (float, place, flag): (Int32, Int32, Int32) = (1, 7, 9)

  /// Whether a type, by the format's number, is that of integers of less than 32 bits.
  static func isShort(_ type: Int32) -> Bool { (2...5).contains(type) }

  /// What integers are in a type of fewer bits than they were computed with: they wrap around, as in NumPy.
  ///
  /// - Parameter type: The format's number of it; nil where it is not known.
  /// - Throws: `AthanorError` with an empty location when one wraps to a number beyond 32 bits.
  static func wrapped(_ tensor: Tensor, _ type: Int32?) throws -> Tensor {
    guard case .int32(let values) = tensor.storage, let type else { return tensor }
    let wrap: (Int32) -> Int32
    switch type {
    case 2: wrap = { Int32(UInt8(truncatingIfNeeded: $0)) }
    case 3: wrap = { Int32(Int8(truncatingIfNeeded: $0)) }
    case 4: wrap = { Int32(UInt16(truncatingIfNeeded: $0)) }
    case 5: wrap = { Int32(Int16(truncatingIfNeeded: $0)) }
    case 12, 13:
      guard let negative = values.first(where: { $0 < 0 }) else { return tensor }
      throw AthanorError(
        .unsupported, at: "", "it computes \(negative) in \(name(type)), which wraps around to a number beyond 32 bits",
        fix: "Export the model with signed integers.")
    default: return tensor
    }
    return Tensor(uncheckedShape: tensor.shape, .int32(values.map(wrap)))
  }

  init(_ integers: [Int], shape: [Int]) {
    let narrow = integers.compactMap(Int32.init(exactly:))
    self =
      narrow.count == integers.count
      ? .tensor(Tensor(uncheckedShape: shape, .int32(narrow))) : .wide(integers, shape: shape)
  }

  /// The error of integers of which one does not fit.
  static func misfit(_ integers: [Int], _ what: String) -> AthanorError {
    let integer = integers.first { Int32(exactly: $0) == nil } ?? 0
    return AthanorError(
      .unsupported, at: "", "\(what) holds \(integer), which does not fit 32-bit integers",
      fix: "Give integers from \(Int32.min) to \(Int32.max).")
  }

  private static func miscount(_ count: Int, _ shape: [Int], _ place: String) -> AthanorError {
    AthanorError(
      .data, at: place, "has \(count) numbers for shape \(Shape.text(shape))", fix: "Export the model again.")
  }
}
