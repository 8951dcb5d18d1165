extension GraphBuilder {
  /// Adds, to the graph, the gradients of a loss with respect to its parameters, by reverse accumulation.
  ///
  /// Each wanted parameter that the loss depends on gets a result `.gradient(name)`; what only the others need is not computed.
  ///
  /// - Parameters:
  ///   - loss: A single number.
  ///   - isWanted: Whether the gradient of a parameter is wanted, by name.
  /// - Throws: `AthanorError` when the loss is not a single number or a rule refuses.
  package func addGradients(of loss: Value, for isWanted: (String) -> Bool = { _ in true }) throws {
    guard loss.shape.rank == 0 else {
      throw AthanorError(
        .shape, at: "gradient", "the loss has shape \(loss.shape) but must be a single number",
        fix: "Take its mean over the batch.")
    }
    let forward = graph
    let needed = forward.valuesThatDependOnParameters(isWanted)
    var gradients: [ValueID: Value] = [loss.id: try constant(1)]
    for node in forward.nodes.reversed() where node.inputs.contains(where: { needed[$0.index] }) {
      let outputGradients = node.outputs.map { gradients[$0] }
      guard outputGradients.contains(where: { $0 != nil }), let op = node.op as? any ForwardOp else { continue }
      origin = node.origin
      let site = GradientSite(
        inputs: node.inputs.map { Value(self, $0) }, outputs: node.outputs.map { Value(self, $0) },
        outputGradients: outputGradients, needsGradient: node.inputs.map { needed[$0.index] })
      for (input, gradient) in zip(node.inputs, try op.gradient(site)) where needed[input.index] {
        guard let gradient else { continue }
        gradients[input] = try gradients[input].map { try $0 + gradient } ?? gradient
      }
    }
    origin = ""
    for case (.parameter(let name), let value) in forward.sources.sorted(by: { $0.value < $1.value })
    where isWanted(name) {
      if let gradient = gradients[value] { setResult(.gradient(name), gradient) }
    }
  }
}

extension Graph {
  /// For each value, whether it is a wanted parameter or computed from one.
  func valuesThatDependOnParameters(_ isWanted: (String) -> Bool) -> [Bool] {
    var depends = [Bool](repeating: false, count: types.count)
    for case (.parameter(let name), let value) in sources where isWanted(name) { depends[value.index] = true }
    for node in nodes where node.inputs.contains(where: { depends[$0.index] }) {
      for output in node.outputs { depends[output.index] = true }
    }
    return depends
  }
}
