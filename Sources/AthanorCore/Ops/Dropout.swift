import AthanorKernels

/// Inverted dropout while training: `x [...] -> y [...], mask uint8 [...]`, `y = kept ? x / (1 - rate) : 0`.
///
/// Which elements are kept follows from the run's seed, the forward pass, the operation's stream and the element's place alone
/// (Srivastava et al., "Dropout", JMLR 2014; Philox, Salmon et al. 2011).
package struct DropoutOp: RandomOp {
  package let rate: Double
  package let stream: Int

  package var name: String { "dropout" }
  package var attributes: String { "rate: \(rate), stream: \(stream)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    guard rate >= 0, rate < 1 else {
      throw AthanorError(
        .argument, at: "", "dropout's rate is \(rate) but must be at least 0 and below 1", fix: "Give for example 0.5.")
    }
    return [inputs[0], ValueType(.uint8, inputs[0].shape)]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return [nil] }
    return [try dy.emit(DropoutGradient(rate: rate), site.outputs[1])]
  }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y, mask) = (site.inputs[0], site.outputs[0], site.outputs[1])
    let stream = stream
    return Kernel { run in
      var arguments = ath_dropout_args(
        count: Int64(x.count), rate: rate, key: run.randomKey(stream), counter: run.step,
        x: run[x], y: run[y], mask: run[mask].assumingMemoryBound(to: UInt8.self))
      run.table.pointee.dropout(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] { throw site.onlyWhileTraining(name) }
}

/// `dx = mask ? dy / (1 - rate) : 0`: `dy, mask -> dx`.
package struct DropoutGradient: Op {
  package let rate: Double

  package var name: String { "dropoutGradient" }
  package var attributes: String { "rate: \(rate)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [inputs[0]] }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dy, mask, dx) = (site.inputs[0], site.inputs[1], site.outputs[0])
    return Kernel { run in
      var arguments = ath_dropout_gradient_args(
        count: Int64(dy.count), rate: rate, dy: run[dy], mask: run[mask].assumingMemoryBound(to: UInt8.self),
        dx: run[dx])
      run.table.pointee.dropout_gradient(&arguments, run.pool)
    }
  }
}
