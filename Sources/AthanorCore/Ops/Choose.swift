import AthanorKernels

/// Chosen places of an axis: `y[..., j, ...] = x[..., places[j], ...]`, each place as often as it is named.
package struct Take: ForwardOp {
  package let axis: Int
  /// Each from 0 to the axis' length - 1.
  package let places: [Int]

  package init(axis: Int, places: [Int]) {
    self.axis = axis
    self.places = places
  }

  package var name: String { "take" }
  package var attributes: String {
    let most = 8
    return "axis: \(axis), places: \(places.prefix(most))" + (places.count > most ? " and so on, \(places.count)" : "")
  }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    let shape = inputs[0].shape
    guard shape.axes.indices.contains(axis), let length = shape[axis], !places.isEmpty,
      places.allSatisfy({ (0..<Swift.min(length, Int(Int32.max))).contains($0) })
    else {
      throw AthanorError(
        .argument, at: "", "\(places.count) places of axis \(axis) do not all lie within shape \(shape)",
        fix: "Name an axis of fixed length, and places from 0 to that length - 1.")
    }
    var axes = shape.axes
    axes[axis] = Shape.Axis(places.count)
    return [ValueType(inputs[0].dtype, Shape(axes: axes))]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    [try site.outputGradients[0]?.emit(TakeGradient(take: self, inputShape: site.inputs[0].shape))]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    let outer = x.shape[..<axis].reduce(1, *)
    let inner = x.shape[(axis + 1)...].reduce(1, *)
    let places = places.map { Int32(truncatingIfNeeded: $0) }
    let length = x.shape[axis]
    return Kernel { run in
      // float32 stands for the plan's precision, so its size is the table's.
      let bytes = x.dtype == .float32 ? Int(run.table.pointee.element_bytes) : x.dtype.byteCount
      places.withUnsafeBufferPointer { places in
        var arguments = ath_take_args(
          outer: Int64(outer), length: Int64(length), count: Int64(places.count), inner_bytes: Int64(inner * bytes),
          places: places.baseAddress, x: run[x], y: run[y])
        run.table.pointee.take(&arguments, run.pool)
      }
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let x = site.inputs[0].layout == .picture ? site.inputs[0] : try site.plain(site.inputs[0])
    let numbers = Tensor(uncheckedShape: [places.count], .int32(places.map { Int32(truncatingIfNeeded: $0) }))
    let arguments: [ArgumentName: Program.Argument] = [
      .x: .value(x), .indices: .constant(numbers), .axis: .integer(x.layout.programAxis(axis)),
    ]
    return [try site.emit(.gather, arguments, site.outputTypes[0], layout: x.layout)]
  }
}

/// The gradient of `Take`: each place has the sum of those that were taken from it: `dy -> dx`.
package struct TakeGradient: Op {
  package let take: Take
  package let inputShape: Shape

  package var name: String { "takeGradient" }
  package var attributes: String { take.attributes }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [ValueType(.float32, inputShape)] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dy, dx) = (site.inputs[0], site.outputs[0])
    let axis = take.axis
    let outer = dx.shape[..<axis].reduce(1, *)
    let inner = dx.shape[(axis + 1)...].reduce(1, *)
    let places = take.places.map { Int32(truncatingIfNeeded: $0) }
    let length = dx.shape[axis]
    return Kernel { run in
      places.withUnsafeBufferPointer { places in
        var arguments = ath_take_gradient_args(
          outer: Int64(outer), length: Int64(length), count: Int64(places.count), inner: Int64(inner),
          places: places.baseAddress, dy: run[dy], dx: run[dx])
        run.table.pointee.take_gradient(&arguments, run.pool)
      }
    }
  }
}

