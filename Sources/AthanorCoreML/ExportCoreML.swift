import Athanor
import AthanorCore
import Foundation
import SwiftProtobuf

extension ExportFormat {
  /// Apple's Core ML: an ML Program in a `.mlpackage`, for iOS 15 and macOS 12 or newer; or, where the name ends with `.mlmodel`, a
  /// neural network of the format before it, which iOS 11 reads and which holds fewer kinds of layers.
  ///
  /// Pictures have their channels first there; weights are laid out anew, so that the model does nothing twice. Arrays of bytes are none of
  /// its types: for a uint8 input that is no picture the file takes int32.
  ///
  /// - Parameter options: Input, classes, precision and description.
  /// - Example:
  ///   ```swift
  ///   try model.export(to: "Digits.mlpackage", as: .coreML(CoreMLOptions(input: .picture(), labels: .integers(Array(0...9)))))
  ///   ```
  public static func coreML(_ options: CoreMLOptions = CoreMLOptions()) -> ExportFormat {
    ExportFormat(
      tolerance: options.precision == .float16 ? 2e-2 : 1e-5, compression: options.compression,
      pixels: { options.pixels($0) },
      classes: { model in
        options.resolved(for: model).labels.map { .init(names: $0.names, fromLogits: options.fromLogits) }
      },
      prepared: { try options.prepared($0) }, opened: { try options.opened($0) },
      openLengths: { options.openLengths($0) },
      contents: { model, path in
        let kind = try CoreMLKind(path)
        let (message, weights) = try options.message(of: model, kind)
        let bytes = try message.reproducibleBytes()
        return ExportFormat.Contents(
          byteCount: bytes.count + weights.count,
          recipe: { try CoreMLFile(model: bytes, weights: weights, path: path).recipe() },
          declaration: { try CoreMLFile(model: bytes, weights: weights, path: path).declaration },
          write: { place in
            switch kind {
            case .program: try CoreMLPackage(model: bytes, weights: weights).write(to: place)
            case .network: try FileBytes.write(bytes, to: place)
            }
          })
      },
      check: { model, path in _ = try options.message(of: model, path.map { try CoreMLKind($0) } ?? .program) })
  }
}

extension CoreMLOptions {
  /// A model as Core ML's message, with the weights that lie in a file of their own.
  ///
  /// - Throws: `AthanorError` that names the layer, when Core ML cannot hold the network.
  fileprivate func message(of model: Model, _ kind: CoreMLKind) throws -> (ProtoModel, weights: [UInt8]) {
    if let encoding = pipelineEncoding(of: model) {
      let pipeline = try CoreMLPipeline(model, encoding, self, asProgram: kind == .program)
      return (pipeline.model, pipeline.weights)
    }
    switch kind {
    case .program:
      let program = try CoreMLProgram(model, self)
      return (program.model, program.weights)
    case .network: return (try CoreMLNetwork(model, self).model, [])
    }
  }
}

/// The two kinds of Core ML's files, told apart by the extension.
private enum CoreMLKind {
  /// `.mlpackage`
  case program
  /// `.mlmodel`
  case network

  /// - Throws: `AthanorError` when the path ends otherwise.
  init(_ path: String) throws {
    if path.hasSuffix(".mlpackage") {
      self = .program
    } else if path.hasSuffix(".mlmodel") {
      self = .network
    } else {
      throw AthanorError(
        .argument, at: path, "a Core ML model's name must end with .mlpackage or .mlmodel", fix: "Choose such a name.")
    }
  }
}

