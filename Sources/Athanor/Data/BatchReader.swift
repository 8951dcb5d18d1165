/// Reads the batches of a source for a model: checks them, and brings them into the types that its graphs take.
final class BatchReader {
  /// The number of examples of the present batch.
  private(set) var count = 0
  /// How the present batch enters a graph.
  private(set) var feed: Feed
  let batchSize: Int
  private let source: any DataSource
  private let batch: Batch
  private let preparation: InputPreparation
  /// The source's ports in the order of the model's inputs.
  private let inputs: [Port]
  /// What belongs to each output; nil where there is no loss and no metric.
  private var outputs: [Output?] = []
  private let classWeights: [Int: Float]
  /// The open lengths that `feed` is made for.
  private var describedLengths: [String: Int]?

  /// What is read for one output.
  private struct Output {
    let target: Port
    /// Class numbers (int32) or numbers (float32).
    let dtype: DType
    /// The lengths of one example, nil for open ones.
    let lengths: [Length]
    /// How many classes there are; nil where targets are numbers.
    let classCount: Int?
    /// A class number that the loss ignores, whether or not there is such a class.
    let ignoredClass: Int?
    let weights: Port?
    let mask: Port?
  }

  /// - Parameters:
  ///   - what: Where errors say that they happened.
  ///   - withTargets: Whether targets are read.
  ///   - classWeights: The weight of a class's examples; 1 where not given.
  /// - Throws: `AthanorError` when an array is missing or does not fit the model, or a class number is out of range.
  init(
    _ source: any DataSource, for model: Model, _ what: String, batchSize: Int, withTargets: Bool = true,
    classWeights: [Int: Float] = [:]
  ) throws {
    let goals = withTargets ? try model.requireCompiled().goals : []
    if let port = model.inputs.first(where: { $0.exampleAxis == nil }) {
      throw AthanorError(
        .shape, at: what,
        "the model takes no data sets: its input \"\(port.name)\" has just the shape \(Shape.text(port.lengths.map(\.fixed))), "
          + "and no axis for examples, because an operation does not leave them apart",
        code: "Predict with tensors of just this shape, or export the model with an open batch.",
        command: "Give athanor predict its numbers (--inputs), or export the model with an open batch.")
    }
    guard source.exampleCount ?? 1 > 0 || !withTargets else {
      throw AthanorError(.data, at: what, "the data set has no examples", fix: "Check the folder or file it came from.")
    }
    self.source = source
    self.classWeights = classWeights
    self.batchSize = max(1, min(batchSize, source.exampleCount ?? batchSize))
    preparation = model.preparation
    let ports = source.ports
    inputs = try preparation.inOrder(BatchReader.byName(ports.inputs, "input"), what)
    feed = try preparation.feed(
      inputs.map { ($0.dtype, [source.exampleCount] + $0.exampleLengths.map(\.fixed)) }, what, scale: source.scale)
    if let data = source.dataset {
      try preparation.checkIndices(inputs.compactMap { data.inputsByName[$0.name] }, what)
    }
    let known = model.outputs.map(\.name)
    let names = zip(known, goals).filter { $0.1.isUsed }.map(\.0)
    let targets = withTargets ? try BatchReader.byName(ports.targets, "target") : [:]
    let ordered = withTargets ? try NamedTensors(kind: "target", names: names, known: known).inOrder(targets, what) : []
    func optional(_ ports: [Port], _ kind: String) throws -> [String: Port] {
      let named = try BatchReader.byName(ports, kind)
      if let unknown = named.keys.sorted().first(where: { !$0.isEmpty && !known.contains($0) }) {
        throw NamedTensors(kind: kind, names: known).unknown(unknown, what)
      }
      return named
    }
    let weights = try optional(ports.sampleWeights, "sample weights")
    let masks = try optional(ports.masks, "mask")
    batch = try Batch(ports, capacity: self.batchSize)
    for (port, goal) in zip(model.outputs, goals) {
      guard let place = names.firstIndex(of: port.name) else {
        outputs.append(nil)
        continue
      }
      let location = known.count == 1 ? what : "\(what), target \"\(port.name)\""
      let output = try BatchReader.output(
        ordered[place], Shape(port.lengths.map(\.fixed)), goal,
        weights[port.name] ?? weights[Dataset.unnamed], masks[port.name] ?? masks[Dataset.unnamed])
      if let classes = output.classCount, let whole = source.dataset?.targetsByName[output.target.name] {
        try BatchReader.checkClasses(
          whole.storage.integers ?? [], classes, ignoring: output.ignoredClass,
          perExample: whole.shape.dropFirst().reduce(1, *), location)
      }
      if !classWeights.isEmpty, output.dtype == .int32, !output.lengths.isEmpty {
        throw AthanorError(
          .argument, at: what, "classWeights were given, but an example has more than one class",
          code: "Give the data set sampleWeights instead.")
      }
      outputs.append(output)
    }
  }

