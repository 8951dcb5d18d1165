import AthanorCore

// Shapes, parts and other arrangements of the same elements.

extension OnnxReader {
  static let shapes: [OnnxOperator] = [
    .init("Constant", limits: "numbers and integers") { try $0.translateConstant() },
    .init("Shape", limits: "open lengths only of the examples", elements: .places) { reader in
      let (start, end) = (try reader.integer("start"), try reader.integer("end"))
      guard start != nil || end != nil else { return try reader.finish(.shape) }
      try reader.finish(
        .sliceByIndex,
        [
          .x: reader.step(.shape), .begin: .integers([start ?? 0]),
          .end: .integers([end ?? 0]), .endMask: .integers([end == nil ? 1 : 0]),
        ])
    },
    .init("Size", limits: "no open lengths", elements: .places) { try $0.finish(.elementCount) },
    .init("ConstantOfShape", limits: "known shapes") { reader in
      let value = try reader.tensor("value").map { try OnnxNumbers($0, folder: reader.folder) }
      reader.setType(try reader.tensor("value")?.dataType ?? OnnxNumbers.float)
      guard let value else { return try reader.finish(.fill, [.shape: reader.input(0), .value: .scalar(0)]) }
      guard case .tensor(let tensor) = value else { throw reader.unsupported("value", "beyond 32 bits") }
      try reader.finish(.fill, [.shape: reader.input(0), .value: .constant(tensor)])
    },
    .init("Range", limits: "known numbers", ignoring: ["stash_type"]) { reader in
      try reader.finish(.range, [.begin: reader.input(0), .end: reader.input(1), .stride: reader.input(2)])
    },
    .init("Flatten") { try $0.finish(.flatten2d, [.axis: .integer($0.integer("axis", default: 1))]) },
    .init("Reshape", limits: "shapes that do not depend on the input's numbers; the examples stay the first axis") {
      reader in
      let allowsZero = try reader.flag("allowzero")
      let shape = try reader.list("shape", input: 1) ?? reader.input(1)
      if allowsZero, case .integers(let lengths) = shape, lengths.contains(0) {
        throw AthanorError(.unsupported, at: "", "it asks for a length of 0")
      }
      try reader.finish(.reshape, [.shape: shape])
    },
    .init("Transpose") { reader in
      try reader.finish(.transpose, reader.integers("perm").map { [.perm: .integers($0)] } ?? [:])
    },
    .init("Squeeze") { reader in
      try reader.finish(.squeeze, reader.list("axes", input: 1).map { [.axes: $0] } ?? [:])
    },
    .init("Unsqueeze") { reader in
      try reader.finish(.expandDims, reader.list("axes", input: 1).map { [.axes: $0] } ?? [:])
    },
    .init("Expand", limits: "shapes that do not depend on the input's numbers") { reader in
      try reader.finish(.expand, [.shape: reader.list("shape", input: 1) ?? reader.input(1)])
    },
    .init("Tile", limits: "known repeats, not of the examples") { try $0.finish(.tile, [.reps: $0.input(1)]) },
    .init("Concat", limits: "not along the examples") { reader in
      let values = try reader.node.inputs.indices.flatMap { try reader.input($0).operands }
      try reader.finish(
        .concat, [.values: .operands(values), .axis: .integer(reader.integer("axis", default: 1))])
    },
    .init("Split", limits: "not along the examples; known lengths") { reader in
      var arguments: [ArgumentName: Program.Argument] = [.axis: .integer(try reader.integer("axis", default: 0))]
      if let sizes = try reader.list("split", input: 1) { arguments[.splitSizes] = sizes }
      let count = try reader.integer("num_outputs", default: reader.node.outputs.count)
      guard count == reader.node.outputs.count else {
        throw AthanorError(.unsupported, at: "", "it has \(reader.node.outputs.count) results of \(count)")
      }
      try reader.finish(.split, arguments, results: reader.node.outputs.count)
    },
  ]

