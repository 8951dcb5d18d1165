import Athanor
import AthanorCore

/// Operations of ML Programs that hold what a program has as constants and classes.
enum FileOperation: String, CustomStringConvertible {
  case const, classify
  case cast = "constexpr_cast"
  case affine = "constexpr_affine_dequantize"
  case blockwise = "constexpr_blockwise_shift_scale"
  case palette = "constexpr_lut_to_dense"
  case sparse = "constexpr_sparse_to_dense"

  var description: String { rawValue }
}

/// Writes a program as the operations of an ML Program.
final class ProgramBuilder {
  /// The numbers by which the format names types.
  enum DataType: Int32 {
    case bool = 1
    case string = 2
    case float16 = 10
    case float32 = 11
    case float64 = 12
    case int8 = 21
    case int32 = 23
    case int64 = 24
    case uint8 = 31
    case uint32 = 33
  }

  /// Of everything between the program's inputs and outputs.
  let dataType: DataType
  private let compression: Compression?
  private(set) var operations: [ProtoOperation] = []
  private(set) var weights = WeightFile()
  /// What the program's values are called in the file.
  private var names: [String: String] = [:]
  private var ranks: [String: Int] = [:]
  private var unique = UniqueNames(ProgramBuilder.reservedWords)

  /// Words of the language, which name no value. Source: MIL's grammar, as coremltools keeps to it.
  static let reservedWords = Set(
    """
    any bool program func tensor list dict tuple true false string bf16 fp16 fp32 fp64 int8 int16 int32 int64 uint8 uint16
    uint32 uint64
    """.split(whereSeparator: \.isWhitespace).map(String.init))

  init(_ dataType: DataType, compression: Compression? = nil) {
    self.dataType = dataType
    self.compression = compression
  }

