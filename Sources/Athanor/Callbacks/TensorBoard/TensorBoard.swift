/// Writes the course of a training for TensorBoard: `tensorboard --logdir FOLDER` draws it, also while training goes on.
///
/// The folder `train` gets, after each epoch, `epoch_loss`, `epoch_` and the name of each metric, and `epoch_learning_rate`; the folder `validation` the
/// figures of the validation under the same names, so that both are drawn into one chart. Steps count epochs from 0, as Keras' callback
/// does. On request there are histograms of all weights (`conv2d/kernel/histogram`), and a sheet of pictures (`examples`). The graph shows
/// the layers, with the shapes of their results.
///
/// When training resumes, a new file says from which epoch on the earlier ones do not hold any more: what was written after the
/// checkpoint and is computed again is shown once. A new training in the same folder takes the place of the earlier one in the same way.
///
/// Source: `keras.callbacks.TensorBoard`.
///
/// - Example:
///   ```swift
///   try model.fit(train, epochs: 10, validation: test, callbacks: [TensorBoard(logDirectory: "logs")])
///   ```
public final class TensorBoard: Callback {
  private let folder: String
  private let histogramFrequency: Int
  private let writesGraph: Bool
  private let pictures: Tensor?
  private var train: EventFile?
  private var validation: EventFile?

  /// - Parameters:
  ///   - logDirectory: The folder for the files; it is made if need be.
  ///   - histogramFrequency: The number of epochs from one histogram of the weights to the next; 0 for none.
  ///   - writesGraph: Whether the network is written.
  ///   - pictures: Examples `[N, H, W]` or `[N, H, W, C]` with 1 or 3 channels, as bytes or as numbers from 0 to 1; the first 32 are shown.
  public init(
    logDirectory: String, histogramFrequency: Int = 0, writesGraph: Bool = true, pictures: Tensor? = nil
  ) {
    folder = logDirectory
    self.histogramFrequency = histogramFrequency
    self.writesGraph = writesGraph
    self.pictures = pictures
  }

  public func trainingDidBegin(_ context: TrainingContext) throws {
    guard histogramFrequency >= 0 else {
      throw AthanorError(
        .argument, at: "TensorBoard", "histogramFrequency is \(histogramFrequency) but must be 0 (none) or more")
    }
    let sheet = try pictures.map { try PictureBytes(sheetOf: PictureBytes.all(in: $0, limit: 32, at: "TensorBoard")) }
    let epoch = context.model.progress.epoch
    func file(_ name: String) throws -> EventFile {
      try EventFile(folder: FileBytes.join(folder, name), firstStep: epoch)
    }
    let train = try file("train")
    self.train = train
    validation = context.monitors.contains { $0.hasPrefix("val_") } ? try file("validation") : nil
    if writesGraph, train.isFirst || !context.isResuming { try train.write(graph: context.model.graphDefinition) }
    if let sheet { try train.write(step: epoch, [.picture("examples", sheet)]) }
  }

  public func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {
    let step = epoch - 1
    let model = context.model
    var (figures, validated): ([SummaryValue], [SummaryValue]) = ([], [])
    for entry in logs.entries {
      if entry.name.hasPrefix("val_") {
        validated.append(.scalar("epoch_" + entry.name.dropFirst(4), entry.value))
      } else {
        figures.append(.scalar("epoch_" + entry.name, entry.value))
      }
    }
    figures.append(
      .scalar("epoch_learning_rate", model.progress.history.epochs.last?.learningRate ?? model.learningRate))
    if histogramFrequency > 0, step % histogramFrequency == 0 {
      figures += model.weights.map { .histogram("\($0.name)/histogram", $0.tensor.floats) }
    }
    try train?.write(step: step, figures)
    if !validated.isEmpty { try validation?.write(step: step, validated) }
  }

  public func trainingDidEnd(_ context: TrainingContext) throws { (train, validation) = (nil, nil) }
}

extension Model {
  /// The network as a `GraphDef` of TensorFlow (tensorflow/core/framework/graph.proto): a node for each input and each call of a layer.
  var graphDefinition: ProtoMessage {
    var graph = ProtoMessage()
    var names: [String] = []
    func add(_ name: String, _ operation: String, inputs: [String], shapes: [[Int?]], parameters: Int?) {
      names.append(Network.unique(name, among: Set(names)))
      var node = ProtoMessage()
      node.add(1, text: names[names.count - 1])
      node.add(2, text: operation)
      for input in inputs { node.add(3, text: input) }
      var list = ProtoMessage()
      for lengths in shapes {
        var shape = ProtoMessage()
        for length in lengths {
          var axis = ProtoMessage()
          axis.add(1, integer: length ?? -1)
          shape.add(2, axis)
        }
        list.add(7, shape)
      }
      node.addAttribute("_output_shapes") { $0.add(1, list) }
      if let parameters { node.addAttribute("parameters") { $0.add(3, integer: parameters) } }
      graph.add(1, node)
    }
    for port in network.inputs {
      add(port.name, "Placeholder", inputs: [], shapes: [port.lengths.map(\.fixed)], parameters: nil)
    }
    let parameters = Dictionary(summaryRows.map { ($0.name, $0.parameters) }, uniquingKeysWith: { $1 })
    for (index, call) in network.calls.enumerated() {
      let entry = network.entries[call.entry]
      let inputs = call.arguments.map { argument in
        switch argument {
        case .input(let place): names[place]
        case .result(let call, let result): names[network.inputs.count + call] + (result > 0 ? ":\(result)" : "")
        }
      }
      add(
        entry.name, entry.layer.kind, inputs: inputs, shapes: built.types[index].map(\.shape.lengths),
        parameters: parameters[entry.name])
    }
    return graph
  }
}

extension ProtoMessage {
  /// Adds an entry of a node's map of attributes.
  fileprivate mutating func addAttribute(_ name: String, _ add: (inout ProtoMessage) -> Void) {
    var value = ProtoMessage()
    add(&value)
    var entry = ProtoMessage()
    entry.add(1, text: name)
    entry.add(2, value)
    self.add(5, entry)
  }
}
