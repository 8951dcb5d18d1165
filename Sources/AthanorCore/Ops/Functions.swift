// The functions of which layers, losses and metrics are composed. Each throws an `AthanorError` when shapes do not fit.

extension Value {
  package func unary(_ function: UnaryFunction, alpha: Double = 0) throws -> Value {
    try apply(Unary(function: function, alpha: alpha))
  }

  package func binary(_ function: BinaryFunction, _ other: Value) throws -> Value {
    try apply(Binary(function: function), other)
  }

  package func binary(_ function: BinaryFunction, _ other: Double) throws -> Value {
    try binary(function, builder.constant(other))
  }

  /// Sums over the axes by which this value is larger than `shape` (the reverse of a broadcast).
  package func summed(to target: Shape) throws -> Value {
    guard shape != target else { return self }
    let extra = shape.rank - target.rank
    var result = self
    // From the last axis to the first, neighbouring axes in one reduction.
    var axis = shape.rank
    while axis > 0 {
      func isSummed(_ axis: Int) -> Bool { axis < extra || (target[axis - extra] == 1 && shape[axis] != 1) }
      guard isSummed(axis - 1) else {
        axis -= 1
        continue
      }
      var first = axis - 1
      while first > 0, isSummed(first - 1) { first -= 1 }
      result = try result.apply(Reduce(function: .sum, axes: first..<axis))
      axis = first
    }
    return try result.reshaped(target)
  }

  /// The same elements in row-major order under another shape, nil for each open axis of this value in order.
  public func reshaped(_ target: Shape) throws -> Value { shape == target ? self : try apply(ReshapeOp(shape: target)) }

  /// The axes in another order: axis i of the result is axis `order[i]` of this value.
  public func transposed(_ order: [Int]) throws -> Value { try apply(Transpose(order: order)) }

  /// The matrix product `[..., K] x [K, M] -> [..., M]`; with 3 axes or more on both sides, one product for each leading place.
  public func matmul(_ other: Value) throws -> Value {
    try apply(MatMul(isBatched: shape.rank > 2 && other.shape.rank > 2), other)
  }

  /// The sum along axes, which are dropped.
  public func sum(axes: [Int]) throws -> Value { try reduced(.sum, axes) }

  /// The mean along axes, which are dropped.
  public func mean(axes: [Int]) throws -> Value { try reduced(.mean, axes) }

  /// The maximum along axes, which are dropped.
  public func max(axes: [Int]) throws -> Value { try reduced(.max, axes) }

  private func reduced(_ function: ReduceFunction, _ axes: [Int]) throws -> Value {
    var result = self
    var remaining = Set(axes).sorted()
    guard remaining.count == axes.count, remaining.allSatisfy({ $0 >= 0 && $0 < shape.rank }) else {
      throw AthanorError(
        .argument, at: "", "\(function) along axes \(axes) was asked for, but the input has shape \(shape)",
        fix: shape.rank == 0
          ? "A single number has no axes." : "Name each axis at most once, from 0 to \(shape.rank - 1).")
    }
    while let last = remaining.popLast() {
      var first = last
      while remaining.last == first - 1 { first = remaining.removeLast() }
      result = try result.apply(Reduce(function: function, axes: first..<last + 1))
    }
    return result
  }

  /// Part of each axis: from `start`, of the given lengths (nil for the whole axis).
  public func sliced(start: [Int], lengths: [Int?]) throws -> Value {
    try apply(Slice(start: start, shape: Shape(lengths)))
  }

  /// Zeros before and after each axis.
  public func padded(before: [Int], after: [Int]) throws -> Value { try apply(Pad(before: before, after: after)) }

  /// The place of the largest element along the last axis, as integers.
  public func argMax() throws -> Value { try apply(ArgMax()) }

  /// Rows with a 1 at the place that the class number names.
  public func oneHot(_ count: Int) throws -> Value { try apply(OneHot(count: count)) }

