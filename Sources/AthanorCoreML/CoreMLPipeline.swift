import Athanor
import AthanorCore

/// A model for tables as a pipeline of Core ML: columns go in by their names, numbers as Double and categories as String, and a class with
/// its probabilities or a Double comes out.
///
/// Each column of numbers has an imputer (NaN becomes the mean of the training rows), each column of texts a categorical mapping (a text
/// that is not known becomes 0); feature vectorizers put them together; then there is the network, and for a number an extractor of it.
struct CoreMLPipeline {
  private(set) var model = ProtoModel()
  private(set) var weights: [UInt8] = []

  /// - Parameter asProgram: Whether the network is an ML Program; else one of the format before it.
  /// - Throws: `AthanorError` that names what Core ML cannot hold.
  init(_ source: Model, _ encoding: TableEncoding, _ options: CoreMLOptions, asProgram: Bool) throws {
    try CoreMLPipeline.check(encoding, options)
    var inner = options
    inner.featureDescriptions = [:]
    if source.inputs.count == 1 { inner.inputName = source.inputs[0].name }
    if encoding.classNames == nil { inner.outputName = CoreMLPipeline.valueName }
    var network: ProtoModel
    if asProgram {
      let program = try CoreMLProgram(source, inner, isInPipeline: true)
      (network, weights) = (program.model, program.weights)
    } else {
      network = try CoreMLNetwork(source, inner).model
      for index in network.description_p.inputs.indices {
        network.description_p.inputs[index].type.array.dataType = CoreMLPipeline.doubleArray
      }
    }
    let outputs = network.description_p.outputs
    let names = Set(encoding.columns.map(\.name))
    let predicted = encoding.classNames == nil ? options.outputName ?? encoding.targetName : outputs[0].name
    if let taken = (outputs.map(\.name) + [predicted]).first(where: names.contains) {
      throw CoreMLPipeline.nameIsTaken(taken)
    }
    model.version = network.version
    model.description_p = network.description_p
    model.description_p.inputs = CoreMLPipeline.inputs(encoding)
    network.description_p.metadata = ProtoMetadata()
    var pipeline = ProtoPipeline()
    for stage in CoreMLPipeline.stages(
      encoding, version: network.version, arrayType: asProgram ? nil : CoreMLPipeline.doubleArray)
    {
      pipeline.models.append(stage.model)
      pipeline.names.append(stage.name)
    }
    pipeline.models.append(network)
    pipeline.names.append("network")
    if encoding.classNames != nil {
      model.pipelineClassifier.pipeline = pipeline
    } else {
      let last = CoreMLPipeline.extractor(of: outputs[0], as: predicted, version: network.version)
      pipeline.models.append(last)
      pipeline.names.append(predicted)
      model.description_p.outputs = last.description_p.outputs
      model.description_p.predictedFeatureName = predicted
      model.pipelineRegressor.pipeline = pipeline
    }
    try CoreMLPipeline.describe(&model.description_p, options.featureDescriptions)
  }

  private static let valueName = "network_value"
  private static let doubleArray: Int32 = 65600

  private static func nameIsTaken(_ name: String) -> AthanorError {
    AthanorError(
      .unsupported, at: "Core ML",
      "the table has a column named \"\(name)\", which is the name of something else in the pipeline",
      fix: "Rename the column and train again.")
  }

  private static func check(_ encoding: TableEncoding, _ options: CoreMLOptions) throws {
    if let name = options.inputName {
      throw AthanorError(
        .argument, at: "Core ML",
        "the name \"\(name)\" was given for the input, but the table's columns go in by their own names",
        fix: "Leave it out.")
    }
    let own = Set(encoding.ports.map(\.name) + [valueName])
    for column in encoding.columns where own.contains(column.name) || own.contains(text(column.name)) {
      throw nameIsTaken(column.name)
    }
  }

  /// What people are told of the columns and results.
  private static func describe(_ description: inout ProtoDescription, _ texts: [String: String]) throws {
    let names = (description.inputs + description.outputs).map(\.name)
    if let unknown = texts.keys.sorted().first(where: { !names.contains($0) }) {
      throw AthanorError(
        .argument, at: "Core ML", "\"\(unknown)\" is described, but is neither input nor output",
        fix: "There are \(names.joined(separator: ", ")).")
    }
    for index in description.inputs.indices {
      description.inputs[index].shortDescription = texts[description.inputs[index].name] ?? ""
    }
    for index in description.outputs.indices {
      description.outputs[index].shortDescription = texts[description.outputs[index].name] ?? ""
    }
  }

  // MARK: Stages

