import Athanor
import AthanorCore
import Foundation
import SwiftProtobuf

extension OnnxFiles: ModelFileReader {
  package static func recipe(_ path: String, custom: [any SerializableLayer.Type]) throws -> ModelRecipe {
    try recipe(FileBytes.read(path), path)
  }

  static func model(_ bytes: [UInt8], _ path: String) throws -> OnnxModel {
    if let model = try? OnnxModel(serializedBytes: bytes), model.hasGraph { return model }
    throw AthanorError(.data, at: path, "is no ONNX model, or a damaged one", fix: "Export it again.")
  }

  static func recipe(_ bytes: [UInt8], _ path: String) throws -> ModelRecipe {
    let model = try model(bytes, path)
    do {
      let name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
      let folder = (path as NSString).deletingLastPathComponent
      var recipe = try ModelRecipe(OnnxReader(model, folder: folder.isEmpty ? "." : folder).result, name: name)
      if let names = model.properties.first(where: { $0.key == classKey }) {
        recipe.classNames = try classNames(names.value)
      }
      if let format = model.properties.first(where: { $0.key == bitmapKey })?.value, format.hasPrefix("Bgr") {
        recipe.warnings.append(
          AthanorError(
            .unsupported, at: path,
            "it says that pictures go in as \(format), blue first (\(bitmapKey)), but pictures are read here as red, green, blue",
            fix: "Exchange the channels of pictures before they go in."))
      }
      try recipe.takePixelScale(model.properties.first { $0.key == Model.pixelFileKey }?.value, at: Model.pixelFileKey)
      func property(_ key: String) -> String? { model.properties.first { $0.key == key }?.value }
      recipe.takeOutputKind(named: property(OutputKind.fileKey), at: path)
      try recipe.takeDataFacts(at: path, property)
      return recipe
    } catch let error as AthanorError {
      let isMended = !error.remedy.isEmpty || error.kind != .unsupported
      throw AthanorError(
        error.kind, at: error.location, error.problem, fix: isMended ? error.remedy : OnnxReader.lastRemedy
      ).within(path)
    }
  }
}

extension OnnxFiles {
  /// The newest operator set that the translations were held against.
  package static let newestOperatorSet = 28

  /// The property by which ONNX' image metadata name the order of a picture's channels.
  static let bitmapKey = "Image.BitmapPixelFormat"
  /// The property that holds the names of the classes.
  static let classKey = "athanor_class_names"

  private static func classNames(_ text: String) throws -> [String] {
    let value = try JSONValue(parsing: text, at: classKey)
    guard case .array(let values) = value else { throw damagedClassNames() }
    return try values.map { value in
      guard case .text(let name) = value else { throw damagedClassNames() }
      return name
    }
  }

  private static func damagedClassNames() -> AthanorError {
    AthanorError(.data, at: classKey, "it is no list of texts in JSON", fix: "The file is damaged.")
  }
}

/// Translates an ONNX graph into the exchange language.
final class OnnxReader {
  private(set) var result = Program()
  let writer: ProgramWriter
  /// What is known before the network runs: initializers, and all that is computed from known numbers alone.
  var constants: [String: OnnxNumbers] = [:]
  /// The format's numbers of element types, where they are known.
  private var types: [String: Int32] = [:]
  let version: Int
  /// Where files lie that hold tensors.
  let folder: String
  /// The node that is being translated, and which of its attributes and inputs were asked for.
  private(set) var node = OnnxNode()
  var askedAttributes: Set<String> = []
  private var askedInputs: Set<Int> = []

  /// What can be done with a network that is not read.
  static let lastRemedy = "Change the network so that it does without, or run the file in onnxruntime."