/// `a` where the condition is not 0, else `b`, all of one shape: `condition, a, b -> y`. The condition has no gradient.
package struct Choose: ForwardOp {
  package init() {}

  package var name: String { "choose" }
  package var attributes: String { "" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    guard inputs[1] == inputs[2], inputs[0].shape == inputs[1].shape, inputs[1].dtype != .uint16 else {
      throw AthanorError(
        .shape, at: "", "\(inputs[1]) and \(inputs[2]) cannot be chosen from by \(inputs[0])",
        fix: "All three must be of one shape, and the last two of one type.")
    }
    return [inputs[1]]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return [nil, nil, nil] }
    let (condition, zero) = (site.inputs[0], try dy.builder.constant(0).apply(BroadcastTo(shape: dy.shape)))
    return [nil, try condition.apply(Choose(), dy, zero), try condition.apply(Choose(), zero, dy)]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (condition, a, b, y) = (site.inputs[0], site.inputs[1], site.inputs[2], site.outputs[0])
    return Kernel { run in
      let bytes = y.dtype == .float32 ? run.table.pointee.element_bytes : Int32(y.dtype.byteCount)
      var arguments = ath_choose_args(
        count: Int64(y.count), element_bytes: bytes, condition: run[condition], a: run[a], b: run[b], y: run[y])
      run.table.pointee.choose(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    throw AthanorError(
      .unsupported, at: "", "\(name) is not available in exported files", fix: "Export a network without it.")
  }
}

/// 1 where a comparison of two integers holds, else 0, both of one shape: `int32, int32 -> float32`. It has no gradient.
package struct CompareIntegers: ForwardOp {
  /// `equal`, `greater` or `greaterEqual`.
  package let function: BinaryFunction

  package init(_ function: BinaryFunction) { self.function = function }

  package var name: String { "compareIntegers" }
  package var attributes: String { "\(function)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    guard [.equal, .greater, .greaterEqual].contains(function), inputs[0].dtype == .int32, inputs[0] == inputs[1] else {
      throw AthanorError(
        .shape, at: "", "\(inputs[0]) and \(inputs[1]) cannot be compared as integers (\(function))",
        fix: "Give two values of integers of one shape.")
    }
    return [ValueType(.float32, inputs[0].shape)]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] { [nil, nil] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (a, b, y) = (site.inputs[0], site.inputs[1], site.outputs[0])
    return Kernel { run in
      var arguments = ath_compare_integers_args(
        function: function, count: Int64(y.count), a: run[a].assumingMemoryBound(to: Int32.self),
        b: run[b].assumingMemoryBound(to: Int32.self), y: run[y])
      run.table.pointee.compare_integers(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    throw AthanorError(
      .unsupported, at: "", "\(name) is not available in exported files", fix: "Export a network without it.")
  }
}

/// Numbers or integers as integers or bytes, cut towards zero: `[...] -> int32 or uint8 [...]`. Bytes keep the lowest eight bits, integers
/// become the nearest that 32 bits hold. It has no gradient.
package struct ToIntegers: ForwardOp {
  /// `int32` or `uint8`.
  package let dtype: DType

  package init(_ dtype: DType) { self.dtype = dtype }

  package var name: String { "toIntegers" }
  package var attributes: String { dtype.rawValue }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    guard [.int32, .uint8].contains(dtype), [.float32, .int32, .uint8].contains(inputs[0].dtype) else {
      throw AthanorError(
        .shape, at: "", "elements of type \(inputs[0].dtype.rawValue) cannot become \(dtype.rawValue)",
        fix: "float32, int32 and uint8 can become int32 or uint8.")
    }
    return [ValueType(dtype, inputs[0].shape)]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] { [nil] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    let source: ath_source =
      x.dtype == .uint8 ? ATH_SOURCE_UINT8 : x.dtype == .int32 ? ATH_SOURCE_INT32 : ATH_SOURCE_FLOAT
    return Kernel { run in
      var arguments = ath_to_integers_args(
        source: source, bytes: y.dtype == .uint8, count: Int64(x.count), x: run[x], y: run[y])
      run.table.pointee.to_integers(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    guard dtype == .int32 else {
      throw AthanorError(
        .unsupported, at: "", "bytes and flags are not available within exported files",
        fix: "Export a network without them.")
    }
    let x = site.inputs[0]
    return [
      try site.emit(
        .cast, [.x: .value(x), .dtype: .choice(OperationKind.Precision.int32)], site.outputTypes[0], layout: x.layout)
    ]
  }
}

extension Value {
  /// Chosen places of an axis of fixed length, each as often as it is named. Source: `keras.ops.take`.
  public func taking(_ places: [Int], axis: Int) throws -> Value { try apply(Take(axis: axis, places: places)) }

  /// This value where the condition is not 0, else the other; shapes broadcast. Source: `keras.ops.where`.
  package func chosen(where condition: Value, else other: Value) throws -> Value {
    guard let both = Shape.broadcast(shape, other.shape), let all = Shape.broadcast(both, condition.shape) else {
      throw AthanorError(
        .shape, at: "", "shapes \(shape) and \(other.shape) cannot be chosen from by shape \(condition.shape)",
        fix: "Axes are compared from the last; each must be equal or 1.")
    }
    func spread(_ value: Value) throws -> Value {
      value.shape == all ? value : try value.apply(BroadcastTo(shape: all))
    }
    return try spread(condition.floating).apply(Choose(), spread(self), spread(other))
  }

  /// The numbers as integers, cut towards zero.
  package func asIntegers(_ dtype: DType = .int32) throws -> Value {
    type.dtype == dtype ? self : try apply(ToIntegers(dtype))
  }

  /// 1 where an element is not 0, else 0, as bytes.
  package var flags: Value {
    get throws { try (1 - floating.equal(builder.constant(0))).asIntegers(.uint8) }
  }
}