/// A model as an ML Program.
package struct CoreMLProgram {
  package private(set) var model = ProtoModel()
  package private(set) var weights: [UInt8] = []
  private let options: CoreMLOptions
  private let isInPipeline: Bool
  private let builder: ProgramBuilder

  /// - Throws: `AthanorError` that names the layer, when Core ML cannot hold the network.
  package init(_ source: Model, _ options: CoreMLOptions) throws { try self.init(source, options, isInPipeline: false) }

  /// - Parameter isInPipeline: Whether rows without the axis of examples go in and out, as a pipeline's other models have them.
  init(_ source: Model, _ options: CoreMLOptions, isInPipeline: Bool) throws {
    let (options, source) = (options.resolved(for: source), try options.prepared(source))
    self.options = options
    self.isInPipeline = isInPipeline
    builder = ProgramBuilder(options.precision == .float16 ? .float16 : .float32, compression: options.compression)
    try options.check(source)
    let program = try Program(
      options.opened(source), inputs: options.inputNames(of: source), isPicture: options.takesPictures,
      fixedLengths: options.fixedLengths(source)
    ) { try options.scaled($0, source) }
    var function = ProtoFunction()
    // Compressed weights came with iOS 16.
    function.opset = options.compression == nil ? "CoreML5" : "CoreML6"
    var first: [String: String] = [:]
    for input in program.inputs {
      let name = builder.uniqueName(input.name)
      if isInPipeline {
        function.inputs.append(.with { ($0.name, $0.type) = (name, .tensor(.float32, Array(input.shape.dropFirst()))) })
        first[input.name] = row(name, input)
        continue
      }
      let type = ProtoValueType.tensor(input.dtype == .float32 ? .float32 : .int32, input.axes.map(\.fixed))
      function.inputs.append(.with { ($0.name, $0.type) = (name, type) })
      first[input.name] = name
    }
    if builder.dataType == .float16 {
      for input in program.inputs where input.dtype == .float32 {
        guard let name = first[input.name] else { continue }
        let half = builder.uniqueName("\(name)_as_float16")
        builder.cast(name, to: .float16, shape: input.axes.map(\.fixed), name: half)
        first[input.name] = half
      }
    }
    let predictions = try builder.write(program, inputs: first)
    let names = predictions.count == 1 ? [options.outputName ?? "output"] : source.outputs.map(\.name)
    let outputs = zip(predictions, zip(names, program.outputs)).flatMap { finish($0, $1.0, $1.1) }
    function.blocks[function.opset] = .with {
      ($0.outputs, $0.operations) = (outputs.map { $0.name }, builder.operations)
    }
    model.version = options.compression == nil ? 6 : 7
    model.program.version = 1
    model.program.functions["main"] = function
    model.description_p = try options.description(source, inputs: function.inputs.map(\.name), outputs)
    if isInPipeline {
      for (index, input) in program.inputs.enumerated() {
        model.description_p.inputs[index].type.array = .with {
          ($0.shape, $0.dataType) = (input.shape.dropFirst().map { Int64($0) }, CoreMLOptions.arrayType(.float32))
        }
      }
    }
    weights = builder.weights.bytes
  }

  /// A pipeline's row of numbers as the network's input of one example.
  private func row(_ name: String, _ input: Program.Input) -> String {
    var value = name
    if input.dtype == .int32 {
      let codes = builder.uniqueName("\(name)_codes")
      builder.cast(value, to: .int32, shape: Array(input.shape.dropFirst()), name: codes)
      value = codes
    }
    let row = builder.uniqueName("\(name)_row")
    builder.reshape(value, input.dtype == .int32 ? .int32 : .float32, to: input.shape, name: row)
    return row
  }

  /// Puts what is declared outside behind the prediction: its precision, its classes.
  private func finish(
    _ prediction: String, _ wanted: String, _ output: Program.Result
  ) -> [(name: String, feature: ProtoFeatureType)] {
    let lengths = output.shape?.lengths ?? []
    let name = builder.uniqueName(options.labels == nil ? wanted : "probabilities")
    // The output's own name is one that no layer chose.
    if builder.dataType == .float16, output.dtype == .float32 {
      builder.cast(prediction, to: .float32, shape: lengths, name: name)
    } else {
      let x = [ArgumentName.x.rawValue: ProtoArgument.named([prediction])]
      builder.add(OperationKind.identity, x, [(name, .tensor(builder.type(of: output.dtype), lengths))])
    }
    guard let labels = options.labels else {
      if isInPipeline, output.dtype == .float32 {
        let value = builder.uniqueName("\(wanted)_value")
        builder.reshape(name, .float32, to: [1], name: value)
        return [
          (value, .with { $0.array = .with { ($0.shape, $0.dataType) = ([1], CoreMLOptions.arrayType(.float32)) } })
        ]
      }
      // Core ML infers an output's shape where it depends on the size of what goes in.
      let shape = lengths.contains(nil) ? [] : lengths.map { Int64($0 ?? 0) }
      let type = CoreMLOptions.arrayType(output.dtype)
      return [(name, .with { $0.array = .with { ($0.shape, $0.dataType) = (shape, type) } })]
    }
    return classify(name, labels)
  }

  private func classify(
    _ probabilities: String, _ labels: CoreMLOptions.Labels
  ) -> [(name: String, feature: ProtoFeatureType)] {
    let label = builder.uniqueName(options.outputName ?? "classLabel")
    let dictionary = builder.uniqueName("classLabelProbabilities")
    var classes = ProtoValue()
    let key: ProgramBuilder.DataType
    switch labels {
    case .texts(let texts):
      key = .string
      classes.immediate.list.values = texts.map(ProtoValue.text)
    case .integers(let numbers):
      key = .int64
      classes.immediate.list.values = numbers.map { number in
        .with {
          $0.type = .tensor(.int64, [])
          $0.immediate.tensor.int64S.values = [Int64(number)]
        }
      }
    }
    classes.type.list.element = .tensor(key, [])
    classes.type.list.length.constant.size = UInt64(labels.count)
    var type = ProtoValueType()
    type.dictionary.key = .tensor(key, [])
    type.dictionary.value = .tensor(.float64, [])
    builder.add(
      FileOperation.classify,
      ["probabilities": .named([probabilities]), "classes": .with { $0.bindings = [.with { $0.value = classes }] }],
      [(label, .tensor(key, [])), (dictionary, type)])
    let isText = key == .string
    return [
      (label, .with { if isText { $0.string = ProtoEmpty() } else { $0.int64 = ProtoEmpty() } }),
      (
        dictionary,
        .with {
          $0.dictionary = .with { if isText { $0.string = ProtoEmpty() } else { $0.int64 = ProtoEmpty() } }
        }
      ),
    ]
  }
}

extension ProtoModel {
  /// The message, with maps in one order, so that an export of the same model is the same file again.
  fileprivate func reproducibleBytes() throws -> [UInt8] {
    var options = BinaryEncodingOptions()
    options.useDeterministicOrdering = true
    return try serializedBytes(options: options)
  }
}