  /// - Parameter folder: Where files lie that hold tensors.
  /// - Throws: `AthanorError` that names the node, when it is not supported.
  init(_ model: OnnxModel, folder: String) throws {
    let graph = model.graph
    try OnnxFields.requireKnown(model)
    self.folder = folder
    version = Int(clamping: model.operatorSets.first { ["", "ai.onnx"].contains($0.domain) }?.version ?? 1)
    guard version <= OnnxFiles.newestOperatorSet else {
      throw AthanorError(
        .unsupported, at: "",
        "it has operator set \(version), but those up to \(OnnxFiles.newestOperatorSet) are known",
        fix: "Export it with opset_version=\(OnnxFiles.newestOperatorSet) or an older one.")
    }
    let known = Set(graph.initializers.map(\.name))
    writer = ProgramWriter(
      reserving: known.union(graph.nodes.flatMap { $0.outputs }).union(graph.inputs.map(\.name)))
    for input in try OnnxReader.inputs(graph.inputs.filter { !known.contains($0.name) }) { _ = writer.add(input) }
    for input in graph.inputs { types[input.name] = input.type.tensor.dataType }
    for tensor in graph.initializers {
      guard constants[tensor.name] == nil else { throw OnnxReader.defined(tensor.name, "tensor") }
      constants[tensor.name] = try OnnxNumbers(tensor, folder: folder)
      types[tensor.name] = tensor.dataType
    }
    var places: [String: String] = [:]
    var names = known.union(graph.inputs.map(\.name))
    for node in graph.nodes {
      self.node = node
      writer.name = node.name.isEmpty ? node.outputs.first ?? "" : node.name
      let place = "node \"\(writer.name)\" (\(node.type))"
      places[writer.name] = place
      (askedAttributes, askedInputs) = ([], [])
      do {
        for name in node.outputs where !name.isEmpty && !names.insert(name).inserted {
          throw OnnxReader.defined(name, "result")
        }
        let first = writer.operations.count
        writer.input = try optional(0)
        let operation = try translate()
        if let type = elementType(operation.elements) {
          for name in node.outputs where types[name] == nil { types[name] = type }
        }
        try fold(from: first)
      } catch let error as AthanorError {
        throw error.within(place)
      }
    }
    result = writer.program(outputs: graph.outputs.map { Program.Result($0.name) })
    result.places = places
  }

  private func translate() throws -> OnnxOperator {
    guard ["", "ai.onnx"].contains(node.domain) else {
      throw AthanorError(
        .unsupported, at: "", "it belongs to the operator set \"\(node.domain)\"",
        fix: "Export with the standard operators alone, or run the file in onnxruntime.")
    }
    guard let operation = OnnxReader.operators[node.type] else {
      let names = OnnxReader.operators.keys.sorted()
      throw AthanorError(
        .unsupported, at: "", "there is no such operator here",
        fix: AthanorError.suggestion(for: node.type, among: names) + OnnxReader.lastRemedy)
    }
    try requireDistinctAttributes()
    try operation.translate(self)
    try requireNothingUnread(operation)
    return operation
  }

  /// Computes what depends on known numbers alone, so that it is known where later nodes need it.
  private func fold(from first: Int) throws {
    let added = writer.operations[first...]
    guard !added.isEmpty else { return }
    var known: [String: Tensor] = [:]
    for operation in added {
      let filled = try operation.replacing { operand in
        if case .named(let name) = operand, let tensor = known[name] { .constant(tensor) } else { operand }
      }
      guard filled.computedNames.isEmpty,
        let tensors = try ImportSite(filled, [:], GraphBuilder(), weight: { _, _ in throw Self.unweighed }).folded()
      else { return }
      for (result, tensor) in zip(operation.results, tensors) { known[result.name] = tensor }
    }
    _ = writer.takeOperations(from: first)
    for output in node.outputs {
      guard let tensor = known[output] else { continue }
      constants[output] = .tensor(try OnnxNumbers.wrapped(tensor, types[output]))
    }
  }

  private static let unweighed = AthanorError(.unsupported, at: "", "it has weights but computes from known numbers")

