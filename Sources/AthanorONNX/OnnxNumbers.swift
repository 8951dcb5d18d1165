import Athanor
import AthanorCore

/// The numbers of a tensor in a file. Floating-point numbers of other sizes become those of 32 bits, and integers of 64 bits those of 32.
enum OnnxNumbers {
  case tensor(Tensor)
  /// Integers of which one does not fit 32 bits. Only lists of places and lengths may have them.
  case wide([Int], shape: [Int])

  /// - Throws: `AthanorError` that names the tensor, when it is damaged or of another kind.
  init(_ tensor: OnnxTensor) throws {
    let place = "tensor \"\(tensor.name)\""
    let shape = tensor.shape.map { Int(clamping: $0) }
    guard let count = Tensor.elementCount(of: shape), count <= Shape.maximumElements else {
      throw AthanorError(.data, at: place, "has the shape \(Shape.text(shape))")
    }
    guard tensor.location == 0 else {
      throw AthanorError(
        .unsupported, at: place, "its numbers lie in another file", fix: "Save the model as one file.")
    }
    let bytes = [UInt8](tensor.data)
    func patterns<Number: FixedWidthInteger>(_ type: Number.Type) -> [Number] {
      let width = Number.bitWidth / 8
      return stride(from: 0, to: bytes.count - bytes.count % width, by: width).map { place in
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
    case 10:
      let halves = bytes.isEmpty ? tensor.int32S.map { UInt16(truncatingIfNeeded: $0) } : patterns(UInt16.self)
      storage = .float32(halves.map { number(halfPattern: $0) })
    case 11:
      let values = bytes.isEmpty ? tensor.doubles : patterns(UInt64.self).map(Double.init(bitPattern:))
      storage = .float32(
        try values.map { value in
          guard Float(value).isFinite || !value.isFinite else {
            throw AthanorError(.unsupported, at: place, "holds \(value), which does not fit 32-bit floating point")
          }
          return Float(value)
        })
    case 7:
      let values = (bytes.isEmpty ? tensor.int64S : patterns(Int64.self)).map { Int($0) }
      guard values.allSatisfy({ Int32(exactly: $0) != nil }) else {
        guard values.count == count else { throw OnnxNumbers.miscount(values.count, shape, place) }
        self = .wide(values, shape: shape)
        return
      }
      storage = .int32(values.map { Int32(truncatingIfNeeded: $0) })
    case 6: storage = small(Int32.self)
    case 2, 9: storage = small(UInt8.self)
    case 3: storage = small(Int8.self)
    case 4: storage = small(UInt16.self)
    case 5: storage = small(Int16.self)
    default:
      throw AthanorError(.unsupported, at: place, "has the element type \(tensor.dataType), which cannot be read")
    }
    guard storage.count == count else { throw OnnxNumbers.miscount(storage.count, shape, place) }
    self = .tensor(Tensor(uncheckedShape: shape, storage))
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
    AthanorError(.data, at: place, "has \(count) numbers for shape \(Shape.text(shape))")
  }
}