  private static let double = ProtoFeatureType.with { $0.double = ProtoEmpty() }
  private static let string = ProtoFeatureType.with { $0.string = ProtoEmpty() }
  private static let integer = ProtoFeatureType.with { $0.int64 = ProtoEmpty() }

  private static func array(_ count: Int, _ type: Int32) -> ProtoFeatureType {
    .with { $0.array = .with { ($0.shape, $0.dataType) = ([Int64(count)], type) } }
  }

  private static func feature(_ name: String, _ type: ProtoFeatureType) -> ProtoFeature {
    .with { ($0.name, $0.type) = (name, type) }
  }

  /// What goes in: each column by its name.
  private static func inputs(_ encoding: TableEncoding) -> [ProtoFeature] {
    encoding.columns.map { column in
      if case .number = column.kind { feature(column.name, double) } else { feature(column.name, string) }
    }
  }

  /// The name of a column behind its own encoder.
  private static func text(_ column: String) -> String { "\(column), encoded" }

  /// The models before the network, which follow from the encoding alone.
  ///
  /// - Parameter arrayType: The type of the arrays that go into the network; nil for float32.
  private static func stages(
    _ encoding: TableEncoding, version: Int32, arrayType: Int32?
  ) -> [(name: String, model: ProtoModel)] {
    let arrayType = arrayType ?? CoreMLOptions.arrayType(.float32)
    func stage(_ inputs: [ProtoFeature], _ output: ProtoFeature, _ kind: ProtoModel.OneOf_Kind) -> (String, ProtoModel)
    {
      var model = ProtoModel()
      model.version = version
      (model.description_p.inputs, model.description_p.outputs) = (inputs, [output])
      model.kind = kind
      return (output.name, model)
    }
    func vectorizer(_ inputs: [ProtoFeature], _ name: String) -> (String, ProtoModel) {
      stage(
        inputs, feature(name, array(inputs.count, arrayType)),
        .featureVectorizer(
          .with {
            $0.columns = inputs.map { input in .with { ($0.name, $0.dimensions) = (input.name, 1) } }
          }))
    }
    var stages: [(String, ProtoModel)] = []
    let numbers = encoding.numbers
    for column in numbers {
      stages.append(
        stage(
          [feature(column.name, double)], feature(text(column.name), double),
          .imputer(
            .with { ($0.imputedDouble, $0.replacedDouble) = (Double(Float(column.mean)), .nan) })))
    }
    if !numbers.isEmpty {
      stages.append(vectorizer(numbers.map { feature(text($0.name), double) }, TableEncoding.numberInput))
    }
    for column in encoding.categories {
      let codes = Dictionary(uniqueKeysWithValues: column.categories.enumerated().map { ($1, Int64($0 + 1)) })
      let code = feature(text(column.name), integer)
      stages.append(
        stage(
          [feature(column.name, string)], code,
          .categoricalMapping(
            .with {
              $0.textCodes.codes = codes
              $0.unknownCode = 0
            })))
      stages.append(vectorizer([code], column.input))
    }
    return stages
  }

  /// The model behind the network that makes a Double of its one number.
  private static func extractor(of output: ProtoFeature, as name: String, version: Int32) -> ProtoModel {
    var model = ProtoModel()
    model.version = version
    (model.description_p.inputs, model.description_p.outputs) = ([output], [feature(name, double)])
    model.arrayFeatureExtractor.places = [0]
    return model
  }
}

// MARK: Reading

extension CoreMLPipeline {
  /// Reads a pipeline as Athanor writes it: what stands before the network must be just what follows from the encoding in the metadata.
  struct Reader {
    private let file: CoreMLFile
    private let pipeline: ProtoPipeline

    init(_ file: CoreMLFile, _ pipeline: ProtoPipeline) {
      self.file = file
      self.pipeline = pipeline
    }

