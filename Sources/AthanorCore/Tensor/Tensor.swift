/// An array of numbers with a shape, held in memory in row-major order: what goes into a model and comes out of it.
///
/// Images are `[N, H, W, C]` (channels last). Elements keep the type that they came with; pixels stay bytes until a
/// batch is made.
///
/// - Example:
///   ```swift
///   let x = try Tensor(shape: [2, 3], [1, 2, 3, 4, 5, 6])
///   print(x.floats[4])  // 5.0
///   ```
public struct Tensor: Hashable, Sendable {
  /// The elements, by type.
  public enum Storage: Hashable, Sendable {
    /// 32-bit floating point.
    case float32([Float])
    /// 64-bit floating point.
    case float64([Double])
    /// 32-bit integers.
    case int32([Int32])
    /// Bytes.
    case uint8([UInt8])

    /// How many elements there are.
    public var count: Int {
      switch self {
      case .float32(let values): values.count
      case .float64(let values): values.count
      case .int32(let values): values.count
      case .uint8(let values): values.count
      }
    }
  }

  /// The length of each axis; empty for a single number.
  public let shape: [Int]
  /// The elements in row-major order.
  public let storage: Storage

  /// Makes a tensor from elements of any type.
  ///
  /// - Throws: `AthanorError` when a length is negative or the count does not fit the shape.
  public init(shape: [Int], storage: Storage) throws {
    guard let count = Tensor.elementCount(of: shape) else {
      throw AthanorError(
        .argument, at: "Tensor", "shape \(shape) has a negative length or more elements than memory can hold",
        fix: "Give lengths of zero or more.")
    }
    guard storage.count == count else {
      throw AthanorError(
        .argument, at: "Tensor", "\(storage.count) elements were given but shape \(shape) holds \(count)",
        fix: "Give as many elements as the product of the shape's lengths.")
    }
    self.shape = shape
    self.storage = storage
  }

  /// Makes a tensor of 32-bit floating-point numbers.
  ///
  /// - Throws: `AthanorError` when the count does not fit the shape.
  public init(shape: [Int], _ values: [Float]) throws { try self.init(shape: shape, storage: .float32(values)) }

  /// Makes a tensor of bytes, for example pixels.
  ///
  /// - Throws: `AthanorError` when the count does not fit the shape.
  public init(shape: [Int], bytes: [UInt8]) throws { try self.init(shape: shape, storage: .uint8(bytes)) }

  /// Makes a tensor of integers, for example class numbers.
  ///
  /// - Throws: `AthanorError` when the count does not fit the shape.
  public init(shape: [Int], integers: [Int32]) throws { try self.init(shape: shape, storage: .int32(integers)) }

  /// A tensor of the elements in memory, of which there are at least enough.
  package init(copying bytes: UnsafeMutableRawBufferPointer?, shape: [Int], dtype: DType) {
    let count = shape.reduce(1, *)
    func elements<Element>(_ type: Element.Type) -> [Element] {
      Array((bytes?.bindMemory(to: type) ?? UnsafeMutableBufferPointer(start: nil, count: 0)).prefix(count))
    }
    switch dtype {
    case .int32: self.init(uncheckedShape: shape, .int32(elements(Int32.self)))
    case .uint8: self.init(uncheckedShape: shape, .uint8(elements(UInt8.self)))
    case .float64: self.init(uncheckedShape: shape, .float64(elements(Double.self)))
    default: self.init(uncheckedShape: shape, .float32(elements(Float.self)))
    }
  }

  /// A tensor of zeros, for lengths that are known to be valid.
  package init(zeros shape: [Int]) {
    self.shape = shape
    self.storage = .float32([Float](repeating: 0, count: shape.reduce(1, *)))
  }

  /// A tensor whose count is known to fit.
  package init(uncheckedShape shape: [Int], _ storage: Storage) {
    self.shape = shape
    self.storage = storage
  }

  /// How many elements there are.
  public var count: Int { storage.count }

  /// The type of the elements.
  public var dtype: DType {
    switch storage {
    case .float32: .float32
    case .float64: .float64
    case .int32: .int32
    case .uint8: .uint8
    }
  }

