import Athanor
import Foundation

extension Model {
  /// Whether another model has the same kinds of layers and as many weights. Files may hold layers of several branches in another order.
  func hasLayers(of other: Model) -> Bool {
    summaryRows.map(\.kind).sorted() == other.summaryRows.map(\.kind).sorted() && parameterCount == other.parameterCount
  }

  /// The model without its last layer that has weights and what follows it, before a new last layer.
  ///
  /// - Parameter freeze: Whether the old layers keep their weights.
  /// - Throws: `AthanorError` when the model has just one layer with weights, or no single input.
  func withNewHead(for data: any LabelledData, freeze: Bool, _ options: NetworkOptions) throws -> Model {
    guard !options.augments else {
      throw AthanorError(
        .argument, at: "--augment", "it goes with a new network, not with --base", fix: "Leave it out.")
    }
    guard tableEncoding == nil else {
      throw AthanorError(
        .unsupported, at: "--base", "the model was trained with a table, whose columns are part of it",
        fix: "Train a new network with the table.")
    }
    let rows = summaryRows
    guard inputs.count == 1, outputs.count == 1, let head = rows.lastIndex(where: { $0.parameters > 0 }), head > 0,
      rows[..<head].contains(where: { $0.parameters > 0 })
    else {
      throw AthanorError(
        .argument, at: "--base", "the model has nothing before its last layer that a new one could learn from",
        fix: "Give a model of one input and one output with at least two layers of weights.")
    }
    let features = try truncated(after: rows[head - 1].name, name: "base")
    let input = Input(inputs[0].exampleLengths.map(\.fixed), dtype: inputs[0].dtype, name: inputs[0].name)
    var result = features(input)
    if features.outputShape.rank == 4 { result = GlobalAveragePooling2D()(result) }
    let layer =
      data.classNames.map { Dense($0.count, activation: .softmax, name: "head") } ?? Dense(1, name: "head")
    let model = try Model(
      inputs: [input], outputs: [layer(result)], name: name, seed: options.seed, threads: options.threads)
    model.pixelScale = pixelScale
    model.picturePreparation = picturePreparation
    if freeze { try model.freeze("base") }
    return model
  }
}
