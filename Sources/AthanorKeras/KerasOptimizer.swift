import Athanor

/// The optimizer's arrays in Keras' order.
enum KerasOptimizer {
  /// Whether arrays are in the order of the optimizers before TensorFlow 2.11 and of Keras 1 and 2, slot by slot: these count `iter` or
  /// `iterations`, or nothing at all.
  ///
  /// - Parameter counter: The name of the number of steps; nil where there is none.
  private static func isLegacy(_ counter: String?) -> Bool {
    guard let name = counter?.split(separator: "/").last?.split(separator: ":").first else { return true }
    return name.hasPrefix("iter") && name != "iteration"
  }

  /// Names and arrays: the number of steps, the learning rate where it is no schedule, the slots of the weights that are trained.
  static func arrays(_ model: Model, _ training: Training) -> [(name: String, tensor: Tensor)] {
    let name = training.optimizer.variableName
    var arrays = [
      ("\(name)/iteration", Tensor(uncheckedShape: [], .int32([Int32(clamping: model.progress.step)])))
    ]
    if case .constant = training.optimizer.learningRate {
      arrays.append(("\(name)/learning_rate", Tensor(uncheckedShape: [], .float32([Float(model.learningRate)]))))
    }
    var taken = Set(arrays.map(\.0))
    let weights = KerasWeights(model).trained
    for (weight, slot) in training.optimizer.slotOrder(weightCount: weights.count) {
      guard let span = model.weightMap[weights[weight].name] else { continue }
      let variable = "\(model.name)/\(span.name)".replacingOccurrences(of: "/", with: "_")
      let path = Network.unique("\(name)/\(variable)_\(training.optimizer.slotNames[slot])", among: taken)
      taken.insert(path)
      let numbers = Array(training.slots[slot].floats[span.gradientOffset..<span.gradientOffset + span.count])
      arrays.append((path, Tensor(uncheckedShape: span.shape, .float32(numbers))))
    }
    let steps = model.progress.step / training.optimizer.accumulation
    for (variable, value) in training.optimizer.serializableRule?.trailingNumbers(step: steps) ?? [] {
      arrays.append(("\(name)/\(variable)", Tensor(uncheckedShape: [], .float32([Float(value)]))))
    }
    return arrays
  }

  /// Puts a compiled model's training where a file says it stood. It changes nothing when it throws.
  ///
  /// - Parameter arrays: The optimizer's arrays in the file's order; nil where the file has none.
  /// - Throws: `AthanorError` when they are not those of the optimizer that the model is compiled with.
  static func restore(
    _ model: Model, _ arrays: [(name: String, tensor: Tensor)]?, _ progress: TrainingProgress?, _ path: String
  ) throws {
    let training = try model.requireCompiled()
    try progress?.check(for: training, at: "\(path), \(KerasFile.stateAttribute)")
    let step = try arrays.map { try load($0, into: model, training, path) }
    guard let progress else {
      model.progress.step = step ?? 0
      return
    }
    model.progress = progress
    model.hasLoadedProgress = true
    training.fixedRate = progress.fixedRate
  }

  /// Takes over the arrays, and returns the number of steps.
  private static func load(
    _ arrays: [(name: String, tensor: Tensor)], into model: Model, _ training: Training, _ path: String
  ) throws -> Int {
    // The number of steps, and the learning rate, which is part of the configuration as well. Around an optimizer that scales the loss there
    // are those of both, and the inner ones come last.
    let scalars = arrays.prefix { $0.tensor.shape.isEmpty }
    // Numbers behind them follow from the number of steps.
    var tensors = arrays.dropFirst(scalars.count).filter { !$0.tensor.shape.isEmpty }[...]
    var step = 0
    if let counter = scalars.last(where: { $0.tensor.dtype == .int32 }) ?? scalars.first {
      let number = Int(exactly: counter.tensor.floats.first ?? 0)
      guard let number, number >= 0 else {
        throw AthanorError(
          .data, at: "\(path), \(counter.name)", "the number of steps is \(counter.tensor.floats.first ?? 0)",
          fix: "Go on from another checkpoint, or train anew.")
      }
      step = number
    }
    // A model that was compiled but never trained has none.
    if tensors.isEmpty { return step }
    let weights = KerasWeights(model)
    // Keras makes the arrays when training begins, and keeps them when layers are frozen later.
    let candidates = [weights.trained, weights.layers.flatMap(\.allWeights).filter(\.isParameter)]
    let slots = training.optimizer.slotNames.count
    let isLegacy = isLegacy(scalars.first?.name)
    let exact = candidates.first { tensors.count == $0.count * slots }
    let found = candidates.first { trained in
      let count = trained.count * slots
      // Some kept more than they used: momenta without momentum, the older ones a third array of Adam.
      return count == 0 && tensors.count == trained.count
        || isLegacy && tensors.count > count && tensors.count % max(1, trained.count) == 0
    }
    guard let trained = exact ?? found else {
      throw AthanorError(
        .shape, at: "\(path), optimizer",
        "it has \(tensors.count) arrays but the optimizer that the model is compiled with needs \(candidates[0].count * slots)",
        fix: "Compile with the optimizer of the interrupted training.")
    }
    tensors = tensors.prefix(trained.count * slots)
    let order = training.optimizer.slotOrder(weightCount: trained.count, isOlder: isLegacy)
    let places = order.map { (weight: trained[$0.weight], slot: $0.slot) }
    for ((name, tensor), place) in zip(tensors, places) where tensor.shape != place.weight.shape {
      throw AthanorError(
        .shape, at: "\(path), \(name)",
        "it has shape \(Shape.text(tensor.shape)) but \(Shape.text(place.weight.shape)) is needed")
    }
    for ((_, tensor), place) in zip(tensors, places) {
      guard let span = model.weightMap[place.weight.name] else { continue }
      let part = training.slots[place.slot].floats[span.gradientOffset..<span.gradientOffset + span.count]
      _ = UnsafeMutableBufferPointer(rebasing: part).update(fromContentsOf: tensor.floats)
    }
    return step
  }
}