  /// 1 where the class number is among the k largest of the row, else 0.
  public func inTopK(_ k: Int, _ classes: Value) throws -> Value { try apply(InTopK(k: k), classes) }

  /// Bytes, integers or numbers times a scale, plus an offset, as numbers.
  public func converted(scale: Float = 1, offset: Float = 0) throws -> Value {
    try apply(Convert(scale: scale, offset: offset))
  }

  /// 1 where the elements are equal, else 0.
  public func equal(_ other: Value) throws -> Value { try binary(.equal, other) }

  /// 1 where this element is greater than the other, else 0.
  public func greater(_ other: Value) throws -> Value { try binary(.greater, other) }

  /// 1 where this element is greater than the number, else 0.
  public func greater(_ other: Double) throws -> Value { try binary(.greater, other) }

  /// The element itself, but not below `low` nor above `high`.
  public func clipped(_ low: Double, _ high: Double) throws -> Value {
    try binary(.maximum, low).binary(.minimum, high)
  }

  /// The elements' power.
  public func power(_ exponent: Value) throws -> Value { try binary(.power, exponent) }

  /// Elementwise sum; shapes broadcast.
  public static func + (left: Value, right: Value) throws -> Value { try left.binary(.add, right) }
  /// Elementwise difference; shapes broadcast.
  public static func - (left: Value, right: Value) throws -> Value { try left.binary(.subtract, right) }
  /// Elementwise product; shapes broadcast.
  public static func * (left: Value, right: Value) throws -> Value { try left.binary(.multiply, right) }
  /// Elementwise quotient; shapes broadcast.
  public static func / (left: Value, right: Value) throws -> Value { try left.binary(.divide, right) }
  /// Adds a number to each element.
  public static func + (left: Value, right: Double) throws -> Value { try left.binary(.add, right) }
  /// Subtracts a number from each element.
  public static func - (left: Value, right: Double) throws -> Value { try left.binary(.subtract, right) }
  /// Multiplies each element by a number.
  public static func * (left: Value, right: Double) throws -> Value { try left.binary(.multiply, right) }
  /// Divides each element by a number.
  public static func / (left: Value, right: Double) throws -> Value { try left.binary(.divide, right) }
  /// A number minus each element.
  public static func - (left: Double, right: Value) throws -> Value {
    try right.builder.constant(left).binary(.subtract, right)
  }
  /// Each element with its sign reversed.
  public static prefix func - (value: Value) throws -> Value { try value.unary(.negate) }
}

extension GraphBuilder {
  /// A number, by default as a value without axes.
  package func constant(_ value: Double, _ shape: Shape = []) throws -> Value {
    try emit(Constant(value: value, shape: shape), [])[0]
  }

  /// Numbers in row-major order.
  package func constant(_ values: [Double], _ shape: [Int]) throws -> Value {
    try emit(Constant(values: values, shape: Shape(shape)), [])[0]
  }
}