  /// A name that begins like `base`, holds nothing that the language refuses, and is new.
  func uniqueName(_ base: String) -> String {
    var name = String(base.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    if name.first.map({ $0.isNumber }) ?? true { name = "_" + name }
    return unique.new(name)
  }

  /// Writes all operations.
  ///
  /// - Parameter inputs: What the program's inputs are called in the file.
  /// - Returns: What the program's outputs are called in the file.
  /// - Throws: `AthanorError` that names the layer, when the format cannot hold it.
  func write(_ program: Program, inputs: [String: String]) throws -> [String] {
    names = inputs
    for input in program.inputs { ranks[input.name] = input.shape.count }
    try program.translate(write)
    return program.outputs.map { names[$0.name] ?? $0.name }
  }

  /// The type in which the program keeps elements.
  func type(of dtype: DType) -> DataType { dtype.isFloatingPoint ? dataType : .int32 }

  private func write(_ given: Program.Operation) throws {
    let operation = try adapted(given)
    let outputs = operation.results.map { (result: $0, name: uniqueName($0.name), shape: $0.shape?.lengths ?? []) }
    if let output = outputs.first(where: { $0.shape.count > 5 }) {
      throw AthanorError(
        .unsupported, at: "", "a result of shape \(Shape.text(output.shape)) has more than the 5 axes of Core ML",
        fix: "Reshape to fewer axes.")
    }
    var inputs: [String: ProtoArgument] = [:]
    for (name, argument) in operation.given {
      inputs[name.rawValue] = bind(argument, "\(outputs[0].name)_\(name.rawValue)")
    }
    if operation.kind == .batchNorm, outputs[0].shape.count == 2 {
      addToRows(operation.kind, inputs, outputs[0].name, outputs[0].shape)
    } else {
      add(operation.kind, inputs, outputs.map { ($0.name, .tensor(type(of: $0.result.dtype), $0.shape)) })
    }
    for output in outputs {
      names[output.result.name] = output.name
      ranks[output.result.name] = output.shape.count
    }
  }

  /// The operation with the arguments that the format wants.
  private func adapted(_ operation: Program.Operation) throws -> Program.Operation {
    switch operation.kind {
    case .cast where dataType == .float16:
      return try operation.with(.dtype, .choice(OperationKind.Precision.float16))
    case .reshape:
      var lengths = try operation.integers(.shape)
      guard case .named(let x) = try operation.operand(.x), ranks[x] != lengths.count,
        let open = lengths.firstIndex(of: 0)
      else { return operation }
      // Lengths are copied only where the number of axes stays; one may be inferred.
      lengths[open] = -1
      guard !lengths.contains(0), lengths.count(where: { $0 == -1 }) == 1 else {
        throw AthanorError(
          .unsupported, at: "",
          "its result of shape \(operation.results[0].shape ?? []) has several open lengths, and other axes than its input",
          fix: "Leave one of them open, or keep the number of axes.")
      }
      return try operation.with(.shape, .integers(lengths))
    default: return operation
    }
  }

  /// Adds an operation that needs an axis behind the channels, which rows `[N, C]` do not have: they are given one, and lose it again.
  private func addToRows(_ kind: OperationKind, _ inputs: [String: ProtoArgument], _ output: String, _ shape: [Int?]) {
    let type = ProtoValueType.tensor(dataType, shape + [1])
    let axes = [ArgumentName.axes.rawValue: bind(.integers([2]), "\(output)_axes")]
    let (expanded, result) = (uniqueName("\(output)_expanded"), uniqueName("\(output)_columns"))
    var inputs = inputs
    let x = ArgumentName.x.rawValue
    add(OperationKind.expandDims, axes.merging([x: inputs[x] ?? ProtoArgument()]) { $1 }, [(expanded, type)])
    inputs[x] = .named([expanded])
    add(kind, inputs, [(result, type)])
    add(
      OperationKind.squeeze, axes.merging([x: .named([result])]) { $1 }, [(output, .tensor(dataType, shape))])
  }

  /// Adds an operation with results of given types.
  func add(
    _ kind: some CustomStringConvertible, _ inputs: [String: ProtoArgument],
    _ outputs: [(name: String, type: ProtoValueType)]
  ) {
    var message = ProtoOperation()
    message.type = kind.description
    message.inputs = inputs
    message.outputs = outputs.map { output in .with { ($0.name, $0.type) = (output.name, output.type) } }
    message.attributes["name"] = .text(outputs.first?.name ?? message.type)
    operations.append(message)
  }

  /// The name of an operand, which becomes a constant of the program when its numbers are known.
  private func name(of operand: Program.Operand, _ wanted: String) -> String {
    switch operand {
    case .named(let name): return names[name] ?? name
    case .constant(let tensor):
      if let compression, Compression.concerns(tensor.shape) { return compressed(tensor, compression, wanted) }
      return constant(content(tensor.floats, dataType, tensor.shape), wanted)
    }
  }

  /// Ten numbers and more go into the weight file.
  private func content(_ values: [Float], _ type: DataType, _ shape: [Int]) -> ProtoValue {
    let element: WeightFile.Element =
      switch type {
      case .float16: .float16
      case .int8: .int8
      case .uint8: .uint8
      default: .float32
      }
    var content = ProtoValue()
    content.type = .tensor(type, shape)
    if values.count >= 10 {
      content.blobFile.fileName = "@model_path/weights/weight.bin"
      content.blobFile.offset = UInt64(weights.append([UInt8](values, as: element), element))
    } else if element == .float32 {
      content.immediate.tensor.floats.values = values
    } else {
      content.immediate.tensor.bytes.values = .init([UInt8](values, as: element))
    }
    return content
  }

  /// A kernel, output channels first, in fewer bits; the program spreads it out when it is loaded.
  private func compressed(_ tensor: Tensor, _ compression: Compression, _ wanted: String) -> String {
    let name = uniqueName(wanted)
    var message = ProtoOperation()
    message.outputs = [.with { ($0.name, $0.type) = (name, .tensor(dataType, tensor.shape)) }]
    message.attributes["name"] = .text(name)
    switch compression {
    case .int8:
      message.type = FileOperation.affine.rawValue
      let (codes, scales) = Compression.codes(of: tensor)
      message.attributes["quantized_data"] = content(codes.map { Float($0) }, .int8, tensor.shape)
      message.attributes["zero_point"] = content(scales.map { _ in 0 }, .int8, [scales.count])
      message.attributes["scale"] = content(scales, dataType, [scales.count])
      message.attributes["axis"] = .with {
        $0.type = .tensor(.int32, [])
        $0.immediate.tensor.int32S.values = [0]
      }
    case .palette(let bits):
      message.type = FileOperation.palette.rawValue
      let (indices, table) = Compression.indices(of: tensor.floats, bits: bits)
      let bytes = packed(indices, bits: bits, lowestFirst: true)
      message.attributes["indices"] = content(bytes.map { Float($0) }, .uint8, [bytes.count])
      message.attributes["lut"] = content(table, dataType, [table.count])
      message.attributes["shape"] = .with {
        $0.type = .tensor(.uint32, [tensor.shape.count])
        // Numbers without a sign lie in bytes.
        $0.immediate.tensor.bytes.values = .init(
          tensor.shape.flatMap { length in withUnsafeBytes(of: UInt32(clamping: length).littleEndian) { Array($0) } })
      }
    }
    operations.append(message)
    return name
  }

  private func constant(_ value: ProtoValue, _ wanted: String) -> String {
    let name = uniqueName(wanted)
    var message = ProtoOperation()
    message.type = FileOperation.const.rawValue
    message.outputs = [.with { ($0.name, $0.type) = (name, value.type) }]
    message.attributes = ["name": .text(name), "val": value]
    operations.append(message)
    return name
  }

  /// Converts a value into another precision, under a given name.
  func cast(_ value: String, to type: DataType, shape: [Int?], name: String) {
    let precision: OperationKind.Precision = type == .float16 ? .float16 : type == .int32 ? .int32 : .float32
    let dtype = bind(.choice(precision), "\(name)_dtype")
    let inputs = [ArgumentName.x.rawValue: .named([value]), ArgumentName.dtype.rawValue: dtype]
    add(OperationKind.cast, inputs, [(name, .tensor(type, shape))])
  }

  /// Adds or takes away the axis of the one example: `[n]` and `[1, n]`.
  func reshape(_ value: String, _ type: DataType, to shape: [Int], name: String) {
    let inputs = [
      ArgumentName.x.rawValue: ProtoArgument.named([value]),
      ArgumentName.shape.rawValue: bind(.integers(shape), "\(name)_shape"),
    ]
    add(OperationKind.reshape, inputs, [(name, .tensor(type, shape))])
  }

  private func bind(_ argument: Program.Argument, _ wanted: String) -> ProtoArgument {
    func known(_ type: ProtoValueType, _ set: (inout ProtoTensorValue) -> Void) -> ProtoArgument {
      var value = ProtoValue()
      value.type = type
      set(&value.immediate.tensor)
      return .named([constant(value, wanted)])
    }
    switch argument {
    case .operand(let operand): return .named([name(of: operand, wanted)])
    case .operands(let operands): return .named(operands.map { name(of: $0, wanted) })
    case .number(let number):
      return .named([constant(content([Float(number)], dataType, []), wanted)])
    case .integer(let number): return known(.tensor(.int32, [])) { $0.int32S.values = [Int32(clamping: number)] }
    case .integers(let numbers):
      return known(.tensor(.int32, [numbers.count])) { $0.int32S.values = numbers.map { Int32(clamping: $0) } }
    case .flag(let flag): return known(.tensor(.bool, [])) { $0.bools.values = [flag] }
    case .text(let text): return known(.tensor(.string, [])) { $0.strings.values = [text] }
    }
  }
}

extension ProtoArgument {
  static func named(_ names: [String]) -> ProtoArgument {
    .with { $0.bindings = names.map { name in .with { $0.name = name } } }
  }
}

extension ProtoValue {
  static func text(_ text: String) -> ProtoValue {
    .with {
      $0.type = .tensor(.string, [])
      $0.immediate.tensor.strings.values = [text]
    }
  }
}

extension ProtoValueType {
  /// - Parameter shape: nil for an open length.
  static func tensor(_ type: ProgramBuilder.DataType, _ shape: [Int?]) -> ProtoValueType {
    .with {
      $0.tensor.dataType = type.rawValue
      $0.tensor.rank = Int64(shape.count)
      $0.tensor.dimensions = shape.map { length in
        .with { if let length { $0.constant.size = UInt64(length) } else { $0.unknown = .init() } }
      }
    }
  }
}
