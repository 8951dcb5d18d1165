import Athanor
import AthanorCore

/// Reads an ML Program.
struct ProgramReader {
  private let file: CoreMLFile
  private(set) var result = Program()
  private var constants: [String: Program.Argument] = [:]
  private var names = UniqueNames()
  /// The lengths of values that are not open, by name.
  private var lengths: [String: [Int]] = [:]

  /// - Parameter takesPictures: Whether declared pictures go in, and not the numbers that the operations see.
  /// - Throws: `AthanorError` when a constant is damaged, or an operation or argument is not known.
  init(_ file: CoreMLFile, _ program: ProtoProgram, takesPictures: Bool = true) throws {
    self.file = file
    let name = program.functions["main"] == nil ? program.functions.keys.sorted().first ?? "main" : "main"
    guard let function = program.functions[name], let block = function.blocks[function.opset] else {
      throw AthanorError(.data, at: "function \"\(name)\"", "is missing, or has no block for its operation set")
    }
    result.inputs = try function.inputs.map { declared in
      guard let feature = file.model.description_p.inputs.first(where: { $0.name == declared.name }) else {
        throw AthanorError(.data, at: "function \"\(name)\"", "its input \"\(declared.name)\" is not described")
      }
      return try ProgramReader.input(declared, feature)
    }
    for input in function.inputs { lengths[input.name] = ProgramReader.fixedLengths(input.type) }
    names = UniqueNames(function.inputs.map(\.name) + block.operations.flatMap { $0.outputs.map(\.name) })
    result.outputs = block.outputs.map { Program.Result($0) }
    for message in block.operations {
      do {
        try message.requireKnownFields()
        switch FileOperation(rawValue: message.type) {
        case .classify:
          result.outputs = [Program.Result(message.inputs["probabilities"]?.bindings.first?.name ?? "")]
        case let constant?:
          guard let name = message.outputs.first?.name else { continue }
          constants[name] = try self.constant(message, constant)
        case nil: result.operations += try operations(message)
        }
        for output in message.outputs { lengths[output.name] = ProgramReader.fixedLengths(output.type) }
      } catch let error as AthanorError {
        throw error.within("\(message.outputs.first?.name ?? "?") (\(message.type))")
      }
    }
    guard takesPictures else {
      for index in result.inputs.indices { result.inputs[index].isPicture = false }
      return
    }
    for feature in file.model.description_p.inputs {
      guard case .image(let image) = feature.type.kind, image.colorSpace == ColorLayout.bgr.rawValue else { continue }
      try result.takeBGR(feature.name)
    }
  }

  private static func input(_ declared: ProtoNamedType, _ feature: ProtoFeature) throws -> Program.Input {
    let place = "input \"\(declared.name)\""
    guard case .tensor(let tensor) = declared.type.kind, let type = inputTypes[tensor.dataType] else {
      throw AthanorError(
        .unsupported, at: place, "is no tensor of a type that can be read",
        fix: "Numbers of 16 or 32 bits (float16, float32, int32) can be.")
    }
    var input = Program.Input(name: declared.name, dtype: type, shape: try inputShape(declared.type, feature.type))
    if case .image(let image) = feature.type.kind {
      input.isPicture = true
      let channels = try ColorLayout(image, at: place).channels
      guard input.shape.count == 4, input.shape[1] == channels else {
        throw AthanorError(
          .unsupported, at: place,
          "has shape \(Shape.text(input.shape)), but a picture has 4 axes, and \(channels) channels of its colours")
      }
    }
    for (axis, length) in tensor.dimensions.enumerated() {
      if case .constant = length.kind { continue }
      input.open[axis] = axis == 0 ? Length.batchName : "\(declared.name)_\(axis)"
    }
    return input
  }

  private static let inputTypes: [Int32: DType] = [10: .float32, 11: .float32, 23: .int32]

