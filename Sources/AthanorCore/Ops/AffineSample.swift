import AthanorKernels

/// What stands for places outside of a picture.
package enum PictureFill: Hashable, Sendable {
  /// A number.
  case constant(Double)
  /// `d c b a | a b c d | d c b a`
  case reflect
  /// `a b c d | a b c d | a b c d`
  case wrap
  /// `a a a a | a b c d | d d d d`
  case nearest

  fileprivate var mode: ath_fill_mode {
    switch self {
    case .constant: ATH_FILL_CONSTANT
    case .reflect: ATH_FILL_REFLECT
    case .wrap: ATH_FILL_WRAP
    case .nearest: ATH_FILL_NEAREST
    }
  }

  fileprivate var value: Double { if case .constant(let value) = self { value } else { 0 } }
}

/// Pictures through an affine map of their places, one for each example: `x [N, H, W, C], matrix [N, 6] -> y [N, H', W', C]`.
///
/// The pixel of `y` in row `i` and column `j` is that of `x` in column `m0 j + m1 i + m2` and row `m3 j + m4 i + m5`: by bilinear weights of the
/// four pixels around it, or the nearest one. The matrix has no gradient. Source: `keras.ops.image.affine_transform`.
package struct AffineSample: ForwardOp, Hashable {
  package let height: Int
  package let width: Int
  package let fill: PictureFill
  package let isBilinear: Bool

  package var name: String { "affineSample" }
  package var attributes: String { "size: \(height)x\(width), fill: \(fill), \(isBilinear ? "bilinear" : "nearest")" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    try requireFloat(inputs[1])
    let (x, matrix) = (inputs[0].shape.axes, inputs[1].shape.axes)
    guard x.count == 4, matrix.count == 2, matrix[0].matches(x[0]), matrix[1].fixed == 6, x[1].length > 0,
      x[2].length > 0, height > 0, width > 0
    else {
      throw AthanorError(
        .shape, at: "",
        "pictures of shape \(inputs[0].shape) cannot be mapped to \(height)x\(width) by matrices of shape \(inputs[1].shape)",
        fix: "Give pictures (N, H, W, C) and matrices (N, 6).")
    }
    return [
      ValueType(.float32, Shape(axes: [x[0], x[1].with(length: height), x[2].with(length: width), x[3]]))
    ]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return [nil, nil] }
    guard !site.needsGradient[1] else {
      throw AthanorError(
        .unsupported, at: "", "the matrix of \(name) depends on trained weights, but has no gradient",
        fix: "Let it depend on what is not trained.")
    }
    return [try dy.emit(AffineSampleGradient(sample: self, inputShape: site.inputs[0].shape), site.inputs[1]), nil]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, matrix, y) = (site.inputs[0], site.inputs[1], site.outputs[0])
    let shape = shape(x, y)
    return Kernel { run in
      var arguments = ath_affine_sample_args(shape: shape, x: run[x], matrix: run[matrix], y: run[y])
      run.table.pointee.affine_sample(&arguments, run.pool)
    }
  }

  fileprivate func shape(_ x: KernelSite.Operand, _ y: KernelSite.Operand) -> ath_affine_shape {
    let (from, to) = (x.shape.map(Int64.init), y.shape.map(Int64.init))
    return ath_affine_shape(
      n: from[0], h: from[1], w: from[2], c: from[3], oh: to[1], ow: to[2], bilinear: isBilinear, fill: fill.mode,
      fill_value: fill.value)
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] { throw site.onlyWhileTraining(name) }
}

/// The gradient of `AffineSample` with respect to the pictures: `dy, matrix -> dx`. Each pixel has the sum of the gradients of those that read
/// it, times their weights.
package struct AffineSampleGradient: Op {
  package let sample: AffineSample
  package let inputShape: Shape

  package var name: String { "affineSampleGradient" }
  package var attributes: String { sample.attributes }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [ValueType(.float32, inputShape)] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dy, matrix, dx) = (site.inputs[0], site.inputs[1], site.outputs[0])
    let shape = sample.shape(dx, dy)
    return Kernel { run in
      var arguments = ath_affine_sample_gradient_args(shape: shape, dy: run[dy], matrix: run[matrix], dx: run[dx])
      run.table.pointee.affine_sample_gradient(&arguments, run.pool)
    }
  }
}

extension Value {
  /// Pictures through an affine map of their places, by one row of six numbers for each example; of the same size unless one is given.
  ///
  /// Where these pictures come out of another bilinear map of the same size and fill, both maps are one: each sampling blurs a little, and
  /// cuts off what leaves the frame.
  package func affineSampled(
    _ matrix: Value, height: Int? = nil, width: Int? = nil, fill: PictureFill, isBilinear: Bool
  ) throws -> Value {
    let sizes = shape.sizes
    let (own, other) = (sizes.count > 1 ? sizes[1] : 0, sizes.count > 2 ? sizes[2] : 0)
    let op = AffineSample(height: height ?? own, width: width ?? other, fill: fill, isBilinear: isBilinear)
    guard isBilinear, let (inner, inputs) = definition(as: AffineSample.self), inner == op,
      inputs[0].shape.sizes == sizes
    else { return try apply(op, matrix) }
    return try inputs[0].apply(op, matrix.followed(by: inputs[1]))
  }

  /// The product of affine maps `[N, 6]`: where `map` leads the places to which this one leads.
  private func followed(by map: Value) throws -> Value {
    func columns(_ value: Value) throws -> [Value] {
      try (0..<6).map { try value.sliced(start: [0, $0], lengths: [nil, 1]) }  // [N, 1]
    }
    let (m, n) = (try columns(self), try columns(map))
    var product: [Value] = []
    for row in [0, 3] {
      for column in 0..<3 {
        let linear = try n[row] * m[column] + n[row + 1] * m[column + 3]
        product.append(column == 2 ? try linear + n[row + 2] : linear)
      }
    }
    return try concatenate(product)  // [N, 6]
  }
}