/// `max(x, 0)`
public func relu(_ x: Value) throws -> Value { try x.unary(.relu) }
/// `x` above zero and `slope * x` below. `slope` must be zero or more.
public func leakyRelu(_ x: Value, slope: Double = 0.3) throws -> Value {
  guard slope >= 0 else {
    throw AthanorError(
      .argument, at: "", "leakyRelu's slope is \(slope) but must be 0 or more", fix: "Give for example 0.3.")
  }
  return try x.unary(.leakyRelu, alpha: slope)
}
/// `x` above zero and `alpha * (exp(x) - 1)` below (Clevert et al. 2015). `alpha` must be zero or more.
public func elu(_ x: Value, alpha: Double = 1) throws -> Value {
  guard alpha >= 0 else {
    throw AthanorError(.argument, at: "", "elu's alpha is \(alpha) but must be 0 or more", fix: "Give for example 1.")
  }
  return try x.unary(.elu, alpha: alpha)
}
/// `1 / (1 + exp(-x))`
public func sigmoid(_ x: Value) throws -> Value { try x.unary(.sigmoid) }
/// The hyperbolic tangent.
public func tanh(_ x: Value) throws -> Value { try x.unary(.tanh) }
/// `log(1 + exp(x))`
public func softplus(_ x: Value) throws -> Value { try x.unary(.softplus) }
/// `x * sigmoid(x)`, also called swish.
public func silu(_ x: Value) throws -> Value { try x.unary(.silu) }
/// `x * (1 + erf(x / sqrt(2))) / 2` (Hendrycks and Gimpel 2016), or its approximation with tanh.
public func gelu(_ x: Value, approximate: Bool = false) throws -> Value { try x.unary(approximate ? .geluTanh : .gelu) }
/// The error function, `2 / sqrt(pi) * (integral of exp(-t * t) from 0 to x)`.
public func erf(_ x: Value) throws -> Value { try x.unary(.erf) }
/// `exp(x) / sum(exp(x))` along the last axis.
public func softmax(_ x: Value) throws -> Value { try x.apply(Softmax()) }
/// The exponential function.
public func exp(_ x: Value) throws -> Value { try x.unary(.exp) }
/// The natural logarithm.
public func log(_ x: Value) throws -> Value { try x.unary(.log) }
/// The square root.
public func sqrt(_ x: Value) throws -> Value { try x.unary(.sqrt) }
/// `1 / sqrt(x)`
public func rsqrt(_ x: Value) throws -> Value { try x.unary(.rsqrt) }
/// `x * x`
public func square(_ x: Value) throws -> Value { try x.unary(.square) }
/// The absolute value.
public func abs(_ x: Value) throws -> Value { try x.unary(.abs) }
/// The sine of an angle in radians.
public func sin(_ x: Value) throws -> Value { try x.unary(.sin) }
/// The cosine of an angle in radians.
public func cos(_ x: Value) throws -> Value { try x.unary(.cos) }
/// The tangent of an angle in radians.
public func tan(_ x: Value) throws -> Value { try x.unary(.tan) }
/// The angle in radians whose sine is `x`; NaN beyond -1 ... 1.
public func asin(_ x: Value) throws -> Value { try x.unary(.asin) }
/// The angle in radians whose cosine is `x`; NaN beyond -1 ... 1.
public func acos(_ x: Value) throws -> Value { try x.unary(.acos) }
/// The angle in radians whose tangent is `x`.
public func atan(_ x: Value) throws -> Value { try x.unary(.atan) }
/// The hyperbolic sine.
public func sinh(_ x: Value) throws -> Value { try x.unary(.sinh) }
/// The hyperbolic cosine.
public func cosh(_ x: Value) throws -> Value { try x.unary(.cosh) }
/// The inverse of the hyperbolic tangent; NaN beyond -1 ... 1.
public func atanh(_ x: Value) throws -> Value { try x.unary(.atanh) }
/// The greatest whole number that is not above `x`.
public func floor(_ x: Value) throws -> Value { try x.unary(.floor) }
/// The smallest whole number that is not below `x`.
public func ceil(_ x: Value) throws -> Value { try x.unary(.ceil) }
/// The nearest whole number; halves go to even ones.
public func round(_ x: Value) throws -> Value { try x.unary(.round) }
/// The greater of two elements.
public func maximum(_ x: Value, _ y: Value) throws -> Value { try x.binary(.maximum, y) }
/// The smaller of two elements.
public func minimum(_ x: Value, _ y: Value) throws -> Value { try x.binary(.minimum, y) }

/// Values one after another along an axis, by default the last.
public func concatenate(_ values: [Value], axis: Int? = nil) throws -> Value {
  guard let first = values.first else {
    throw AthanorError(.argument, at: "", "concatenate was given no values", fix: "Give at least one.")
  }
  return try first.applyAll(Concatenate(axis: axis ?? first.shape.rank - 1), Array(values.dropFirst()))[0]
}

extension Value {
  /// Two-dimensional convolution of pictures `[N, H, W, C]` with weights `[R, S, C / groups, K]`.
  package func conv2D(_ weights: Value, _ window: Window2D, groups: Int) throws -> Value {
    try apply(Conv2DOp(window: window, groups: groups), weights)
  }
}

