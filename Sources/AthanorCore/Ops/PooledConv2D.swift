import AthanorKernels

/// A convolution and the max-pooling of its result, in windows that do not overlap; what lies between is never written out:
/// `x [N, H, W, C], weights [R, S, C / groups, K], bias [K]? -> y [N, H", W", K], index uint16 [N, H", W", K]`.
package struct PooledConv2D: Op {
  package let convolution: Conv2DOp
  package let pooling: Window2D

  package var name: String { "pooledConv2d" }
  package var attributes: String {
    "\(convolution.attributes), pooling: \(pooling.kernel), strides: \(pooling.strides), padding: \(pooling.padding)"
  }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try MaxPool2DOp(window: pooling).outputTypes(convolution.outputTypes(inputs))
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, weights, y, index) = (site.inputs[0], site.inputs[1], site.outputs[0], site.outputs[1])
    let bias = site.inputs.count == 3 ? site.inputs[2] : nil
    let (shape, pool) = pooledShapes(
      convolution.window, pooling, x: x.shape, weights: weights.shape, pooled: y.shape, groups: convolution.groups)
    var template = ath_conv2d_pooled_forward_args()
    template.shape = shape
    template.pool = pool
    template.activation = convolution.activation.code
    let scratch = site.table.pointee.conv2d_pooled_forward_scratch_bytes(&template)
    return Kernel(scratch: scratch, flops: shape.flops) { run in
      var arguments = template
      arguments.x = UnsafeRawPointer(run[x])
      arguments.weights = UnsafeRawPointer(run[weights])
      arguments.bias = bias.map { UnsafeRawPointer(run[$0]) }
      arguments.y = run[y]
      arguments.index = run[index].assumingMemoryBound(to: UInt16.self)
      arguments.scratch = run.scratch
      run.table.pointee.conv2d_pooled_forward(&arguments, run.pool)
    }
  }
}

/// The gradient of a convolution, whose result is max-pooled in windows that do not overlap, with respect to its input:
/// `dpooled [N, H", W", K], index, weights, pooled?, x? -> dx [N, H, W, C]`.
///
/// The gradient of the convolution's result has one number in each window at most; it is never written out. With `x`, which
/// is a ReLU's result, the gradient is that before this ReLU.
package struct PooledConv2DInputGradient: Op {
  package let convolution: Window2D
  package let pooling: Window2D
  package let inputShape: Shape
  /// Whether the pooled values come fourth.
  package let hasPooled: Bool
  /// Whether the input, a ReLU's result, comes last.
  package var hasRelu = false

  package var name: String { "pooledConv2dInputGradient" }
  package var attributes: String { pooledAttributes(convolution, pooling) + (hasRelu ? ", before ReLU" : "") }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [ValueType(.float32, inputShape)] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dpooled, index, weights, dx) = (site.inputs[0], site.inputs[1], site.inputs[2], site.outputs[0])
    let pooled = hasPooled ? site.inputs[3] : nil
    let relu = hasRelu ? site.inputs.last : nil
    let (shape, pool) = pooledShapes(convolution, pooling, x: dx.shape, weights: weights.shape, pooled: dpooled.shape)
    var template = ath_conv2d_pooled_input_gradient_args()
    template.shape = shape
    template.dy.shape = pool
    let scratch = site.table.pointee.conv2d_pooled_input_gradient_scratch_bytes(&template)
    return Kernel(scratch: scratch, flops: shape.flops) { run in
      var arguments = template
      arguments.dy.dpooled = UnsafeRawPointer(run[dpooled])
      arguments.dy.index = UnsafePointer(run[index].assumingMemoryBound(to: UInt16.self))
      arguments.dy.pooled = pooled.map { UnsafeRawPointer(run[$0]) }
      arguments.weights = UnsafeRawPointer(run[weights])
      arguments.relu = relu.map { UnsafeRawPointer(run[$0]) }
      arguments.dx = run[dx]
      arguments.scratch = run.scratch
      run.table.pointee.conv2d_pooled_input_gradient(&arguments, run.pool)
    }
  }
}

/// The gradients of a convolution, whose result is max-pooled in windows that do not overlap, with respect to its weights
/// and bias: `dpooled [N, H", W", K], index, x [N, H, W, C], pooled? -> dweights [R, S, C, K], dbias [K]`.
package struct PooledConv2DWeightGradient: Op {
  package let convolution: Window2D
  package let pooling: Window2D
  package let weightShape: Shape
  package let hasBias: Bool

  package var name: String { "pooledConv2dWeightGradient" }
  package var attributes: String { pooledAttributes(convolution, pooling) }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    let weights = ValueType(.float32, weightShape)
    return hasBias ? [weights, ValueType(.float32, Shape(axes: weightShape.axes.suffix(1)))] : [weights]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dpooled, index, x, dweights) = (site.inputs[0], site.inputs[1], site.inputs[2], site.outputs[0])
    let pooled = site.inputs.count == 4 ? site.inputs[3] : nil
    let dbias = hasBias ? site.outputs[1] : nil
    let (shape, pool) = pooledShapes(convolution, pooling, x: x.shape, weights: dweights.shape, pooled: dpooled.shape)
    var template = ath_conv2d_pooled_weight_gradient_args()
    template.shape = shape
    template.dy.shape = pool
    let scratch = site.table.pointee.conv2d_pooled_weight_gradient_scratch_bytes(&template)
    return Kernel(scratch: scratch, flops: shape.flops) { run in
      var arguments = template
      arguments.dy.dpooled = UnsafeRawPointer(run[dpooled])
      arguments.dy.index = UnsafePointer(run[index].assumingMemoryBound(to: UInt16.self))
      arguments.dy.pooled = pooled.map { UnsafeRawPointer(run[$0]) }
      arguments.x = UnsafeRawPointer(run[x])
      arguments.dweights = run[dweights]
      arguments.dbias = dbias.map { run[$0] }
      arguments.scratch = run.scratch
      run.table.pointee.conv2d_pooled_weight_gradient(&arguments, run.pool)
    }
  }
}

extension Window2D {
  /// Whether windows share places.
  package var overlaps: Bool { strides[0] < kernel[0] || strides[1] < kernel[1] }

  /// Whether the gradients of a convolution (self) of so many groups, with results of the given shape, can be computed
  /// straight from those behind a max-pooling.
  package func hasPooledGradients(groups: Int, output: Shape, pooling: Window2D) -> Bool {
    let mostWindows = ATH_POOLED_WIDTH
    return strides == [1, 1] && dilations == [1, 1] && groups == 1
      && !pooling.overlaps && pooling.kernel[0] * pooling.kernel[1] > 1
      && pooling.kernel[0] * pooling.kernel[1] <= ATH_POOLED_PLACES
      && output.axes[3].length <= ATH_POOLED_FILTERS
      && pooling.places(along: 1, length: output.axes[2].length).count <= mostWindows
  }
}

private func pooledAttributes(_ convolution: Window2D, _ pooling: Window2D) -> String {
  "padding: \(convolution.padding), pooling: \(pooling.kernel), strides: \(pooling.strides), padding: \(pooling.padding)"
}

private func pooledShapes(
  _ convolution: Window2D, _ pooling: Window2D, x: [Int], weights: [Int], pooled: [Int], groups: Int = 1
) -> (ath_conv2d_shape, ath_pool2d_shape) {
  let y = [
    x[0], convolution.places(along: 0, length: x[1]).count, convolution.places(along: 1, length: x[2]).count,
    weights[3],
  ]
  return (convolution.kernelShape(x: x, weights: weights, y: y, groups: groups), pooling.poolShape(x: y, y: pooled))
}
