import Athanor
import AthanorCore

// What both of Core ML's formats share: input, classes and description.

extension CoreMLOptions {
  var takesPictures: Bool { if case .picture = input { true } else { false } }

  /// Whether the file takes several examples at a time, as no classifier does.
  private var takesBatches: Bool { if case .batch = flexibility { true } else { false } }

  /// The same options with the labels that a model's classes have.
  func resolved(for source: Model) -> CoreMLOptions {
    var options = self
    if labels?.count == 0 {
      options.labels = nil
    } else if labels == nil, !takesBatches, source.inputs.count == 1 || source.tableEncoding != nil,
      source.outputs.count == 1,
      let names = source.classNames,
      names.count == source.classCount
    {
      let isOneOfSeveral = source.outputKind == .sigmoid ? source.outputShape[1] == 1 : source.outputKind != .other
      if isOneOfSeveral || source.outputKind == .other && fromLogits { options.labels = Labels(names) }
    }
    return options
  }

  /// The model as it is written: taking pictures with channels last, and giving the probabilities of its classes where it is a classifier.
  func prepared(_ source: Model) throws -> Model {
    let pictured = takesPictures ? try source.takingChannelsLast() : source
    guard let labels = resolved(for: source).labels, source.inputs.count == 1, source.outputs.count == 1,
      let count = source.outputShape.rank == 2 ? source.outputShape[1] : nil,
      labels.count == count || count == 1 && labels.count == 2
    else { return pictured }
    return try pictured.withProbabilities(fromLogits: fromLogits)
  }

  /// How bytes become the model's numbers; nil when numbers go in.
  func pixels(_ source: Model) -> ExportFormat.Pixels? {
    guard case .picture(let scale, let bias) = input else { return nil }
    let isScaled = source.inputs[0].dtype.isFloatingPoint
    return ExportFormat.Pixels(scale: scale ?? (isScaled ? source.pixelScale : 1), bias: bias)
  }

  /// Writes the scaling of a picture: first the scale, then the bias.
  func scaled(_ site: ExportSite, _ source: Model) throws -> ExportValue {
    var value = site.inputs[0]
    guard let pixels = pixels(source) else { return value }
    func apply(_ function: BinaryFunction, _ argument: Program.Argument) throws {
      value = try site.emit(
        .binary(function), [.x: .value(value), .y: argument], value.type, layout: value.layout)
    }
    if pixels.scale != 1 { try apply(.multiply, .scalar(Double(pixels.scale))) }
    if pixels.bias.contains(where: { $0 != 0 }) {
      try apply(.add, .constant(Tensor(uncheckedShape: [1, pixels.bias.count, 1, 1], .float32(pixels.bias))))
    }
    return value
  }

  /// The names of the inputs: those of the model where it has several.
  func inputNames(of source: Model) -> [String] {
    source.inputs.count == 1 ? [inputName ?? (takesPictures ? "image" : "input")] : source.inputs.map(\.name)
  }