  /// An operation, or those that compute the same.
  private mutating func operations(_ message: ProtoOperation) throws -> [Program.Operation] {
    try ProgramReader.requireRead(message, attributes: ["name"])
    var arguments: [String: Program.Argument] = [:]
    for (name, binding) in message.inputs {
      let bound = try binding.bindings.map { one -> Program.Argument in
        switch one.kind {
        case .name(let value): constants[value] ?? .operand(.named(value))
        case .value(let value): try constant(value)
        case nil: throw AthanorError(.data, at: "", "its argument \"\(name)\" has neither name nor value")
        }
      }
      arguments[name] = bound.count == 1 ? bound[0] : .operands(bound.flatMap(\.operands))
    }
    let name = message.outputs.first?.name ?? message.type
    var shape: [Int]?
    if case .name(let x) = message.inputs["x"]?.bindings.first?.kind { shape = lengths[x] }
    var spelled = SpelledOperation(message.type, arguments, result: name, inputShape: shape, names: names)
    try ProgramSpelling.spell(&spelled)
    names = spelled.names
    guard spelled.operations.isEmpty else { return spelled.operations }
    let kind = try OperationKind.named(message.type)
    return [
      try Program.Operation(
        kind, name: name, kind.arguments(arguments), results: message.outputs.map { Program.Result($0.name) })
    ]
  }

  private static func fixedLengths(_ type: ProtoValueType) -> [Int]? {
    guard case .tensor(let tensor) = type.kind else { return nil }
    let lengths = tensor.dimensions.compactMap { dimension -> Int? in
      if case .constant(let length) = dimension.kind { Int(exactly: length.size) } else { nil }
    }
    return lengths.count == tensor.dimensions.count ? lengths : nil
  }

  // MARK: Constants

  /// Where lengths are open, the description has those for a start.
  private static func inputShape(_ declared: ProtoValueType, _ described: ProtoFeatureType) throws -> [Int] {
    guard case .tensor(var tensor) = declared.kind else { return try shape(declared, "the input") }
    var lengths: [UInt64] = []
    switch described.kind {
    case .image(let image) where tensor.dimensions.count == 4:
      lengths = [1, tensor.dimensions[1].constant.size, UInt64(max(0, image.height)), UInt64(max(0, image.width))]
    case .array(let array): lengths = array.shape.map { UInt64(max(0, $0)) }
    default: break
    }
    for axis in tensor.dimensions.indices where axis < lengths.count {
      if case .constant = tensor.dimensions[axis].kind { continue }
      tensor.dimensions[axis].constant.size = lengths[axis]
    }
    return try shape(.with { $0.tensor = tensor }, "the input")
  }

  private static func shape(_ type: ProtoValueType, _ place: String) throws -> [Int] {
    guard case .tensor(let tensor) = type.kind, tensor.dimensions.count == Int(tensor.rank) else {
      throw AthanorError(.data, at: place, "has no tensor's type")
    }
    let lengths = tensor.dimensions.map { dimension -> Int in
      if case .constant(let length) = dimension.kind { Int(clamping: length.size) } else { 0 }
    }
    // Only the batch may be open.
    guard lengths.dropFirst().allSatisfy({ $0 > 0 }),
      Tensor.elementCount(of: lengths).map({ $0 <= Shape.maximumElements }) == true
    else {
      throw AthanorError(.unsupported, at: place, "has the shape \(Shape.text(lengths)), where 0 is an open length")
    }
    return lengths
  }

  private func constant(_ value: ProtoValue) throws -> Program.Argument {
    if case .immediate(let immediate) = value.content, case .tensor(let tensor) = immediate.kind,
      case .strings(let strings) = tensor.kind
    {
      return .text(strings.values.first ?? "")
    }
    if case .immediate(let immediate) = value.content, case .list(let list) = immediate.kind {
      // A list of numbers or texts; only a classifier's labels are one, and they are read elsewhere.
      return .text("\(list.values.count) values")
    }
    return .constant(try numbers(value))
  }