  private static func byName(_ ports: [Port], _ kind: String) throws -> [String: Port] {
    try ports.reduce(into: [:]) { named, port in
      guard named.updateValue(port, forKey: port.name) == nil else {
        throw AthanorError(
          .argument, at: "data source", "\(kind) \"\(port.name)\" is declared twice", fix: "Declare each array once.")
      }
    }
  }

  /// Whether targets are class numbers or numbers follows from the loss, and from the output's shape.
  private static func output(
    _ target: Port, _ shape: Shape, _ goal: Goal, _ weights: Port?, _ mask: Port?
  ) throws -> Output {
    func made(_ dtype: DType, _ lengths: [Length], _ classCount: Int? = nil) -> Output {
      Output(
        target: target, dtype: dtype, lengths: lengths, classCount: classCount, ignoredClass: goal.loss?.ignoredClass,
        weights: weights, mask: mask)
    }
    let trailing = target.exampleLengths
    guard !target.dtype.isFloatingPoint, goal.loss?.targets != .numbers else { return made(.float32, trailing) }
    let isColumn = trailing == [1] && shape.rank == 2 && shape[1] != 1
    let isClasses =
      trailing.count == shape.rank - 2
      && zip(trailing, shape.lengths.dropFirst()).allSatisfy { $1 == nil || $0.fixed == $1 }
    guard trailing.isEmpty || isColumn || isClasses else { return made(.float32, trailing) }
    let count = shape.rank >= 2 ? shape[shape.rank - 1] : nil
    return made(.int32, isColumn ? [] : trailing, count.flatMap { $0 > 1 ? $0 : nil })
  }

  // MARK: Reading

  /// Reads the next batch.
  ///
  /// - Parameter place: Where errors say that they happened.
  /// - Returns: Whether there is one.
  /// - Throws: `AthanorError` when it does not fit the model; what the cursor throws.
  func next(_ cursor: any DataCursor, _ place: @autoclosure () -> String) throws -> Bool {
    batch.begin()
    do {
      count = try cursor.fill(batch)
    } catch let error as AthanorError {
      throw error.within(place())
    }
    guard count != 0 else { return false }
    guard (1...batchSize).contains(count) else {
      throw AthanorError(
        .data, at: place(), "the data source filled \(count) examples of a batch of \(batchSize)",
        code: "DataCursor.fill returns the number of examples that it has written, at most batch.capacity.")
    }
    try describe(place)
    if source.dataset == nil { try check(place) }
    return true
  }

  /// How the batch enters a graph.
  private func describe(_ place: () -> String) throws {
    guard describedLengths != batch.lengths else {
      feed = feed.with(examples: count)
      return
    }
    feed = try preparation.feed(
      inputs.map { ($0.dtype, try [count] + sizes($0.exampleLengths, .input($0.name), place)) }, place(),
      scale: source.scale)
    feed.targets = try outputs.map { output in
      guard let output else { return nil }
      var target = Feed.Target(
        dtype: output.dtype, exampleShape: try sizes(output.lengths, .target(output.target.name), place))
      if let port = output.weights {
        target.weightShape = try sizes(port.exampleLengths, .sampleWeights(port.name), place)
      }
      target.maskShape = try output.mask.map { try sizes($0.exampleLengths, .mask($0.name), place) }
      return target
    }
    describedLengths = batch.lengths
  }

  private func sizes(_ lengths: [Length], _ part: BatchPart, _ place: () -> String) throws -> [Int] {
    try lengths.map { length in
      switch length {
      case .fixed(let length): return length
      case .open(let name):
        if let length = batch.lengths[name] { return length }
        throw AthanorError(
          .data, at: place(), "open length \"\(name)\" of \(part) is not set", code: "Call batch.setLength in fill.")
      }
    }
  }

