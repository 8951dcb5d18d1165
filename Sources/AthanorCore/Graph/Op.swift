/// One operation of a graph: a value type of stored parameters, with these facets in this order in its file:
/// what it computes (the doc comment) / stored parameters / shape / gradient (for a `ForwardOp`) / CPU / export
/// (for a `ForwardOp`).
///
/// No facet has a default implementation, so that a hole does not compile.
package protocol Op: Hashable, Sendable {
  /// The operation's name in a printed graph, for example `conv2d`.
  var name: String { get }
  /// The stored parameters as they stand in a printed graph, for example `strides: [1, 1]`; empty when there are none.
  var attributes: String { get }

  /// The types of the results for given types of inputs.
  ///
  /// - Throws: `AthanorError` with an empty location (the layer's name is put before it) when the inputs do not fit.
  func outputTypes(_ inputs: [ValueType]) throws -> [ValueType]

  /// Where the results may be put.
  var outputPlacement: OutputPlacement { get }

  /// The call that computes the results, for inputs and outputs of known size.
  func kernel(_ site: KernelSite) -> Kernel
}

/// An operation that layers may use: it can also be differentiated and exported.
package protocol ForwardOp: Op {
  /// The gradients of the loss with respect to each input, from those with respect to the results.
  ///
  /// An entry may be nil where `site.needsGradient` is false, or where the gradient is zero everywhere.
  func gradient(_ site: GradientSite) throws -> [Value?]

  /// Writes the operation in the exchange language, which is Core ML's (MIL); how it is read stands in the `OperationKind` beside it.
  ///
  /// - Throws: `AthanorError` with an empty location when it cannot be exported.
  func export(_ site: ExportSite) throws -> [ExportValue]
}

/// Where an operation's first result may be put in memory. Further results always get a place of their own.
package enum OutputPlacement: Hashable, Sendable {
  /// In memory of its own.
  case separate
  /// Over input 0 when nothing else reads that input later (the kernel may run in place).
  case overInput(Int)
  /// It is input 0, seen with another shape: nothing is computed.
  case viewOfInput
}

/// What a gradient rule sees.
package struct GradientSite {
  package let inputs: [Value]
  package let outputs: [Value]
  /// The gradient of the loss with respect to each result; nil where no gradient flows.
  package let outputGradients: [Value?]
  /// Which inputs' gradients are wanted.
  package let needsGradient: [Bool]
}