  /// The numbers of a value, as 32-bit floating point or integers.
  private func numbers(_ value: ProtoValue) throws -> Tensor {
    guard case .tensor(let type) = value.type.kind else { throw AthanorError(.data, at: "", "a constant is no tensor") }
    let shape = try type.dimensions.isEmpty ? [] : ProgramReader.shape(value.type, "a constant")
    let count = shape.reduce(1, *)
    func checked(_ storage: Tensor.Storage) throws -> Tensor {
      guard storage.count == count else {
        throw AthanorError(.data, at: "", "a constant of shape \(Shape.text(shape)) has \(storage.count) numbers")
      }
      return Tensor(uncheckedShape: shape, storage)
    }
    if case .immediate(let immediate) = value.content, case .tensor(let tensor) = immediate.kind {
      switch tensor.kind {
      case .floats(let values): return try checked(.float32(values.values))
      case .doubles(let values): return try checked(.float32(values.values.map { Float($0) }))
      case .int32S(let values): return try checked(.int32(values.values))
      case .int64S(let values): return try checked(.int32(try values.values.map(ProgramReader.narrowed)))
      case .bools(let values): return try checked(.int32(values.values.map { $0 ? 1 : 0 }))
      default: break
      }
    }
    let bytes = try rawBytes(value, count)
    switch ProgramReader.bits(type.dataType) {
    case .floating(let width):
      let numbers = stride(from: 0, to: bytes.count, by: width / 8).map { place -> Float in
        let pattern = bytes[place..<min(place + width / 8, bytes.count)].reversed().reduce(UInt32(0)) {
          $0 << 8 | UInt32($1)
        }
        return width == 32 ? Float(bitPattern: pattern) : number(halfPattern: UInt16(truncatingIfNeeded: pattern))
      }
      return try checked(.float32(numbers))
    case .whole(let width, let isSigned) where width <= 8:
      let values = unpacked(bytes, bits: width, count: count, lowestFirst: true)
      return try checked(
        .int32(values.map { isSigned && $0 >> (width - 1) == 1 ? Int32($0) - (1 << Int32(width)) : Int32($0) }))
    case .whole(let width, let isSigned):
      let values = try stride(from: 0, to: bytes.count, by: width / 8).map { place -> Int32 in
        let pattern = bytes[place..<min(place + width / 8, bytes.count)].reversed().reduce(UInt32(0)) {
          $0 << 8 | UInt32($1)
        }
        return isSigned
          ? width == 16 ? Int32(Int16(truncatingIfNeeded: pattern)) : Int32(bitPattern: pattern)
          : try ProgramReader.narrowed(pattern)
      }
      return try checked(.int32(values))
    case nil: throw AthanorError(.unsupported, at: "", "a constant has the element type \(type.dataType)")
    }
  }

  private static func narrowed(_ integer: some FixedWidthInteger) throws -> Int32 {
    guard let narrow = Int32(exactly: integer) else {
      throw AthanorError(
        .unsupported, at: "", "a constant holds \(integer), which does not fit 32-bit integers",
        fix: "Give integers from \(Int32.min) to \(Int32.max).")
    }
    return narrow
  }

  private enum Element {
    case floating(Int)
    case whole(Int, isSigned: Bool)
  }

  /// By the format's number of the element type.
  private static func bits(_ type: Int32) -> Element? {
    switch type {
    case 10: .floating(16)
    case 11: .floating(32)
    case 21: .whole(8, isSigned: true)
    case 22: .whole(16, isSigned: true)
    case 23: .whole(32, isSigned: true)
    case 25: .whole(4, isSigned: true)
    case 31: .whole(8, isSigned: false)
    case 32: .whole(16, isSigned: false)
    case 33: .whole(32, isSigned: false)
    case 35: .whole(4, isSigned: false)
    case 36: .whole(2, isSigned: false)
    case 37: .whole(1, isSigned: false)
    case 38: .whole(6, isSigned: false)
    case 39: .whole(3, isSigned: false)
    default: nil
    }
  }

  /// The bytes of a value of so many elements.
  private func rawBytes(_ value: ProtoValue, _ count: Int) throws -> [UInt8] {
    guard case .tensor(let type) = value.type.kind, let element = ProgramReader.bits(type.dataType) else {
      throw AthanorError(.unsupported, at: "", "a constant has an element type that cannot be read")
    }
    let width =
      switch element {
      case .floating(let width), .whole(let width, _): width
      }
    let size = (count * width + 7) / 8
    switch value.content {
    case .blobFile(let blob):
      guard blob.fileName == "@model_path/weights/weight.bin" else {
        throw AthanorError(.unsupported, at: "", "its numbers lie in \"\(blob.fileName)\"")
      }
      return try file.weights.bytes(at: blob.offset, count: size)
    case .immediate(let immediate):
      guard case .tensor(let tensor) = immediate.kind, case .bytes(let bytes) = tensor.kind, bytes.values.count == size
      else { throw AthanorError(.data, at: "", "a constant has not the \(size) bytes of its shape") }
      return Array(bytes.values)
    case nil: throw AthanorError(.data, at: "", "a constant is empty")
    }
  }

