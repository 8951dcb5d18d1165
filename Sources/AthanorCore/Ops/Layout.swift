import AthanorKernels

/// The same elements in row-major order under another shape; nothing is moved: `[...] -> shape`.
package struct ReshapeOp: ForwardOp {
  /// The new shape; each unresolved axis stands for an open one of the input, in order.
  package let shape: Shape

  package var name: String { "reshape" }
  package var attributes: String { "shape: \(shape)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    let from = inputs[0].shape
    var open = from.axes.filter(\.isOpen)
    let isWritten = shape.axes.contains { !$0.isResolved }
    guard !isWritten || open.count == shape.axes.count(where: \.isOpen),
      isWritten || open.isEmpty == !shape.axes.contains(where: \.isOpen)
    else {
      throw AthanorError(
        .shape, at: "", "shape \(from) cannot be seen as \(shape)", fix: "Each open axis must stay an axis of its own.")
    }
    let target = Shape(axes: shape.axes.map { $0.isResolved ? $0 : open.removeFirst() })
    let count = shape.checkedElementsPerExample
    guard count != nil, from.sizes.reduce(1, *) == Tensor.elementCount(of: target.sizes) else {
      func text(_ shape: Shape) -> String {
        Shape.text(shape.lengths.first == .some(nil) ? shape.withoutBatch : shape.lengths)
      }
      throw AthanorError(
        .shape, at: "",
        "\(from.elementsPerExample) elements of shape \(text(from)) cannot be seen as \(text(shape)), which "
          + (count.map { "has \($0)" } ?? "no memory can hold"),
        fix: "Choose lengths with the same product.")
    }
    return [ValueType(inputs[0].dtype, target)]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    [try site.outputGradients[0]?.apply(ReshapeOp(shape: site.inputs[0].shape))]
  }

  package var outputPlacement: OutputPlacement { .viewOfInput }

  package func kernel(_ site: KernelSite) -> Kernel { .nothing }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let (x, shape) = (site.inputs[0], site.outputTypes[0].shape)
    if let numbers = x.constant { return [ExportValue(constant: numbers.reshaped(to: shape.sizes))] }
    if x.layout == .picture, shape.rank == 2, shape.axes[0] == x.shape.axes[0], let height = x.shape[1],
      let width = x.shape[2], let channels = x.shape[3]
    {
      return [
        try site.reshaped(x, to: shape, layout: .flattening(height: height, width: width, channels: channels))
      ]
    }
    return [try site.reshaped(site.plain(x), to: shape)]
  }
}

/// Repeats axes of length 1, and new axes in front, until the shape is reached: `[...] -> shape`.
package struct BroadcastTo: ForwardOp {
  package let shape: Shape

  package init(shape: Shape) { self.shape = shape }

  package var name: String { "broadcastTo" }
  package var attributes: String { "shape: \(shape)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    guard let result = Shape.broadcast(inputs[0].shape, shape), result == shape, shape.rank <= Int(ATH_MAX_RANK) else {
      throw AthanorError(
        .shape, at: "", "shape \(inputs[0].shape) does not broadcast to \(shape)",
        fix: "Axes are compared from the last; each must be equal or 1, and at most 6 axes are possible.")
    }
    return [ValueType(inputs[0].dtype, result)]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    [try site.outputGradients[0]?.summed(to: site.inputs[0].shape)]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    return copyKernel(
      x, y, lengths: y.shape, from: broadcastStrides(of: x.shape, in: y.shape), to: rowMajorStrides(y.shape))
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let (x, type) = (try site.plain(site.inputs[0]), site.outputTypes[0])
    let lengths = [Shape.Axis](repeating: Shape.Axis(1), count: type.shape.rank - x.rank) + x.shape.axes
    let same = try site.reshaped(x, to: Shape(axes: lengths))
    let repeats = try zip(type.shape.axes, lengths).map { after, before in
      guard before.fixed == 1 else { return 1 }
      guard let count = after.fixed else {
        throw AthanorError(
          .unsupported, at: "", "shape \(x.shape) is repeated to \(type.shape), as often as an open length says",
          fix: "Files repeat values a fixed number of times.")
      }
      return count
    }
    return [try site.emit(.tile, [.x: .value(same), .reps: .integers(repeats)], type)]
  }
}