    /// The network's program.
    ///
    /// - Throws: `AthanorError` when a model of the pipeline is another one.
    func program() throws -> Program {
      guard let text = file.model.description_p.metadata.userDefined[TableEncoding.fileKey] else {
        throw AthanorError(
          .unsupported, at: "", "it is a pipeline of several models, which is not supported",
          fix: "Save the neural network or ML Program within it as a file of its own.")
      }
      let encoding = try TableEncoding(Configuration(parsing: text, at: TableEncoding.fileKey))
      guard let place = pipeline.models.firstIndex(where: \.isNetwork) else {
        throw AthanorError(.data, at: "", "its pipeline holds no network", fix: "Export it again.")
      }
      let network = pipeline.models[place]
      let isProgram = if case .program = network.kind { true } else { false }
      var expected = stages(
        encoding, version: network.version, arrayType: isProgram ? nil : doubleArray)
      var found = zip(pipeline.names, pipeline.models).map { (name: $0, model: $1) }
      if place < found.count { found.remove(at: place) }
      if encoding.classNames == nil, let output = network.description_p.outputs.first {
        let predicted = file.model.description_p.predictedFeatureName
        expected.append((predicted, extractor(of: output, as: predicted, version: network.version)))
      }
      guard found.count == expected.count, pipeline.names.count == pipeline.models.count,
        place == stages(encoding, version: 0, arrayType: nil).count
      else {
        throw AthanorError(
          .data, at: "",
          "its pipeline has \(pipeline.models.count) models, but \(expected.count + 1) belong to the columns",
          fix: "Export it again.")
      }
      for (index, stage) in expected.enumerated() {
        guard found[index].name == stage.name, found[index].model.isEqual(stage.model) else {
          throw AthanorError(
            .data, at: "",
            "the model \"\(found[index].name)\" of its pipeline is not what the encoding of the table says",
            fix: "Export it again.")
        }
      }
      let described = file.model.description_p
      let outputs =
        encoding.classNames == nil ? expected.last?.model.description_p.outputs ?? [] : network.description_p.outputs
      guard described.inputs.map(\.withoutText) == inputs(encoding),
        described.outputs.map(\.withoutText) == outputs.map(\.withoutText)
      else {
        throw AthanorError(
          .data, at: "", "what it says of its inputs and outputs is not what its pipeline takes and gives",
          fix: "Export it again.")
      }
      let program = try CoreMLFile(network, within: file).program()
      return isProgram ? try CoreMLPipeline.withExamples(program, encoding) : program
    }
  }

  /// The program with the axis of examples that a pipeline's rows do not have.
  private static func withExamples(_ given: Program, _ encoding: TableEncoding) throws -> Program {
    var program = given
    let damaged = AthanorError(
      .data, at: "", "the network of its pipeline does not begin with rows of the table", fix: "Export it again.")
    /// The one operation that reads a value, of a kind.
    func reader(_ kind: OperationKind, of name: String) throws -> Program.Operation {
      let readers = program.operations.filter { $0.computedNames.contains(name) }
      guard readers.count == 1, readers[0].kind == kind else { throw damaged }
      return readers[0]
    }
    guard program.inputs.count == encoding.ports.count else { throw damaged }
    for (index, port) in encoding.ports.enumerated() {
      let input = program.inputs[index]
      let shape = [1] + port.exampleLengths.compactMap(\.fixed)
      guard input.name == port.name, input.shape == Array(shape.dropFirst()) else { throw damaged }
      var name = input.name
      if port.dtype == .int32 {
        let cast = try reader(.cast, of: name)
        guard try cast.choice(.dtype, OperationKind.Precision.self) == .int32 else { throw damaged }
        name = cast.results[0].name
      }
      let reshape = try reader(.reshape, of: name)
      guard try reshape.integers(.shape) == shape else { throw damaged }
      // So both change nothing.
      program.inputs[index] = Program.Input(name: input.name, dtype: port.dtype, shape: shape)
    }
    if encoding.classNames == nil {
      guard let output = program.outputs.first?.name,
        let last = program.operations.lastIndex(where: { $0.results.contains { $0.name == output } }),
        program.operations[last].kind == .reshape, try program.operations[last].integers(.shape) == [1],
        case .named(let value) = try program.operations[last].operand(.x)
      else { throw damaged }
      program.operations.remove(at: last)
      program.outputs = [Program.Result(value)]
    }
    return program
  }
}

extension ProtoModel {
  var isNetwork: Bool {
    switch kind {
    case .program, .neuralNetwork, .neuralNetworkClassifier, .neuralNetworkRegressor: true
    default: false
    }
  }

  /// Whether both hold the same, NaN being equal to NaN.
  fileprivate func isEqual(_ other: ProtoModel) -> Bool {
    guard case .imputer(let one) = kind, case .imputer(let two) = other.kind else { return self == other }
    var (first, second) = (self, other)
    guard one.replacedDouble.isNaN, two.replacedDouble.isNaN else { return self == other }
    first.imputer.replacedDouble = 0
    second.imputer.replacedDouble = 0
    return first == second
  }
}

extension ProtoFeature {
  fileprivate var withoutText: ProtoFeature {
    var copy = self
    copy.shortDescription = ""
    return copy
  }
}

extension CoreMLOptions {
  /// The encoding with which a model is exported as a pipeline; nil for a model without one, and where batches of numbers are asked for.
  func pipelineEncoding(of model: Model) -> TableEncoding? {
    guard case .array = input, flexibility == nil else { return nil }
    return model.tableEncoding
  }
}