  static let selections: [OnnxOperator] = [
    .init("Gather", limits: "known places, not along the examples; or rows of a known table") { reader in
      try reader.finish(
        .gather, [.indices: reader.input(1), .axis: .integer(reader.integer("axis", default: 0))])
    },
    .init("Slice", limits: "known places, not along the examples") { reader in
      guard let begin = try reader.list("starts", input: 1), let end = try reader.list("ends", input: 2) else {
        throw AthanorError(.data, at: "", "its starts and ends are missing")
      }
      var arguments: [ArgumentName: Program.Argument] = [.begin: begin, .end: end]
      arguments[.axes] = try reader.list("axes", input: 3)
      arguments[.stride] = try reader.optional(4).map { .operand($0) }
      try reader.finish(.sliceAxes, arguments)
    },
    .init("Pad", limits: "known lengths, not along the examples") { try $0.translatePad() },
    .init("Trilu", limits: "a known diagonal") { reader in
      var arguments: [ArgumentName: Program.Argument] = [.upper: .flag(try reader.flag("upper", default: true))]
      if let diagonal = try reader.optional(1) { arguments[.size] = .operand(diagonal) }
      try reader.finish(.triangle, arguments)
    },
    .init("OneHot", limits: "known depth and values; a new last axis", elements: .ofInput(2)) { reader in
      guard let values = try reader.known(2)?.floats, values.count == 2 else {
        throw AthanorError(.data, at: "", "its third input holds no two values")
      }
      try reader.finish(
        .oneHot,
        [
          .indices: reader.input(0), .oneHotSize: reader.input(1),
          .axis: .integer(reader.integer("axis", default: -1)),
          .offValue: .number(Double(values[0])), .onValue: .number(Double(values[1])),
        ])
    },
    .init("DepthToSpace") { reader in
      try reader.finish(
        .depthToSpace,
        [
          .blockSize: .integer(reader.requiredInteger("blocksize")),
          .mode: reader.choice("mode", default: OperationKind.BlockOrder.blocksFirst),
        ])
    },
    .init("SpaceToDepth", limits: "blocks first (DCR)") { reader in
      guard try reader.choice("mode", default: OperationKind.BlockOrder.blocksFirst) == .text("DCR") else {
        throw reader.unsupported("mode", "\"CRD\"")
      }
      try reader.finish(.spaceToDepth, [.blockSize: .integer(reader.requiredInteger("blocksize"))])
    },
    .init("Resize", limits: "known scales or sizes; no antialias, no tf_crop_and_resize") { try $0.translateResize() },
    .init("Upsample", limits: "known scales") { reader in
      let scales: Program.Argument =
        if let given = try reader.numbers("scales") {
          .constant(Tensor(uncheckedShape: [given.count], .float32(given)))
        } else {
          try reader.input(1)
        }
      try reader.finish(
        .resize,
        [
          .scales: scales, .mode: reader.resizeMode(), .nearest: .choice(OperationKind.ResizeRounding.floor),
          .coordinates: .choice(OperationKind.ResizeCoordinates.asymmetric),
        ])
    },
  ]

  private func translateConstant() throws {
    guard let output = node.outputs.first else { return }
    guard node.inputs.isEmpty else {
      throw AthanorError(.data, at: "", "it has inputs, which a constant has not", fix: "Export the model again.")
    }
    if let tensor = try tensor("value") {
      constants[output] = try OnnxNumbers(tensor, folder: folder)
      setType(tensor.dataType)
    } else if let value = try number("value_float") {
      constants[output] = .tensor(Tensor(uncheckedShape: [], .float32([Float(value)])))
    } else if let value = try integer("value_int") {
      constants[output] = OnnxNumbers([value], shape: [])
    } else if let values = try integers("value_ints") {
      constants[output] = OnnxNumbers(values, shape: [values.count])
    } else if let values = try numbers("value_floats") {
      constants[output] = .tensor(Tensor(uncheckedShape: [values.count], .float32(values)))
    } else {
      throw AthanorError(.unsupported, at: "", "it holds neither numbers nor integers")
    }
  }