  /// A constant, decoded where it is compressed.
  private func constant(_ message: ProtoOperation, _ kind: FileOperation) throws -> Program.Argument {
    var asked: Set<String> = ["name"]
    func argument(_ name: String) throws -> Tensor? {
      asked.insert(name)
      if let value = message.attributes[name] { return try numbers(value) }
      switch message.inputs[name]?.bindings.first?.kind {
      case .value(let value): return try numbers(value)
      case .name(let name):
        guard case .operand(.constant(let tensor)) = constants[name] else { return nil }
        return tensor
      case nil: return nil
      }
    }
    func required(_ name: String) throws -> Tensor {
      guard let tensor = try argument(name) else { throw AthanorError(.data, at: "", "its \(name) is missing") }
      return tensor
    }
    /// The shape of the result, which may also be said by itself.
    func shape() throws -> [Int] {
      let shape = try message.outputs.first.map { try ProgramReader.shape($0.type, "its result") } ?? []
      if let said = try argument("shape")?.integers, said != shape {
        throw AthanorError(.data, at: "", "its shape is \(said), but its result has shape \(Shape.text(shape))")
      }
      return shape
    }
    let result: Program.Argument
    switch kind {
    case .const, .classify:
      asked.insert("val")
      guard let value = message.attributes["val"] else { throw AthanorError(.data, at: "", "it has no value") }
      result = try constant(value)
    case .cast:
      // All numbers are kept in 32 bits, whatever the type they are cast to.
      asked.insert("output_dtype")
      result = .constant(try required("source_val"))
    case .affine:
      let data = try required("quantized_data")
      let axis = try required("axis").integers.first ?? 0
      result = .constant(try dequantized(data, scale: required("scale"), offset: argument("zero_point"), axis: axis))
    case .blockwise:
      result = .constant(
        try dequantizedByBlocks(required("data"), scale: required("scale"), offset: argument("offset")))
    case .palette:
      asked.insert("indices")
      result = .constant(
        try lookedUp(message, shape(), required("lut"), isPacked: message.attributes["indices"] != nil))
    case .sparse:
      asked.insert("mask")
      guard let mask = message.attributes["mask"] else {
        throw AthanorError(.unsupported, at: "", "this form of sparse weights cannot be read")
      }
      result = .constant(try spread(mask, required("nonzero_data"), shape()))
    }
    try ProgramReader.requireRead(message, attributes: asked, inputs: asked)
    return result
  }

  /// - Throws: `AthanorError` with an empty location that names an attribute, or an input, which nobody asked for.
  private static func requireRead(
    _ message: ProtoOperation, attributes: Set<String>, inputs: Set<String>? = nil
  ) throws {
    if let name = message.attributes.keys.sorted().first(where: { !attributes.contains($0) }) {
      throw AthanorError(.unsupported, at: "", "its attribute \"\(name)\" is not known")
    }
    if let inputs, let name = message.inputs.keys.sorted().first(where: { !inputs.contains($0) }) {
      throw AthanorError(.unsupported, at: "", "its argument \"\(name)\" is not known")
    }
  }

  /// `(q - zero point) * scale`, with one pair for all or one for each place along an axis.
  private func dequantized(_ data: Tensor, scale: Tensor, offset: Tensor?, axis: Int) throws -> Tensor {
    let rank = data.shape.count
    guard (-rank..<rank).contains(axis) else { throw AthanorError(.data, at: "", "its axis is \(axis)") }
    let place = axis < 0 ? axis + rank : axis
    func blocks(_ tensor: Tensor) throws -> Tensor {
      guard tensor.count == 1 || tensor.count == data.shape[place] else {
        throw AthanorError(.data, at: "", "it has \(tensor.count) scales for \(data.shape[place]) places")
      }
      var shape = [Int](repeating: 1, count: rank)
      shape[place] = tensor.count
      return Tensor(uncheckedShape: shape, tensor.storage)
    }
    return try dequantizedByBlocks(data, scale: blocks(scale), offset: offset.map(blocks))
  }