/// Axes in another order: `y.shape[i] = x.shape[order[i]]`.
package struct Transpose: ForwardOp {
  package let order: [Int]

  package var name: String { "transpose" }
  package var attributes: String { "order: \(order)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    let shape = inputs[0].shape
    guard order.sorted() == Array(0..<shape.rank), shape.rank <= Int(ATH_MAX_RANK) else {
      throw AthanorError(
        .argument, at: "", "axes in the order \(order) were asked for, but the input has \(shape.rank) axes",
        fix: "Name each axis from 0 to \(shape.rank - 1) once; at most 6 axes are possible.")
    }
    return [ValueType(inputs[0].dtype, Shape(axes: order.map { shape.axes[$0] }))]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    let inverse = order.indices.map { axis in order.firstIndex(of: axis) ?? axis }
    return [try site.outputGradients[0]?.apply(Transpose(order: inverse))]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    let strides = rowMajorStrides(x.shape)
    return copyKernel(x, y, lengths: y.shape, from: order.map { strides[$0] }, to: rowMajorStrides(y.shape))
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    // Where the program has a picture's channels first, only the way in which it is seen changes.
    let (input, type) = (site.inputs[0], site.outputTypes[0])
    if input.constant == nil, input.layout == .plain, order == Layout.toGraph {
      return [ExportValue(input.operand, type, layout: .picture)]
    }
    if input.layout == .picture, order == Layout.toProgram { return [ExportValue(input.operand, type)] }
    let x = try site.plain(input)
    return [try site.emit(.transpose, [.x: .value(x), .perm: .integers(order)], type)]
  }
}

/// Zeros, or another number, around each axis: `y.shape[i] = before[i] + x.shape[i] + after[i]`.
package struct Pad: ForwardOp {
  package let before: [Int]
  package let after: [Int]
  package var value = 0.0

  package init(before: [Int], after: [Int], value: Double = 0) {
    self.before = before
    self.after = after
    self.value = value
  }

  package var name: String { "pad" }
  package var attributes: String { "before: \(before), after: \(after)" + (value == 0 ? "" : ", value: \(value)") }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    let lengths = inputs[0].shape.axes
    guard before.count == lengths.count, after.count == lengths.count, lengths.count <= Int(ATH_MAX_RANK) else {
      throw AthanorError(
        .shape, at: "",
        "padding of \(before) before and \(after) after was given, but the input has shape \(inputs[0].shape)",
        fix: "Give one pair of lengths for each axis; at most 6 axes are possible.")
    }
    let range = 0...Shape.maximumElements
    guard (before + after).allSatisfy(range.contains) else {
      throw AthanorError(
        .argument, at: "",
        "padding of \(before) before and \(after) after does not go with an input of shape \(inputs[0].shape)",
        fix: "Lengths must be 0 or more.")
    }
    return [
      ValueType(
        .float32,
        Shape(axes: lengths.enumerated().map { $1.with(length: before[$0] + $1.length + after[$0]) }))
    ]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    [try site.outputGradients[0]?.apply(Slice(start: before, shape: site.inputs[0].shape))]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    let strides = rowMajorStrides(y.shape)
    let offset = zip(before, strides).reduce(0) { $0 + $1.0 * $1.1 }
    let copy = copyKernel(x, y, lengths: x.shape, from: rowMajorStrides(x.shape), to: strides, yOffset: offset)
    return Kernel { run in
      var arguments = ath_fill_args(count: Int64(y.count), value: value, y: run[y])
      run.table.pointee.fill(&arguments, run.pool)
      copy.run(run)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let x = site.inputs[0].layout == .picture ? site.inputs[0] : try site.plain(site.inputs[0])
    let pads = x.layout.programOrder(zip(before, after).map { [$0, $1] }).flatMap(\.self)
    let arguments: [ArgumentName: Program.Argument] = [
      .x: .value(x), .pad: .integers(pads), .mode: .choice(OperationKind.PadMode.constant),
      .constantValue: .number(value),
    ]
    return [try site.emit(.pad, arguments, site.outputTypes[0], layout: x.layout)]
  }
}