  private static func defined(_ name: String, _ what: String) -> AthanorError {
    AthanorError(
      .data, at: "", "its \(what) \"\(name)\" has the name of another value", fix: "Export the model again.")
  }

  // MARK: Arguments

  /// - Throws: `AthanorError` that names an attribute or input which the translation did not ask for.
  private func requireNothingUnread(_ operation: OnnxOperator) throws {
    for attribute in node.attributes where !askedAttributes.contains(attribute.name) {
      if operation.ignored.contains(attribute.name) { continue }
      // What very old files say of the places of results.
      if version < 6, attribute.name == "consumed_inputs" { continue }
      throw AthanorError(
        .unsupported, at: "", "its attribute \"\(attribute.name)\" is not supported", fix: Self.lastRemedy)
    }
    for (index, name) in node.inputs.enumerated() where !name.isEmpty && !askedInputs.contains(index) {
      throw AthanorError(
        .unsupported, at: "", "its input \(index + 1), \"\(name)\", is not supported", fix: Self.lastRemedy)
    }
  }

  /// Adds the last operation of the node. Results that nothing here computes (masks, statistics) are left out.
  func finish(
    _ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument] = [:], results: Int = 1
  ) throws {
    try writer.add(kind, arguments, results: node.outputs.prefix(results).map { Program.Result($0) })
  }

  /// Adds an operation before the last one.
  func step(_ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument] = [:]) throws -> Program.Argument {
    .operand(try writer.add(kind, arguments))
  }

  /// - Throws: `AthanorError` when it is known, and holds an integer that does not fit.
  func optional(_ index: Int) throws -> Program.Operand? {
    askedInputs.insert(index)
    guard node.inputs.indices.contains(index), !node.inputs[index].isEmpty else { return nil }
    let name = node.inputs[index]
    switch constants[name] {
    case .tensor(let tensor): return .constant(tensor)
    case .wide(let integers, _): throw OnnxNumbers.misfit(integers, "its input \(index + 1), \"\(name)\",")
    case nil: return .named(name)
    }
  }

  func input(_ index: Int) throws -> Program.Argument {
    guard let operand = try optional(index) else {
      throw AthanorError(.data, at: "", "its input \(index + 1) is missing", fix: "Export the model again.")
    }
    return .operand(operand)
  }

  /// The type of an input's elements, by the format's numbers, where the file says it.
  func type(of index: Int) -> Int32? { node.inputs.indices.contains(index) ? types[node.inputs[index]] : nil }

  /// Says what the elements of the node's results are.
  func setType(_ type: Int32) { for name in node.outputs { types[name] = type } }

  private func elementType(_ elements: OnnxOperator.Elements) -> Int32? {
    switch elements {
    case .ofInput(let index): type(of: index)
    case .flags: OnnxNumbers.flag
    case .places: OnnxNumbers.place
    }
  }

  /// Known numbers of an input.
  func known(_ index: Int) throws -> Tensor? {
    switch try optional(index) {
    case .constant(let tensor): return tensor
    case .named:
      throw AthanorError(
        .unsupported, at: "", "its input \(index + 1) is computed, but must be known before",
        fix: "Export with fixed sizes, or run the file in onnxruntime.")
    case nil: return nil
    }
  }

  /// Axes and the like, an attribute in older operator sets and an input in newer ones. Programs write the largest integers for "as far as
  /// there is". Integers that the file computes of shapes are known later.
  func list(_ name: String, input index: Int) throws -> Program.Argument? {
    if let values = try integers(name) { return .integers(values) }
    if node.inputs.indices.contains(index), case .wide(let values, _) = constants[node.inputs[index]] {
      askedInputs.insert(index)
      return .integers(values)
    }
    guard let operand = try optional(index) else { return nil }
    if case .constant(let tensor) = operand { return .integers(tensor.integers) }
    return .operand(operand)
  }
}
