/// Collects an imported program while a file is translated, one layer or node at a time.
package struct ProgramDraft {
  package private(set) var constants: [String: ImportedProgram.Constant] = [:]
  package private(set) var operations: [ImportedProgram.Operation] = []
  /// The layer or node that is being translated, and the names of its results.
  private var name = ""
  private var results: [String] = []
  private var steps = 0

  package init() {}

  /// Begins with the next layer or node.
  package mutating func begin(_ name: String, results: [String]) {
    self.name = name.isEmpty ? results.first ?? "" : name
    self.results = results
    steps = 0
  }

  /// Notes what a name of the file stands for.
  package mutating func set(_ name: String, _ constant: ImportedProgram.Constant) { constants[name] = constant }

  /// A name that no value of the file has.
  fileprivate mutating func newName(_ kind: String) -> String {
    steps += 1
    return "\(results.first ?? name)/\(kind) \(steps)"
  }

  fileprivate mutating func add(_ type: String, _ arguments: [String: [String]]) -> String {
    let output = newName("step")
    operations.append(.init(type, name: name, arguments: arguments, outputs: [output]))
    return output
  }

  fileprivate mutating func finish(_ type: String, _ arguments: [String: [String]], _ count: Int) throws {
    let outputs = Array(results.prefix(count))
    guard outputs.count == count, !outputs.contains("") else {
      throw AthanorError(.data, at: "", "it has \(results.count) results but must have \(count)")
    }
    operations.append(.init(type, name: name, arguments: arguments, outputs: outputs))
  }
}

/// A reader that translates layers or nodes into the common language.
package protocol ProgramTranslator {
  var draft: ProgramDraft { get set }
}

extension ProgramTranslator {
  /// Numbers as an argument.
  package mutating func constant(_ tensor: Tensor) -> String {
    let name = draft.newName("constant")
    draft.set(name, .numbers(tensor))
    return name
  }

  /// A number as an argument.
  package mutating func number(_ value: Float) -> String { constant(Tensor(uncheckedShape: [], .float32([value]))) }

  /// Integers as an argument.
  package mutating func integers(_ values: [Int]) -> String {
    constant(Tensor(uncheckedShape: [values.count], .int32(values.map { Int32(clamping: $0) })))
  }

  /// A text as an argument.
  package mutating func text(_ value: String) -> String {
    let name = draft.newName("text")
    draft.set(name, .text(value))
    return name
  }

  /// Adds an operation before the last, and returns its result.
  package mutating func add(_ type: String, _ arguments: [String: [String]]) -> String { draft.add(type, arguments) }

  /// Adds the last operation. Results that nothing here computes (masks, statistics) are left out.
  ///
  /// - Throws: `AthanorError` when there are fewer results than the operation has.
  package mutating func finish(_ type: String, _ arguments: [String: [String]], results: Int = 1) throws {
    try draft.finish(type, arguments, results)
  }
}