  /// - Throws: `AthanorError` when input or labels do not go with a model.
  func check(_ source: Model) throws {
    let shape = source.inputShape
    try compression?.check()
    if case .picture(let given, let bias) = input {
      let dtype = source.inputs[0].dtype
      guard dtype == .float32 || (dtype == .uint8 && given == nil && bias.isEmpty) else {
        throw AthanorError(
          .argument, at: "Core ML", "a picture is to go in, but the model takes elements of type \(dtype.rawValue)",
          code: dtype == .uint8
            ? "Leave scale and bias out: it takes the bytes as they are." : "Export with input: .array.",
          command: dtype == .uint8
            ? "Leave --image-scale and --image-bias out: it takes the bytes as they are." : "Leave --image-input out.")
      }
      let scale = pixels(source)?.scale ?? 1
      guard shape.count == 3, shape[2] == 1 || shape[2] == 3 else {
        throw AthanorError(
          .shape, at: "Core ML",
          "a picture is to go in, but the model takes \(Shape.text(shape)) and not height, width and 1 or 3 channels",
          code: "Export with input: .array.", command: "Leave --image-input out.")
      }
      guard scale.isFinite, scale != 0 else {
        throw AthanorError(
          .argument, at: "Core ML", "the picture's scale is \(scale)", fix: "Give for example 1 / 255.")
      }
      guard [0, 1, shape[2]].contains(bias.count), bias.allSatisfy(\.isFinite) else {
        throw AthanorError(
          .argument, at: "Core ML", "the picture's bias is \(bias)",
          fix: "Give no number, one, or one for each of the \(shape[2]) channels.")
      }
    }
    for case let name? in [inputName, outputName] {
      guard !ProgramBuilder.reservedWords.contains(name) else {
        throw AthanorError(
          .argument, at: "Core ML", "the name \"\(name)\" is a word of its language", fix: "Take another name.")
      }
      guard name.wholeMatch(of: #/[A-Za-z_][A-Za-z0-9_]*/#) == nil else { continue }
      throw AthanorError(
        .argument, at: "Core ML", "the name \"\(name)\" holds something that Core ML refuses",
        fix: "Use letters, digits and underscores, and begin with no digit.")
    }
    if source.inputs.count > 1 || source.outputs.count > 1 {
      let single: [(String, Bool)] = [
        ("inputName", inputName != nil), ("outputName", outputName != nil), ("labels", labels != nil),
      ].filter { source.tableEncoding == nil || $0.0 == "inputName" }
      if let option = single.first(where: \.1)?.0 {
        throw AthanorError(
          .argument, at: "Core ML",
          "\(option) is given, but the model has \(source.inputs.count) inputs and \(source.outputs.count) outputs",
          fix: "Leave it out; inputs and outputs then have the names of the model's.")
      }
    }
    try checkFlexibility(source)
    guard let labels = labels else { return }
    let output = source.outputShape.bound(to: 1)
    guard output.count == 2, output[1] == labels.count else {
      throw AthanorError(
        .argument, at: "Core ML",
        "\(labels.count) class labels were given, but the model's output has shape \(source.outputShape)",
        fix: output.count == 2 && output[1] == 1
          ? "Give two labels: a single output is the probability of the second."
          : "Give one label for each of the model's outputs, in their order.")
    }
    guard !takesBatches else {
      throw AthanorError(
        .argument, at: "Core ML",
        "class labels and batches were asked for, but a classifier takes one example at a time",
        fix: "Leave the labels or the batches out.")
    }
    var seen: Set<String> = []
    try source.requireOrder(of: labels.names, "labels")
    for text in labels.names where !seen.insert(text).inserted {
      throw AthanorError(
        .argument, at: "Core ML", "the class label \"\(text)\" is given twice",
        fix: "Give each class a label of its own.")
    }
  }

  /// What a program outside sees of the model.
  func description(
    _ source: Model, inputs: [String], _ outputs: [(name: String, feature: ProtoFeatureType)]
  ) throws -> ProtoDescription {
    let names = inputs + outputs.map(\.name)
    if let unknown = featureDescriptions.keys.sorted().first(where: { !names.contains($0) }) {
      throw AthanorError(
        .argument, at: "Core ML", "\"\(unknown)\" is described, but is neither input nor output",
        fix: "There are \(names.joined(separator: ", ")).")
    }
    var description = ProtoDescription()
    description.inputs = inputs.enumerated().map { index, name in
      .with {
        ($0.name, $0.type) = (name, feature(source, input: index))
        $0.shortDescription = featureDescriptions[name] ?? ""
      }
    }
    description.outputs = outputs.map { output in
      .with {
        ($0.name, $0.type) = (output.name, output.feature)
        $0.shortDescription = featureDescriptions[output.name] ?? ""
      }
    }
    if labels != nil {
      description.predictedFeatureName = outputs[0].name
      description.predictedProbabilitiesName = outputs[1].name
    }
    description.metadata.author = author
    description.metadata.license = license
    description.metadata.version = version
    description.metadata.shortDescription = summary
    description.metadata.userDefined = metadata
    if !takesPictures, source.pixelScale != 1 / 255 {
      description.metadata.userDefined[Model.pixelFileKey] = "\(source.pixelScale)"
    }
    description.metadata.userDefined.merge(source.dataFacts) { $1 }
    return description
  }
}