extension Value {
  /// The largest of each window of pictures `[N, H, W, C]`.
  package func maxPooled(_ window: Window2D) throws -> Value { try apply(MaxPool2DOp(window: window)) }

  /// The mean of each window of pictures `[N, H, W, C]`.
  package func averagePooled(_ window: Window2D) throws -> Value { try apply(AveragePool2DOp(window: window)) }

  /// Each element set to zero with the given probability, the others scaled up.
  package func droppedOut(_ rate: Double) throws -> Value {
    try apply(DropoutOp(rate: rate, stream: builder.nextRandomStream()))
  }

  /// Normalised over all axes but the last, with the batch's mean and variance `[C]`.
  package func batchNormalized(
    gamma: Value?, beta: Value?, epsilon: Double
  ) throws -> (y: Value, mean: Value, variance: Value) {
    let channels = Shape(axes: shape.axes.suffix(1))
    let gamma = try gamma ?? builder.constant(1, channels)
    let beta = try beta ?? builder.constant(0, channels)
    let results = try applyAll(BatchNorm(epsilon: epsilon), [gamma, beta])
    return (results[0], results[1], results[2])
  }

  /// Normalised by known means and variances `[C]`.
  package func batchNormalized(
    mean: Value, variance: Value, gamma: Value?, beta: Value?, epsilon: Double
  ) throws -> Value {
    let op = BatchNormPrediction(epsilon: epsilon, hasGamma: gamma != nil, hasBeta: beta != nil)
    return try applyAll(op, [mean, variance] + [gamma, beta].compactMap(\.self))[0]
  }

  /// The crossentropy of softmax(self) with targets: probabilities `[..., C]` or class numbers `[...]`.
  package func softmaxCrossentropy(_ target: Value) throws -> Value { try apply(SoftmaxCrossentropy(), target) }

  /// The input of the softmax that computes this value; nil when it is computed otherwise.
  package var softmaxLogits: Value? { definition(as: Softmax.self)?.inputs.first }

  /// Whether this value is the logarithm of a softmax, written as that or as `x - log(sum(exp(x)))`.
  package var isLogSoftmax: Bool {
    func logarithm(_ value: Value) -> Value? {
      if let (reshape, inputs) = value.definition(as: ReshapeOp.self), reshape.shape.rank > 0 {
        return logarithm(inputs[0])
      }
      guard let (op, inputs) = value.definition(as: Unary.self), op.function == .log else { return nil }
      return inputs[0]
    }
    if let inner = logarithm(self) { return inner.softmaxLogits != nil }
    guard let (op, terms) = definition(as: Binary.self), op.function == .subtract, var sum = logarithm(terms[1]) else {
      return false
    }
    while let (_, inputs) = sum.definition(as: ReshapeOp.self) { sum = inputs[0] }
    guard let (reduce, summands) = sum.definition(as: Reduce.self), reduce.function == .sum,
      let (power, exponent) = summands[0].definition(as: Unary.self)
    else { return false }
    return power.function == .exp && exponent[0].id == terms[0].id
  }

  /// Whether the operation that computes this value gives numbers beyond 0 ... 1.
  package var isVisiblyUnbounded: Bool {
    if definition(as: MatMul.self) != nil || definition(as: Conv2DOp.self) != nil { return true }
    if let (op, _) = definition(as: Unary.self) { return op.function != .sigmoid }
    if let (op, inputs) = definition(as: Binary.self), op.function == .add { return inputs[0].isVisiblyUnbounded }
    return definition(as: ReshapeOp.self)?.inputs[0].isVisiblyUnbounded ?? false
  }

  /// The input of the sigmoid that computes this value; nil when it is computed otherwise.
  package var sigmoidLogits: Value? {
    guard let (op, inputs) = definition(as: Unary.self), op.function == .sigmoid else { return nil }
    return inputs.first
  }
}
