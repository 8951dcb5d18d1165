import AthanorKernels

/// Rows of a table: `index int32 [...], table [V, D] -> [..., D]`. An index outside of the table gives a row of NaN.
package struct Lookup: ForwardOp {
  package init() {}

  package var name: String { "lookup" }
  package var attributes: String { "" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    let (index, table) = (inputs[0], inputs[1])
    guard index.dtype == .int32, table.dtype == .float32, table.shape.rank == 2, table.shape[0] != nil,
      table.shape[1] != nil, index.shape.rank < Int(ATH_MAX_RANK)
    else {
      throw AthanorError(
        .shape, at: "",
        "a lookup was given \(index) and \(table) but needs int32 numbers of rows and a table of 2 axes",
        fix: "Convert the numbers to int32.")
    }
    return [ValueType(.float32, Shape(axes: index.shape.axes + table.shape.axes.suffix(1)))]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0], site.needsGradient[1] else { return [nil, nil] }
    return [nil, try dy.emit(LookupGradient(tableShape: site.inputs[1].shape), site.inputs[0])]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (index, table, y) = (site.inputs[0], site.inputs[1], site.outputs[0])
    return Kernel { run in
      var arguments = ath_lookup_args(
        rows: Int64(table.shape[0]), width: Int64(table.shape[1]), count: Int64(index.count),
        index: run[index].assumingMemoryBound(to: Int32.self), table: run[table], y: run[y])
      run.table.pointee.lookup(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let (index, table) = (try site.plain(site.inputs[0]), try site.plain(site.inputs[1]))
    return [
      try site.emit(.gather, [.x: .value(table), .indices: .value(index), .axis: .integer(0)], site.outputTypes[0])
    ]
  }
}

/// The gradient of `Lookup` for the table: each row has the sum of the gradients of those that were taken from it: `dy, index -> dtable`.
package struct LookupGradient: Op {
  package let tableShape: Shape

  package var name: String { "lookupGradient" }
  package var attributes: String { "table: \(tableShape)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [ValueType(.float32, tableShape)] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dy, index, result) = (site.inputs[0], site.inputs[1], site.outputs[0])
    return Kernel { run in
      var arguments = ath_lookup_gradient_args(
        rows: Int64(result.shape[0]), width: Int64(result.shape[1]), count: Int64(index.count),
        index: run[index].assumingMemoryBound(to: Int32.self), dy: run[dy], dtable: run[result])
      run.table.pointee.lookup_gradient(&arguments, run.pool)
    }
  }
}

extension Value {
  /// Rows of a table `[V, D]` by their numbers, which this value holds: `int32 [...] -> [..., D]`. A number outside of the table gives a
  /// row of NaN. Source: `keras.ops.take` with `axis=0`.
  public func lookedUp(in table: Value) throws -> Value { try apply(Lookup(), table) }
}
