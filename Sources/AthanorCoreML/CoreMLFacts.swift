import Athanor
import AthanorCore

extension CoreMLFile {
  /// What Xcode would show of the model.
  package var facts: FileFacts {
    var facts = FileFacts(format: formatName, requires: CoreMLFile.systems(model.version))
    let description = model.description_p
    facts.inputs = description.inputs.map(CoreMLFile.feature)
    facts.outputs = description.outputs.map(CoreMLFile.feature)
    facts.labels = labels
    let metadata = description.metadata
    facts.facts = [
      .init("Updatable", model.isUpdatable ? "yes, on the device; it is read as a model that predicts" : ""),
      .init("Summary", metadata.shortDescription), .init("Author", metadata.author), .init("Licence", metadata.license),
      .init("Version", metadata.version),
    ]
    facts.facts += metadata.userDefined.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }
    switch model.kind {
    case .program(let program): describe(program, &facts)
    case .neuralNetwork(let network), .neuralNetworkRegressor(let network), .neuralNetworkClassifier(let network):
      describe(network, &facts)
    case .pipelineClassifier(let content), .pipelineRegressor(let content):
      if let network = content.pipeline.models.first(where: \.isNetwork) {
        let inner = CoreMLFile(network, within: self).facts
        (facts.operations, facts.weightTypes) = (inner.operations, inner.weightTypes)
      }
    case .pipeline, .imputer, .featureVectorizer, .categoricalMapping, .arrayFeatureExtractor, nil: break
    }
    return facts
  }

  private var formatName: String {
    switch model.kind {
    case .program: "Core ML, ML Program"
    case .neuralNetworkClassifier: "Core ML, neural network, classifier"
    case .neuralNetwork, .neuralNetworkRegressor: "Core ML, neural network"
    case .pipeline, .pipelineClassifier, .pipelineRegressor: "Core ML, a pipeline of several models"
    case .imputer, .featureVectorizer, .categoricalMapping, .arrayFeatureExtractor, nil:
      "Core ML, a kind of model that Athanor does not know"
    }
  }

  /// The systems that read a version of the format.
  private static func systems(_ version: Int32) -> String {
    let names = [
      1: "iOS 11, macOS 10.13", 2: "iOS 11.2, macOS 10.13.2", 3: "iOS 12, macOS 10.14", 4: "iOS 13, macOS 10.15",
      5: "iOS 14, macOS 11", 6: "iOS 15, macOS 12", 7: "iOS 16, macOS 13", 8: "iOS 17, macOS 14", 9: "iOS 18, macOS 15",
      10: "iOS 26, macOS 26",
    ]
    return names[Int(version)].map { "\($0) or newer" } ?? "version \(version)"
  }

  private static func feature(_ feature: ProtoFeature) -> FileFacts.Feature {
    FileFacts.Feature(name: feature.name, type: type(feature.type), summary: feature.shortDescription)
  }

  private static func type(_ type: ProtoFeatureType) -> String {
    switch type.kind {
    case .image(let image):
      let colors: [Int32: String] = [10: "gray", 20: "RGB", 30: "BGR", 40: "16-bit gray"]
      var text = "\(colors[image.colorSpace] ?? "") picture \(image.height) x \(image.width)"
      switch image.flexibility {
      case .sizes(let sizes): text += ", or " + sizes.sizes.map { "\($0.height) x \($0.width)" }.joined(separator: ", ")
      case .range(let range):
        text += ", heights \(span(range.height)), widths \(span(range.width))"
      case nil: break
      }
      return text
    case .array(let array):
      let types: [Int32: String] = [
        65568: "float32", 65552: "float16", 65600: "double", 131104: "int32", 131080: "int8",
      ]
      var text = "\(types[array.dataType] ?? "numbers") \(Shape.text(array.shape.map { Int(clamping: $0) }))"
      switch array.flexibility {
      case .shapes(let shapes):
        text += ", or " + shapes.shapes.map { Shape.text($0.lengths.map { Int(clamping: $0) }) }.joined(separator: ", ")
      case .range(let range): text += ", lengths " + range.lengths.map(span).joined(separator: ", ")
      case nil: break
      }
      return text
    case .dictionary(let dictionary):
      return
        "probabilities by \(dictionary.int64 == ProtoEmpty() && dictionary.key.map(isInteger) == true ? "number" : "text")"
    case .int64: return "whole number"
    case .string: return "text"
    case .double: return "number"
    case nil: return "unknown"
    }
  }

  private static func isInteger(_ key: ProtoDictionaryType.OneOf_Key) -> Bool {
    if case .int64 = key { true } else { false }
  }

  private static func span(_ range: ProtoSizeRange) -> String {
    range.upper < 0
      ? "from \(range.lower)"
      : range.upper == Int64(clamping: range.lower) ? "\(range.lower)" : "\(range.lower) to \(range.upper)"
  }

  // MARK: Operations

  private func describe(_ program: ProtoProgram, _ facts: inout FileFacts) {
    guard let function = program.functions["main"] ?? program.functions.values.first,
      let block = function.blocks[function.opset]
    else { return }
    facts.facts.append(.init("Operation set", function.opset))
    var constants: [String: (count: Int, type: String)] = [:]
    for operation in block.operations {
      guard let output = operation.outputs.first else { continue }
      let (lengths, type) = CoreMLFile.shape(output.type)
      if let kind = FileOperation(rawValue: operation.type) {
        if kind == .classify { continue }
        constants[output.name] = (lengths.reduce(1) { $0 &* ($1 ?? 1) }, CoreMLFile.weightType(operation, type))
        continue
      }
      let weights = operation.inputs.filter { CoreMLFile.isWeight($0.key, of: operation) }.values
        .flatMap(\.bindings).compactMap { constants[$0.name] }.filter { $0.count > 1 }
      for weight in weights where weight.count >= 10 && !facts.weightTypes.contains(weight.type) {
        facts.weightTypes.append(weight.type)
      }
      facts.operations.append(
        FileFacts.Operation(
          name: output.name, kind: operation.type, result: Shape.text(lengths),
          weights: weights.reduce(0) { $0 + $1.count }))
    }
  }

  /// Whether an argument holds what was learnt, in contrast to strides, paddings and the like.
  private static func isWeight(_ argument: String, of operation: ProtoOperation) -> Bool {
    guard let kind = try? OperationKind.named(operation.type) else { return true }
    return kind.parameters.contains { $0.name.rawValue == argument && [.value, .values].contains($0.form) }
  }

  private static func shape(_ type: ProtoValueType) -> (lengths: [Int?], type: String) {
    guard case .tensor(let tensor) = type.kind else { return ([], "") }
    let lengths = tensor.dimensions.map { dimension -> Int? in
      if case .constant(let length) = dimension.kind { Int(clamping: length.size) } else { nil }
    }
    let types: [Int32: String] = [1: "bool", 2: "text", 10: "float16", 11: "float32", 23: "int32"]
    return (lengths, types[tensor.dataType] ?? "type \(tensor.dataType)")
  }

  private static func weightType(_ operation: ProtoOperation, _ type: String) -> String {
    switch FileOperation(rawValue: operation.type) {
    case .affine, .blockwise: return "int8"
    case .palette:
      let entries = operation.attributes["lut"].map { shape($0.type).lengths.reduce(1) { $0 &* ($1 ?? 1) } } ?? 0
      let bits = (0...8).first { 1 << $0 == entries }
      return bits.map { "\($0)-bit palette" } ?? "palette"
    case .sparse: return "sparse \(type)"
    default: return type
    }
  }

  /// The classes' names, in order; none where it is no classifier.
  var labels: [String] {
    switch model.kind {
    case .program(let program):
      let function = program.functions["main"]
      let last = function?.blocks[function?.opset ?? ""]?.operations.last { $0.type == FileOperation.classify.rawValue }
      return last.map(CoreMLFile.labels) ?? []
    case .neuralNetworkClassifier(let network):
      switch network.labels {
      case .stringLabels(let labels): return labels.values
      case .integerLabels(let labels): return labels.values.map(String.init)
      case nil: return []
      }
    case .pipelineClassifier(let content):
      return content.pipeline.models.first(where: \.isNetwork).map { CoreMLFile($0, within: self).labels } ?? []
    default: return []
    }
  }

  private static func labels(_ operation: ProtoOperation) -> [String] {
    guard case .value(let value) = operation.inputs["classes"]?.bindings.first?.kind,
      case .immediate(let immediate) = value.content, case .list(let list) = immediate.kind
    else { return [] }
    return list.values.map { value in
      guard case .immediate(let immediate) = value.content, case .tensor(let tensor) = immediate.kind else {
        return "?"
      }
      switch tensor.kind {
      case .strings(let texts): return texts.values.first ?? ""
      case .int64S(let numbers): return numbers.values.first.map(String.init) ?? ""
      default: return "?"
      }
    }
  }

  private func describe(_ network: ProtoNeuralNetwork, _ facts: inout FileFacts) {
    for step in network.preprocessing {
      guard case .scaler(let scaler) = step.kind else { continue }
      facts.facts.append(
        .init(
          "Scaling",
          "\(scaler.channelScale) * value + (gray \(scaler.grayBias), red \(scaler.redBias), green \(scaler.greenBias), "
            + "blue \(scaler.blueBias))"))
    }
    for layer in network.layers {
      let (kind, weights) = CoreMLFile.kind(layer)
      for type in weights.map(CoreMLFile.type) where !type.isEmpty && !facts.weightTypes.contains(type) {
        facts.weightTypes.append(type)
      }
      facts.operations.append(
        FileFacts.Operation(
          name: layer.name, kind: kind, result: "", weights: weights.reduce(0) { $0 + CoreMLFile.count($1) }))
    }
  }

  private static func kind(_ layer: ProtoLayer) -> (name: String, weights: [ProtoWeights]) {
    switch layer.kind {
    case .convolution(let layer): ("convolution", [layer.weights, layer.bias])
    case .innerProduct(let layer): ("innerProduct", [layer.weights, layer.bias])
    case .batchNormalization(let layer): ("batchnorm", [layer.gamma, layer.beta, layer.mean, layer.variance])
    case .scale(let layer): ("scale", [layer.scale, layer.bias])
    case .bias(let layer): ("bias", [layer.bias])
    case .pooling(let layer): (layer.type == 0 ? "max pooling" : "average pooling", [])
    case nil: ("of a kind that Athanor does not know", [])
    case .some(let kind): (String("\(kind)".prefix { $0 != "(" }), [])
    }
  }

  private static func count(_ weights: ProtoWeights) -> Int {
    if !weights.floats.isEmpty { return weights.floats.count }
    if !weights.halves.isEmpty { return weights.halves.count / 2 }
    return weights.quantization.bits > 0 ? weights.raw.count * 8 / Int(clamping: weights.quantization.bits) : 0
  }

  private static func type(_ weights: ProtoWeights) -> String {
    if !weights.floats.isEmpty { return "float32" }
    if !weights.halves.isEmpty { return "float16" }
    guard !weights.raw.isEmpty else { return "" }
    if case .table = weights.quantization.kind { return "\(weights.quantization.bits)-bit palette" }
    return "int8"
  }
}