  /// The elements as 32-bit floating-point numbers, converted when they are of another type.
  public var floats: [Float] {
    switch storage {
    case .float32(let values): values
    case .float64(let values): values.map { Float($0) }
    case .int32(let values): values.map { Float($0) }
    case .uint8(let values): values.map { Float($0) }
    }
  }

  /// The number of elements of a shape, or nil when a length is negative or the product overflows.
  package static func elementCount(of shape: [Int]) -> Int? {
    var count = 1
    for length in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: length)
      guard length >= 0, !overflow else { return nil }
      count = product
    }
    return count
  }

  /// Some rows (places along the first axis), in the order given.
  ///
  /// - Throws: `AthanorError` when there is no first axis or a row lies outside of it.
  public func rows(_ indices: some Collection<Int>) throws -> Tensor {
    guard let length = shape.first else {
      throw AthanorError(
        .argument, at: "Tensor.rows", "a single number has no rows", fix: "Give a tensor with at least one axis.")
    }
    for index in indices where index < 0 || index >= length {
      throw AthanorError(
        .argument, at: "Tensor.rows", "row \(index) was asked for but there are \(length)",
        fix: length == 0 ? "Give a tensor with at least one row." : "Give rows from 0 to \(length - 1).")
    }
    let stride = shape.dropFirst().reduce(1, *)
    func gather<Element>(_ values: [Element]) -> [Element] {
      var result: [Element] = []
      result.reserveCapacity(indices.count * stride)
      for index in indices { result.append(contentsOf: values[index * stride..<(index + 1) * stride]) }
      return result
    }
    let gathered: Storage =
      switch storage {
      case .float32(let values): .float32(gather(values))
      case .float64(let values): .float64(gather(values))
      case .int32(let values): .int32(gather(values))
      case .uint8(let values): .uint8(gather(values))
      }
    return Tensor(uncheckedShape: [indices.count] + shape.dropFirst(), gathered)
  }

  /// The rows of several tensors one after another.
  ///
  /// - Throws: `AthanorError` when there are none, or they have not one type and one shape behind the first axis.
  package init(joiningRowsOf tensors: [Tensor]) throws {
    guard let first = tensors.first, !first.shape.isEmpty,
      tensors.allSatisfy({ $0.dtype == first.dtype && $0.shape.dropFirst() == first.shape.dropFirst() })
    else {
      let types = tensors.map { "\($0.dtype.rawValue)\(Shape.text($0.shape))" }.joined(separator: ", ")
      throw AthanorError(
        .argument, at: "Tensor(joiningRowsOf:)", "\(types) cannot follow each other",
        fix: "Give tensors of one type and of one shape behind the first axis.")
    }
    func joined<Element>(_ elements: (Storage) -> [Element]?) -> [Element] {
      var result: [Element] = []
      result.reserveCapacity(tensors.reduce(0) { $0 + $1.count })
      for tensor in tensors { result += elements(tensor.storage) ?? [] }
      return result
    }
    let storage: Storage =
      switch first.storage {
      case .float32: .float32(joined { if case .float32(let values) = $0 { values } else { nil } })
      case .float64: .float64(joined { if case .float64(let values) = $0 { values } else { nil } })
      case .int32: .int32(joined { if case .int32(let values) = $0 { values } else { nil } })
      case .uint8: .uint8(joined { if case .uint8(let values) = $0 { values } else { nil } })
      }
    self.init(uncheckedShape: [tensors.reduce(0) { $0 + $1.shape[0] }] + first.shape.dropFirst(), storage)
  }

  /// The axes in another order, as 32-bit floating-point numbers: axis i of the result is axis `order[i]` of this tensor.
  package func transposed(_ order: [Int]) -> Tensor {
    let lengths = order.map { shape[$0] }
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in stride(from: shape.count - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    let (steps, values) = (order.map { strides[$0] }, floats)
    var result: [Float] = []
    result.reserveCapacity(values.count)
    var place = [Int](repeating: 0, count: lengths.count)
    for _ in values {
      result.append(values[zip(place, steps).reduce(0) { $0 + $1.0 * $1.1 }])
      for axis in place.indices.reversed() {
        place[axis] += 1
        if place[axis] < lengths[axis] { break }
        place[axis] = 0
      }
    }
    return Tensor(uncheckedShape: lengths, .float32(result))
  }
}
