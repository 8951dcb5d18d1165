import AthanorKernels

/// An operation whose result is drawn anew in each run: it follows from the run's seed, the forward pass and `stream`.
package protocol RandomOp: ForwardOp {
  /// Counts the operations of a graph that draw numbers, in the order in which layers add them: the key of its numbers.
  var stream: Int { get }
}

/// Random numbers of a shape, drawn anew in each run: `-> y [...]`, uniform in `0 ..< 1`, or normal of mean 0 and variance 1.
///
/// They follow from the run's seed, the forward pass, the operation's stream and the element's place alone (Philox, Salmon et al. 2011).
package struct RandomNumbers: RandomOp {
  package let shape: Shape
  package let isNormal: Bool
  package let stream: Int

  package var name: String { isNormal ? "randomNormal" : "randomUniform" }
  package var attributes: String { "stream: \(stream)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [ValueType(.float32, shape)] }

  package func gradient(_ site: GradientSite) throws -> [Value?] { [] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (y, stream) = (site.outputs[0], stream)
    return Kernel { run in
      var arguments = ath_random_numbers_args(
        count: Int64(y.count), normal: isNormal, key: run.randomKey(stream), counter: run.step, y: run[y])
      run.table.pointee.random_numbers(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] { throw site.onlyWhileTraining(name) }
}

extension Run {
  /// The key of an operation's random numbers.
  func randomKey(_ stream: Int) -> UInt64 { seed &+ UInt64(stream) &* 0x9E37_79B9_7F4A_7C15 }
}

extension Value {
  /// Random numbers, uniform between two bounds, one for each example of this value: `[N, 1]`.
  package func uniformNumbers(from low: Double, to high: Double) throws -> Value {
    let shape = Shape(axes: [shape.axes[0], Shape.Axis(1)])
    return try random(shape, isNormal: false) * (high - low) + low
  }

  /// Random numbers of mean 0 and variance 1, normally distributed, one for each element of this value.
  package func normalNumbers() throws -> Value { try random(shape, isNormal: true) }

  private func random(_ shape: Shape, isNormal: Bool) throws -> Value {
    let op = RandomNumbers(shape: shape, isNormal: isNormal, stream: builder.nextRandomStream())
    return try builder.emit(op, [])[0]
  }
}