  /// Checks numbers of a stream; those of a data set are checked when it is made and when it is first used.
  private func check(_ place: () -> String) throws {
    if preparation.indexRanges.contains(where: { $0 != nil }) {
      let tensors = try inputs.map { port in
        let shape = try [count] + sizes(port.exampleLengths, .input(port.name), place)
        return Tensor(copying: batch.bytes(.input(port.name)), shape: shape, dtype: port.dtype)
      }
      try preparation.checkIndices(tensors, place())
    }
    for case let output? in outputs {
      if let classes = output.classCount {
        let perExample = try sizes(output.target.exampleLengths, .target(output.target.name), place).reduce(1, *)
        var integers = [Int32](repeating: 0, count: count * perExample)
        integers.withUnsafeMutableBytes {
          BatchReader.copy(batch.bytes(.target(output.target.name)), output.target.dtype, to: $0, .int32)
        }
        try BatchReader.checkClasses(
          integers, classes, ignoring: output.ignoredClass, perExample: perExample, place())
      }
      guard let port = output.weights else { continue }
      let perExample = try sizes(port.exampleLengths, .sampleWeights(port.name), place).reduce(1, *)
      var weights = [Float](repeating: 0, count: count * perExample)
      weights.withUnsafeMutableBytes {
        BatchReader.copy(batch.bytes(.sampleWeights(port.name)), port.dtype, to: $0, .float32)
      }
      if let wrong = weights.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
        throw AthanorError(
          .data, at: place(),
          "a sample weight of example \(wrong / perExample) is \(weights[wrong]) but must be zero or more and finite")
      }
    }
  }

  private static func checkClasses(
    _ classes: [Int32], _ count: Int, ignoring ignored: Int?, perExample: Int, _ what: String
  ) throws {
    if let place = classes.firstIndex(where: { ($0 < 0 || Int($0) >= count) && Int($0) != ignored }) {
      throw AthanorError(
        .data, at: what,
        "example \(place / perExample) is of class \(classes[place]) but the model's \(count) outputs are classes 0 to \(count - 1)",
        fix: "Give the last layer as many units as there are classes, and number classes from 0.")
    }
  }

  // MARK: Filling

  /// Fills a workspace's inputs with the present batch.
  func fill(_ workspace: Workspace) {
    for (index, port) in inputs.enumerated() {
      guard let place = workspace.input(Slot.input(index).key) else { continue }
      BatchReader.copy(batch.bytes(.input(port.name)), port.dtype, to: place, feed.inputs[index].dtype)
    }
    for (index, output) in outputs.enumerated() {
      guard let output else { continue }
      if let place = workspace.input(Slot.target(index).key) {
        BatchReader.copy(batch.bytes(.target(output.target.name)), output.target.dtype, to: place, output.dtype)
      }
      if let port = output.mask, let place = workspace.input(Slot.mask(index).key) {
        BatchReader.copy(batch.bytes(.mask(port.name)), port.dtype, to: place, .float32)
        let mask = place.bindMemory(to: Float.self)
        for index in mask.indices { mask[index] = mask[index] == 0 ? 0 : 1 }
      }
      guard let place = workspace.input(Slot.sampleWeights(index).key)?.bindMemory(to: Float.self) else { continue }
      if let port = output.weights {
        BatchReader.copy(
          batch.bytes(.sampleWeights(port.name)), port.dtype, to: UnsafeMutableRawBufferPointer(place), .float32)
      } else {
        place.update(repeating: 1)
      }
      if !classWeights.isEmpty { multiplyByClassWeights(place, workspace.input(Slot.target(index).key), output.dtype) }
    }
  }

  private func multiplyByClassWeights(
    _ weights: UnsafeMutableBufferPointer<Float>, _ target: UnsafeMutableRawBufferPointer?, _ dtype: DType
  ) {
    guard let target else { return }
    let perExample = weights.count / count
    for example in 0..<count {
      var classNumber = -1
      if dtype == .int32 {
        classNumber = Int(target.bindMemory(to: Int32.self)[example])
      } else {
        let numbers = target.bindMemory(to: Float.self)
        let width = numbers.count / count
        let part = numbers[example * width..<(example + 1) * width]
        let largest = part.indices.max { part[$0] < part[$1] } ?? part.startIndex
        classNumber = width == 1 ? Int(exactly: part[part.startIndex]) ?? -1 : largest - part.startIndex
      }
      guard let weight = classWeights[classNumber] else { continue }
      for place in example * perExample..<(example + 1) * perExample { weights[place] *= weight }
    }
  }

  /// Fills memory with elements of another type.
  private static func copy(
    _ source: UnsafeMutableRawBufferPointer?, _ from: DType, to target: UnsafeMutableRawBufferPointer, _ to: DType
  ) {
    guard let source else { return }
    func convert<From, To>(_ from: From.Type, _ to: To.Type, _ function: (From) -> To) {
      let (source, target) = (source.bindMemory(to: From.self), target.bindMemory(to: To.self))
      for place in 0..<min(source.count, target.count) { target[place] = function(source[place]) }
    }
    switch (from, to) {
    case (.float64, .float32): convert(Double.self, Float.self) { Float($0) }
    case (.int32, .float32): convert(Int32.self, Float.self) { Float($0) }
    case (.uint8, .float32): convert(UInt8.self, Float.self) { Float($0) }
    case (.uint8, .int32): convert(UInt8.self, Int32.self) { Int32($0) }
    default: target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<min(source.count, target.count)]))
    }
  }
}

extension Model {
  /// What its inputs take.
  var preparation: InputPreparation {
    InputPreparation(ports: network.inputs, pixelScale: pixelScale, indexRanges: network.indexRanges)
  }
}
