import AthanorKernels

/// Block operations on flat arrays of weights, for optimizers.
package struct FlatKernels {
  package let table: UnsafePointer<ath_kernel_table>
  let pool: ThreadPool

  package init(pool: ThreadPool, instructions: InstructionSet? = nil) throws {
    table = try (instructions ?? .chosen()).table(.single)
    self.pool = pool
  }

  /// `w -= rate * decay * w`, then momentum as `keras.optimizers.SGD` applies it.
  package func sgd(
    _ weights: UnsafeMutableBufferPointer<Float>, _ gradients: UnsafeMutableBufferPointer<Float>,
    velocity: UnsafeMutableBufferPointer<Float>?, rate: Double, decay: Double, momentum: Double, nesterov: Bool
  ) {
    var arguments = ath_sgd_args(
      count: Int64(weights.count), rate: rate, decay: decay, momentum: momentum, nesterov: nesterov,
      gradient: gradients.baseAddress, weights: weights.baseAddress, velocity: velocity?.baseAddress)
    table.pointee.sgd(&arguments, pool.handle)
  }

  /// One step of `keras.optimizers.RMSprop`.
  package func rmsprop(
    _ weights: UnsafeMutableBufferPointer<Float>, _ gradients: UnsafeMutableBufferPointer<Float>,
    square: UnsafeMutableBufferPointer<Float>, average: UnsafeMutableBufferPointer<Float>?,
    velocity: UnsafeMutableBufferPointer<Float>?, rate: Double, decay: Double, rho: Double, momentum: Double,
    epsilon: Double
  ) {
    var arguments = ath_rmsprop_args(
      count: Int64(weights.count), rate: rate, decay: decay, rho: rho, momentum: momentum, epsilon: epsilon,
      gradient: gradients.baseAddress, weights: weights.baseAddress, square: square.baseAddress,
      average: average?.baseAddress, velocity: velocity?.baseAddress)
    table.pointee.rmsprop(&arguments, pool.handle)
  }

  /// One step of `keras.optimizers.Adam`.
  package func adam(
    _ weights: UnsafeMutableBufferPointer<Float>, _ gradients: UnsafeMutableBufferPointer<Float>,
    first: UnsafeMutableBufferPointer<Float>, second: UnsafeMutableBufferPointer<Float>, alpha: Double, rate: Double,
    decay: Double, beta1: Double, beta2: Double, epsilon: Double
  ) {
    var arguments = ath_adam_args(
      count: Int64(weights.count), alpha: alpha, rate: rate, decay: decay, beta1: beta1, beta2: beta2, epsilon: epsilon,
      gradient: gradients.baseAddress, weights: weights.baseAddress, first: first.baseAddress,
      second: second.baseAddress)
    table.pointee.adam(&arguments, pool.handle)
  }

  /// The sum of squares in double, added in a fixed order.
  package func sumOfSquares(_ values: UnsafeMutableBufferPointer<Float>) -> Double {
    var arguments = ath_sum_of_squares_args(count: Int64(values.count), x: values.baseAddress)
    return table.pointee.sum_of_squares(&arguments, pool.handle)
  }

  /// `x *= factor`
  package func scale(_ values: UnsafeMutableBufferPointer<Float>, by factor: Double) {
    for index in values.indices { values[index] *= Float(factor) }
  }
}
