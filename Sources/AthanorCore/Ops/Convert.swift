import AthanorKernels

/// `y = x * scale + offset` as floating-point numbers, from bytes, integers or floats: `[...] -> [...]`.
///
/// It is how pixels enter a model. It has no gradient: its input is data.
package struct Convert: ForwardOp {
  package let scale: Float
  package let offset: Float

  package var name: String { "convert" }
  package var attributes: String { "scale: \(scale), offset: \(offset)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    guard inputs[0].dtype != .uint16, inputs[0].dtype != .float64 else {
      throw AthanorError(
        .shape, at: "", "elements of type \(inputs[0].dtype.rawValue) cannot be converted to numbers",
        fix: "Give elements of type uint8, int32 or float32.")
    }
    return [ValueType(.float32, inputs[0].shape)]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard site.inputs[0].type.dtype == .float32, let dy = site.outputGradients[0] else { return [nil] }
    return [try dy * Double(scale)]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    let source: ath_source =
      switch x.dtype {
      case .uint8, .uint16: ATH_SOURCE_UINT8
      case .int32: ATH_SOURCE_INT32
      case .float32, .float64: ATH_SOURCE_FLOAT
      }
    return Kernel { run in
      var arguments = ath_convert_args(
        source: source, count: Int64(x.count), x: run[x], scale: Double(scale), offset: Double(offset), y: run[y])
      run.table.pointee.convert(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    var value = site.inputs[0]
    if value.dtype != .float32 {
      value = try site.emit(
        .cast, [.x: .value(value), .dtype: .choice(OperationKind.Precision.float32)], site.outputTypes[0],
        layout: value.layout)
    }
    for (function, number, neutral) in [(BinaryFunction.multiply, scale, Float(1)), (.add, offset, 0)]
    where number != neutral {
      value = try site.emit(
        .binary(function), [.x: .value(value), .y: .scalar(Double(number))], value.type, layout: value.layout)
    }
    return [value]
  }
}

extension Value {
  /// The value itself, or its integers as floating-point numbers.
  package var floating: Value { get throws { type.dtype == .float32 ? self : try apply(Convert(scale: 1, offset: 0)) } }
}

/// Known numbers, the same at each run: one for all places, or one for each: `-> shape`.
package struct Constant: ForwardOp {
  package let values: [Double]
  package var shape: Shape = []
  /// `float32`, or `int32` for one integer at all places.
  package var dtype = DType.float32

  package init(value: Double, shape: Shape = []) {
    values = [value]
    self.shape = shape
  }

  package init(integer: Int32, shape: Shape) {
    (values, dtype) = ([Double(integer)], .int32)
    self.shape = shape
  }

  /// - Parameter shape: Has as many places as there are values.
  package init(values: [Double], shape: Shape) {
    self.values = values
    self.shape = shape
  }

  package var name: String { "constant" }
  package var attributes: String {
    let most = 4
    return values.prefix(most).map { "\($0)" }.joined(separator: ", ")
      + (values.count > most ? ", ... \(values.count) in all" : "")
  }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    guard values.count == 1 || shape.sizes == [values.count] || shape.checkedElementsPerExample == values.count else {
      throw AthanorError(.shape, at: "", "\(values.count) numbers are to fill shape \(shape)")
    }
    return [ValueType(dtype, shape)]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] { [] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let y = site.outputs[0]
    let values = values
    if dtype == .int32 {
      let (integer, count) = (Int32(values[0]), y.count)
      return Kernel { run in
        run[y].assumingMemoryBound(to: Int32.self).update(repeating: integer, count: count)
      }
    }
    guard values.count == 1 else {
      return Kernel { run in
        // float32 stands for the plan's precision, so its size is the table's.
        if run.table.pointee.element_bytes == 8 {
          run[y].assumingMemoryBound(to: Double.self).update(from: values, count: values.count)
        } else {
          let place = run[y].assumingMemoryBound(to: Float.self)
          for (index, value) in values.enumerated() { place[index] = Float(value) }
        }
      }
    }
    return Kernel { run in
      var arguments = ath_fill_args(count: Int64(y.count), value: values[0], y: run[y])
      run.table.pointee.fill(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let shape = site.outputTypes[0].shape
    guard !shape.axes.contains(where: \.isOpen) else {
      throw AthanorError(
        .unsupported, at: "", "known numbers of shape \(shape) are as many as an open length says",
        fix: "Give them a fixed shape.")
    }
    guard dtype == .float32 else {
      let integers = [Int32](repeating: Int32(values[0]), count: shape.sizes.reduce(1, *))
      return [ExportValue(constant: Tensor(uncheckedShape: shape.sizes, .int32(integers)))]
    }
    let numbers =
      values.count == 1
      ? [Float](repeating: Float(values[0]), count: shape.sizes.reduce(1, *)) : values.map { Float($0) }
    return [ExportValue(constant: Tensor(uncheckedShape: shape.sizes, .float32(numbers)))]
  }
}
