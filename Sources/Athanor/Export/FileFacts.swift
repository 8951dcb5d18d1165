import AthanorCore
import Foundation

/// What a model file says of itself, whatever its format: what Xcode would show.
package struct FileFacts: Encodable, Sendable {
  package struct Feature: Encodable, Sendable {
    package let name: String
    /// `gray picture 28 x 28`, `float32 (1, 10)`, `label`, ...
    package let type: String
    package let summary: String

    fileprivate init(_ port: Port) {
      self.init(name: port.name, type: "\(port.dtype.rawValue) \(Shape(port.lengths.map(\.fixed)))")
    }

    package init(name: String, type: String, summary: String = "") {
      self.name = name
      self.type = type
      self.summary = summary
    }
  }

  package struct Fact: Encodable, Sendable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  package struct Operation: Encodable, Sendable {
    package let name: String
    package let kind: String
    /// The shape of its result, where the file says it.
    package let result: String
    /// How many constant numbers it takes.
    package let weights: Int

    package init(name: String, kind: String, result: String, weights: Int) {
      self.name = name
      self.kind = kind
      self.result = result
      self.weights = weights
    }
  }

  /// An array of weights.
  package struct Weight: Encodable, Sendable {
    package let name: String
    package let shape: [Int]
    /// The least and the greatest number; nil where there is none that is finite.
    package let least: Float?
    package let greatest: Float?
    /// How many numbers are NaN or infinite.
    package let notFinite: Int

    package init(_ name: String, _ tensor: Tensor) {
      let finite = tensor.floats.lazy.filter(\.isFinite)
      self.name = name
      shape = tensor.shape
      least = finite.min()
      greatest = finite.max()
      notFinite = tensor.count - finite.count
    }

    fileprivate var row: [String] {
      func text(_ number: Float?) -> String {
        number.map { "\(Float(String(format: "%.4g", Double($0))) ?? $0)" } ?? "-"
      }
      return [
        name, Shape.text(shape), text(least), text(greatest), notFinite == 0 ? "" : "\(notFinite) not finite",
      ]
    }
  }

  /// `Core ML, ML Program`
  package let format: String
  /// `iOS 15, macOS 12 or newer`; empty where the format has nothing like it.
  package let requires: String
  package var inputs: [Feature] = []
  package var outputs: [Feature] = []
  /// The classes' names, in order.
  package var labels: [String] = []
  /// Author, licence and whatever else is written in it; empty ones are left out.
  package var facts: [Fact] = []
  package var operations: [Operation] = []
  /// The arrays of weights of files that are read as models of layers.
  package var weights: [Weight] = []
  /// How the weights are kept: `float32`, `8-bit palette`, ...
  package var weightTypes: [String] = []

  package init(format: String, requires: String = "") {
    self.format = format
    self.requires = requires
  }

  /// What a file says that was read as a model of layers.
  ///
  /// - Parameter writer: The program that wrote it, as far as the file says.
  package init(format: String, writer: String = "", _ model: Model) {
    self.init(format: format)
    inputs = model.inputs.map { Feature($0) }
    outputs = model.outputs.map { Feature($0) }
    labels = model.classNames ?? []
    facts = [
      Fact("Written by", writer), Fact("Name", model.name), Fact("Pixels are multiplied by", "\(model.pixelScale)"),
    ]
    if let preparation = model.picturePreparation {
      facts.append(Fact("Pictures are prepared as", preparation.rawValue))
    }
    if let encoding = model.tableEncoding {
      facts.append(Fact("Columns", encoding.columns.map(\.name).joined(separator: ", ")))
      facts.append(Fact("Target", encoding.targetName))
    }
    if !model.frozenLayers.isEmpty { facts.append(Fact("Frozen", model.frozenLayers.joined(separator: ", "))) }
    if let training = model.training {
      let losses = training.goals.compactMap { $0.loss?.name }
      facts += [
        Fact("Loss", losses.joined(separator: ", ")), Fact("Optimizer", training.optimizer.variableName),
        Fact("Trained", "\(model.progress.epoch) epochs, \(model.progress.step) steps"),
      ]
    }
    facts += model.warnings.map { Fact("Not taken over", $0) }
    operations = model.summaryRows.map {
      Operation(name: $0.name, kind: $0.kind, result: $0.output, weights: $0.parameters)
    }
    weightTypes = ["float32"]
    weights = model.weights.map { Weight($0.name, $0.tensor) }
  }

  package var weightCount: Int { operations.reduce(0) { $0 + $1.weights } }

  /// For the terminal.
  package func text(path: String, byteCount: Int) -> String {
    var lines = ["\(path): \(format)\(requires.isEmpty ? "" : " (\(requires))"), \((byteCount + 500) / 1000) KB", ""]
    var rows = inputs.map { ["Input", $0.name, $0.type, $0.summary] }
    rows += outputs.map { ["Output", $0.name, $0.type, $0.summary] }
    lines += TextTable(rows).lines
    if !labels.isEmpty {
      let most = 12
      let shown = labels.prefix(most).joined(separator: ", ") + (labels.count > most ? ", ..." : "")
      lines += [""] + TextTable([["\(labels.count) classes: \(shown)"]]).lines
    }
    let told = facts.filter { !$0.value.isEmpty }
    if !told.isEmpty { lines += [""] + TextTable(told.map { [$0.name, $0.value] }).lines }
    if !operations.isEmpty {
      let table =
        [["Operation", "Kind", "Result", "Weights"]]
        + operations.map { [$0.name, $0.kind, $0.result, $0.weights == 0 ? "" : "\($0.weights)"] }
      lines += [""] + TextTable(table, rightAligned: [3]).lines
    }
    if !weights.isEmpty {
      let table = [["Array", "Shape", "Least", "Greatest", ""]] + weights.map(\.row)
      lines += [""] + TextTable(table, rightAligned: [2, 3]).lines
    }
    guard !operations.isEmpty else { return lines.joined(separator: "\n") }
    let types = weightTypes.isEmpty ? "" : " as \(weightTypes.joined(separator: ", "))"
    lines += ["", "\(operations.count) operations, \(weightCount) weights\(types)"]
    return lines.joined(separator: "\n")
  }
}