/// A part of each axis: `y[i] = x[start + i]`.
package struct Slice: ForwardOp {
  package let start: [Int]
  /// The result's shape; an unresolved axis is taken whole.
  package let shape: Shape

  package init(start: [Int], shape: Shape) {
    self.start = start
    self.shape = shape
  }

  package var name: String { "slice" }
  package var attributes: String { "start: \(start), lengths: \(shape)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    let from = inputs[0].shape
    let fits =
      start.count == from.rank && shape.rank == from.rank && from.rank <= Int(ATH_MAX_RANK)
      && from.axes.indices.allSatisfy { axis in
        let (length, wanted) = (from.axes[axis], shape.axes[axis])
        guard wanted.isResolved else { return length.isOpen && start[axis] == 0 }
        return start[axis] >= 0 && (0...length.length).contains(wanted.length)
          && start[axis] <= length.length - wanted.length
      }
    guard fits else {
      throw AthanorError(
        .argument, at: "", "a slice from \(start) of lengths \(shape) does not lie within shape \(from)",
        fix: "Give a start and a length for each axis (0 and nil for an open one); at most 6 axes are possible.")
    }
    let axes = zip(shape.axes, from.axes).map { $0.isResolved ? $0 : $1 }
    return [ValueType(inputs[0].dtype, Shape(axes: axes))]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    let (from, to) = (site.inputs[0].shape.sizes, site.outputs[0].shape.sizes)
    let after = from.indices.map { axis in from[axis] - start[axis] - to[axis] }
    return [try site.outputGradients[0]?.apply(Pad(before: start, after: after))]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    let strides = rowMajorStrides(x.shape)
    let offset = zip(start, strides).reduce(0) { $0 + $1.0 * $1.1 }
    return copyKernel(x, y, lengths: y.shape, from: strides, to: rowMajorStrides(y.shape), xOffset: offset)
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let (x, type) = (try site.plain(site.inputs[0]), site.outputTypes[0])
    // What lasts to the end of an open axis is -1.
    let sizes = try zip(start, zip(x.shape.axes, type.shape.axes)).map { start, axes in
      guard axes.0.isOpen else { return axes.1.length }
      guard axes.1.isOpen, start + axes.1.length == axes.0.length else {
        throw AthanorError(
          .unsupported, at: "", "a slice of shape \(x.shape) from \(start) ends before the end of an open length",
          fix: "Slice to its end.")
      }
      return -1
    }
    return [try site.emit(.sliceBySize, [.x: .value(x), .begin: .integers(start), .size: .integers(sizes)], type)]
  }
}

/// Values one after another along an axis: shapes agree along all other axes.
package struct Concatenate: ForwardOp {
  package let axis: Int

  package var name: String { "concatenate" }
  package var attributes: String { "axis: \(axis)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    let first = inputs[0].shape
    var joined = Shape.Axis(0)
    for input in inputs {
      guard axis >= 0, axis < first.rank, input.shape.rank == first.rank, first.rank <= Int(ATH_MAX_RANK) else {
        throw AthanorError(
          .shape, at: "", "shapes \(inputs.map(\.shape)) cannot be joined along axis \(axis)",
          fix: "All need the same number of axes, the joined one among them.")
      }
      var expected = first.axes
      let length = input.shape.axes[axis]
      expected[axis] = length
      guard Shape(axes: expected) == input.shape, input.dtype == inputs[0].dtype else {
        throw AthanorError(
          .shape, at: "",
          "shapes [\(Shape.texts(inputs.map(\.shape)).joined(separator: ", "))] cannot be joined along axis \(axis)",
          fix: "All other axes must be of the same length.")
      }
      joined = Shape.Axis(joined.length + length.length, openNames: joined.openNames.union(length.openNames))
    }
    var axes = first.axes
    axes[axis] = joined
    return [ValueType(inputs[0].dtype, Shape(axes: axes))]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return site.inputs.map { _ in nil } }
    var position = 0
    return try site.inputs.map { input in
      var start = [Int](repeating: 0, count: input.shape.rank)
      start[axis] = position
      position += input.shape.axes[axis].length
      return try dy.apply(Slice(start: start, shape: input.shape))
    }
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let y = site.outputs[0]
    let strides = rowMajorStrides(y.shape)
    var position = 0
    let copies = site.inputs.map { x in
      defer { position += x.shape[axis] }
      return copyKernel(
        x, y, lengths: x.shape, from: rowMajorStrides(x.shape), to: strides, yOffset: position * strides[axis])
    }
    return Kernel { run in for copy in copies { copy.run(run) } }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let arePictures = site.inputs.allSatisfy { $0.layout == .picture }
    let values = arePictures ? site.inputs : try site.inputs.map(site.plain)
    let layout: Layout = arePictures ? .picture : .plain
    let arguments: [ArgumentName: Program.Argument] = [
      .values: .values(values), .axis: .integer(layout.programAxis(axis)), .interleave: .flag(false),
    ]
    return [try site.emit(.concat, arguments, site.outputTypes[0], layout: layout)]
  }
}

/// The kernel that copies elements between two strided arrays; offsets count elements.
private func copyKernel(
  _ x: KernelSite.Operand, _ y: KernelSite.Operand, lengths: [Int], from: [Int], to: [Int], xOffset: Int = 0,
  yOffset: Int = 0
) -> Kernel {
  Kernel { run in
    // float32 stands for the plan's precision, so its size is the table's.
    let bytes = x.dtype == .float32 ? Int(run.table.pointee.element_bytes) : x.dtype.byteCount
    var arguments = ath_copy_args()
    arguments.rank = Int32(lengths.count)
    setLengths(&arguments.dims, lengths)
    setLengths(&arguments.x_strides, from)
    setLengths(&arguments.y_strides, to)
    arguments.element_bytes = Int32(bytes)
    arguments.x = UnsafeRawPointer(run[x] + xOffset * bytes)
    arguments.y = run[y] + yOffset * bytes
    run.table.pointee.copy(&arguments, run.pool)
  }
}
