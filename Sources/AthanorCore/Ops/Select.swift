import AthanorKernels

/// The place of the largest element along the last axis: `[..., C] -> int32 [...]`. It has no gradient.
package struct ArgMax: ForwardOp {
  package var name: String { "argMax" }
  package var attributes: String { "" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    guard let columns = inputs[0].shape.axes.last, columns.length != 0 else {
      throw AthanorError(
        .shape, at: "", "argMax was given shape \(inputs[0].shape) but needs a last axis to choose from",
        fix: "Give it a value with at least one axis and one element.")
    }
    return [ValueType(.int32, Shape(axes: inputs[0].shape.axes.dropLast()))]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] { [nil] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    let (rows, columns) = rowsAndColumns(x.shape)
    return Kernel { run in
      var arguments = ath_arg_max_args(
        rows: rows, columns: columns, x: run[x], y: run[y].assumingMemoryBound(to: Int32.self))
      run.table.pointee.arg_max(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let x = try site.plain(site.inputs[0])
    return [try site.emit(.argMax, [.x: .value(x), .axis: .integer(-1), .keepDims: .flag(false)], site.outputTypes[0])]
  }
}

/// A row with a 1 at the given place and 0 elsewhere: `int32 [...] -> [..., C]`. It has no gradient.
package struct OneHot: ForwardOp {
  package let count: Int

  package var name: String { "oneHot" }
  package var attributes: String { "count: \(count)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    guard inputs[0].dtype == .int32 else {
      throw AthanorError(
        .shape, at: "", "oneHot needs class numbers (int32) but was given \(inputs[0])",
        code: "Give it targets that are class numbers, or the result of argMax.")
    }
    guard count > 0 else {
      throw AthanorError(
        .argument, at: "", "oneHot was asked for \(count) classes", fix: "Give the number of classes, at least 1.")
    }
    return [ValueType(.float32, Shape(axes: inputs[0].shape.axes + [Shape.Axis(count)]))]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] { [nil] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (index, y) = (site.inputs[0], site.outputs[0])
    let (rows, columns) = rowsAndColumns(y.shape)
    return Kernel { run in
      var arguments = ath_one_hot_args(
        rows: rows, columns: columns, index: run[index].assumingMemoryBound(to: Int32.self), y: run[y])
      run.table.pointee.one_hot(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let arguments: [ArgumentName: Program.Argument] = [
      .indices: .value(try site.plain(site.inputs[0])), .oneHotSize: .integer(count), .axis: .integer(-1),
      .onValue: .number(1), .offValue: .number(0),
    ]
    return [try site.emit(.oneHot, arguments, site.outputTypes[0])]
  }
}

/// 1 where the target class is among the k largest, else 0: `x [..., C], int32 [...] -> [...]`. It has no gradient.
package struct InTopK: ForwardOp {
  package let k: Int

  package var name: String { "inTopK" }
  package var attributes: String { "k: \(k)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    let rows = Shape(axes: inputs[0].shape.axes.dropLast())
    guard inputs[1] == ValueType(.int32, rows) else {
      throw AthanorError(
        .shape, at: "", "inTopK was given \(inputs[0]) and \(inputs[1]) but needs class numbers int32\(rows)",
        fix: "Give one class number for each row.")
    }
    guard k > 0, inputs[0].shape.rank > 0 else {
      throw AthanorError(
        .argument, at: "", "inTopK was asked for the \(k) largest of \(inputs[0])",
        fix: "Give a k of at least 1, and rows of at least one class.")
    }
    return [ValueType(.float32, rows)]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] { [nil, nil] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, index, y) = (site.inputs[0], site.inputs[1], site.outputs[0])
    let (rows, columns) = rowsAndColumns(x.shape)
    return Kernel { run in
      var arguments = ath_in_top_k_args(
        rows: rows, columns: columns, k: Int64(k), x: run[x], index: run[index].assumingMemoryBound(to: Int32.self),
        y: run[y])
      run.table.pointee.in_top_k(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] { throw site.onlyWhileTraining(name) }
}

extension OperationKind {
  package static let argMax = argument("reduce_argmax") { $0 }
  package static let argMin = argument("reduce_argmin") { try -$0 }

  private static func argument(
    _ name: String, _ sign: @escaping @Sendable (Value) throws -> Value
  ) -> OperationKind {
    OperationKind(name, [.required(.x), .integer(.axis, -1), .flag(.keepDims), .flag(.lastIndex)]) { site in
      var (value, axis) = try site.whole(.axis)
      let rank = value.shape.rank
      if axis != rank - 1 {
        value = try value.transposed((0..<rank).filter { $0 != axis } + [axis])
      }
      value = try sign(value)
      if rank == 1 { value = try value.reshaped(Shape(axes: [Shape.Axis(1)] + value.shape.axes)) }
      var places: Value
      if try site.operation.flag(.lastIndex) {
        guard let length = value.shape[value.shape.rank - 1] else {
          throw site.unsupported("it goes along an open length from its end")
        }
        let reversed = try value.taking((0..<length).reversed(), axis: value.shape.rank - 1)
        places = try (Double(length - 1) - reversed.argMax().floating).asIntegers()
      } else {
        places = try value.argMax()
      }
      if rank == 1 { places = try places.reshaped(Shape(axes: [])) }
      guard try site.operation.flag(.keepDims) else { return [ImportedValue(places)] }
      var axes = places.shape.axes
      axes.insert(Shape.Axis(1), at: axis)
      return [ImportedValue(try places.reshaped(Shape(axes: axes)))]
    }
  }

  /// Rows of `off_value` with one `on_value`.
  package static let oneHot = OperationKind(
    "one_hot",
    [
      .required(.indices), .required(.oneHotSize, .integer), .integer(.axis, -1), .number(.onValue, 1),
      .number(.offValue, 0),
    ]
  ) { site in
    let places = try site.value(site.plain(site.computed(.indices)))
    let (on, off) = (try site.operation.number(.onValue), try site.operation.number(.offValue))
    guard try [-1, places.shape.rank].contains(site.operation.integer(.axis)) else {
      throw site.unsupported("its new axis is not the last")
    }
    let rows = try places.oneHot(site.operation.integer(.oneHotSize))
    return [ImportedValue(try on == 1 && off == 0 ? rows : rows * (on - off) + off)]
  }
}