  private func translatePad() throws {
    let given: [Int]
    switch try list("pads", input: 1) {
    case .integers(let pads)?: given = pads
    case nil: given = []
    default:
      throw AthanorError(
        .unsupported, at: "", "its input 2 is computed, but must be known before",
        fix: "Export with fixed sizes, or run the file in onnxruntime.")
    }
    let modes: [String: OperationKind.PadMode] = [
      "constant": .constant, "reflect": .reflect, "edge": .replicate, "wrap": .wrap,
    ]
    let name = try text("mode", default: "constant")
    guard let mode = modes[name] else { throw unsupported("mode", "\"\(name)\"") }
    var arguments: [ArgumentName: Program.Argument] = [.pad: .integers(try pairs(given)), .mode: .choice(mode)]
    if let value = try number("value") {
      arguments[.constantValue] = .number(value)
    } else if let value = try optional(2) {
      arguments[.constantValue] = .operand(value)
    }
    arguments[.axes] = try list("axes", input: 3)
    try finish(.pad, arguments)
  }

  private func resizeMode() throws -> Program.Argument {
    let name = try text("mode", default: "nearest")
    let old = ["bilinear": "linear", "bicubic": "cubic"]
    guard let mode = OperationKind.ResizeMode(rawValue: old[name] ?? name) else {
      throw unsupported("mode", "\"\(name)\"")
    }
    return .choice(mode)
  }

  /// Operator set 10 has scales as its second input, later ones a region before them that only tf_crop_and_resize reads.
  private func translateResize() throws {
    var arguments: [ArgumentName: Program.Argument] = [.mode: try resizeMode()]
    guard version > 10 else {
      arguments[.scales] = try input(1)
      arguments[.coordinates] = .choice(OperationKind.ResizeCoordinates.asymmetric)
      // The nearest number of this set is the next one where a picture shrinks, and the one before where it grows.
      guard case .operand(.constant(let scales))? = arguments[.scales] else {
        throw AthanorError(.unsupported, at: "", "its scales are computed, but must be known before")
      }
      let isShrunk = scales.floats.contains { $0 < 1 }
      guard !isShrunk || !scales.floats.contains(where: { $0 > 1 }) else {
        throw AthanorError(
          .unsupported, at: "", "it shrinks along one axis and grows along another, which operator set 10 leaves open",
          fix: "Convert the model to operator set 11 or newer.")
      }
      arguments[.nearest] = .choice(isShrunk ? OperationKind.ResizeRounding.ceil : .floor)
      return try finish(.resize, arguments)
    }
    arguments[.coordinates] = try choice(
      "coordinate_transformation_mode", default: OperationKind.ResizeCoordinates.halfPixel)
    arguments[.nearest] = try choice("nearest_mode", default: OperationKind.ResizeRounding.preferFloor)
    arguments[.policy] = try choice("keep_aspect_ratio_policy", default: OperationKind.ResizePolicy.stretch)
    arguments[.alpha] = .number(try number("cubic_coeff_a", default: -0.75))
    arguments[.excludePadding] = .flag(try flag("exclude_outside"))
    _ = (try number("extrapolation_value"), try optional(1))  // for tf_crop_and_resize alone
    guard try !flag("antialias") else { throw unsupported("antialias", "1") }
    if let axes = try integers("axes") { arguments[.axes] = .integers(axes) }
    let scales = try optional(2)
    if case .constant(let tensor)? = scales, tensor.count == 0 {
      arguments[.size] = try list("sizes", input: 3)
    } else if let scales {
      arguments[.scales] = .operand(scales)
    } else {
      arguments[.size] = try list("sizes", input: 3)
    }
    try finish(.resize, arguments)
  }
}