  /// `(q - offset) * scale`, with one pair for each block; the lengths of data are multiples of those of the scale.
  private func dequantizedByBlocks(_ data: Tensor, scale: Tensor, offset: Tensor?) throws -> Tensor {
    guard scale.shape.count == data.shape.count, offset.map({ $0.shape == scale.shape || $0.count == 1 }) ?? true,
      zip(data.shape, scale.shape).allSatisfy({ $1 > 0 && $0 % $1 == 0 })
    else {
      throw AthanorError(.data, at: "", "scales of shape \(scale.shape) do not go with numbers of shape \(data.shape)")
    }
    let sizes = zip(data.shape, scale.shape).map { $0 / $1 }
    let (values, scales, offsets) = (data.floats, scale.floats, offset?.floats)
    var place = [Int](repeating: 0, count: data.shape.count)
    let result = values.map { value -> Float in
      var block = 0
      for axis in place.indices { block = block * scale.shape[axis] + place[axis] / sizes[axis] }
      for axis in place.indices.reversed() {
        place[axis] += 1
        if place[axis] < data.shape[axis] { break }
        place[axis] = 0
      }
      let shift = offsets.map { $0[$0.count == 1 ? 0 : block] } ?? 0
      return (value - shift) * scales[block]
    }
    return Tensor(uncheckedShape: data.shape, .float32(result))
  }

  /// Entries of a table by their numbers, one table for all.
  private func lookedUp(_ message: ProtoOperation, _ shape: [Int], _ table: Tensor, isPacked: Bool) throws -> Tensor {
    let count = shape.reduce(1, *)
    let entries = table.floats
    let indices: [Int]
    if isPacked, let value = message.attributes["indices"] {
      let bits = (0...8).first { 1 << $0 == entries.count } ?? 0
      guard bits > 0 else { throw AthanorError(.data, at: "", "its table has \(entries.count) entries") }
      let bytes = try numbers(value).integers.map { UInt8(truncatingIfNeeded: $0) }
      guard bytes.count == (count * bits + 7) / 8 else { throw AthanorError(.data, at: "", "it has too few indices") }
      indices = unpacked(bytes, bits: bits, count: count, lowestFirst: true).map { Int($0) }
    } else {
      guard case .value(let value) = message.inputs["indices"]?.bindings.first?.kind,
        table.shape.last == 1, table.shape.dropLast(2).allSatisfy({ $0 == 1 })
      else {
        throw AthanorError(.unsupported, at: "", "a table for each group of weights cannot be read")
      }
      indices = try numbers(value).integers
    }
    guard indices.count == count, indices.allSatisfy(entries.indices.contains) else {
      throw AthanorError(.data, at: "", "an index lies outside of its table of \(entries.count)")
    }
    return Tensor(uncheckedShape: shape, .float32(indices.map { entries[$0] }))
  }

  /// Numbers at the places where a mask of bits is set, zero elsewhere.
  private func spread(_ mask: ProtoValue, _ values: Tensor, _ shape: [Int]) throws -> Tensor {
    let count = shape.reduce(1, *)
    let bytes = try numbers(mask).integers.map { UInt8(truncatingIfNeeded: $0) }
    guard bytes.count == (count + 7) / 8 else { throw AthanorError(.data, at: "", "its mask has \(bytes.count) bytes") }
    let bits = unpacked(bytes, bits: 1, count: count, lowestFirst: true)
    guard bits.reduce(0, { $0 + Int($1) }) == values.count else {
      throw AthanorError(.data, at: "", "its mask does not go with its \(values.count) numbers")
    }
    var next = values.floats.makeIterator()
    return Tensor(uncheckedShape: shape, .float32(bits.map { $0 == 1 ? next.next() ?? 0 : 0 }))
  }
}
