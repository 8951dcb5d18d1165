/// The order of named arrays in one block of memory, the same for weights, gradients and optimizer slots.
package struct ArrayLayout: Sendable, Hashable {
  package struct Entry: Sendable, Hashable {
    package let name: String
    package let shape: [Int]
    /// Where it begins, in elements; a multiple of 16.
    package let offset: Int
    package var count: Int { shape.reduce(1, *) }
    package var range: Range<Int> { offset..<offset + count }
    /// The elements of the array and the gap behind it.
    package var block: Range<Int> { offset..<offset + (count + 15) / 16 * 16 }
  }

  package private(set) var entries: [Entry] = []
  private var indices: [String: Int] = [:]
  /// The elements of the whole block, gaps included.
  package private(set) var count = 0

  package init() {}

  package mutating func append(_ name: String, _ shape: [Int]) {
    indices[name] = entries.count
    let entry = Entry(name: name, shape: shape, offset: count)
    entries.append(entry)
    count = entry.block.upperBound
  }

  package subscript(name: String) -> Entry? { indices[name].map { entries[$0] } }
}

/// Arrays of weights that never move: first those that gradients train (parameters), then the others (states).
///
/// Models that share weights refer to the same store.
package final class WeightStore: @unchecked Sendable {  // reads and writes are the models' to order
  package let parameters: ArrayLayout
  package let states: ArrayLayout
  package let numbers: NumberBuffer

  /// - Throws: `AthanorError` when memory is not available.
  package init(parameters: ArrayLayout, states: ArrayLayout, elementBytes: Int = 4) throws {
    self.parameters = parameters
    self.states = states
    numbers = try NumberBuffer(byteCount: (parameters.count + states.count) * elementBytes)
  }

  /// A store of its own with the same numbers.
  ///
  /// - Throws: `AthanorError` when memory is not available.
  package func copy() throws -> WeightStore {
    let copy = try WeightStore(parameters: parameters, states: states)
    copy.numbers.base.copyMemory(from: numbers.base, byteCount: numbers.byteCount)
    return copy
  }
}

/// Where the weights of a graph lie: spans of one or several stores.
package struct WeightMap: Sendable {
  package struct Span: Sendable {
    /// The weight's name in the graph.
    package let name: String
    package let shape: [Int]
    /// Whether gradients train it; a state otherwise.
    package let isParameter: Bool
    package let store: Int
    /// Where it begins in its store, in elements.
    package let offset: Int
    /// Where its gradient begins, or its update when it is a state.
    package let gradientOffset: Int
    /// Its elements and the gap behind them.
    package let blockCount: Int
    package var count: Int { shape.reduce(1, *) }
  }

  package private(set) var stores: [WeightStore] = []
  package private(set) var spans: [Span] = []
  private var indices: [String: Int] = [:]
  /// The elements of all gradients, and of all updates of states, gaps included.
  package private(set) var gradientCount = 0
  package private(set) var updateCount = 0

  package init() {}

  /// All weights of one store, by their names there.
  package init(_ store: WeightStore) {
    for entry in store.parameters.entries + store.states.entries { append(entry.name, of: store, entry: entry.name) }
  }

  /// Adds a store, in whose order gradients lie, and returns its place.
  @discardableResult
  package mutating func append(_ store: WeightStore) -> Int {
    if let place = stores.firstIndex(where: { $0 === store }) { return place }
    stores.append(store)
    gradientCount += store.parameters.count
    updateCount += store.states.count
    return stores.count - 1
  }

  /// Adds a weight that lies in a store; nothing when the store has none of that name.
  package mutating func append(_ name: String, of store: WeightStore, entry: String) {
    let place = append(store)
    let before = stores[..<place]
    if let entry = store.parameters[entry] {
      add(name, entry, true, place, entry.offset, before.reduce(0) { $0 + $1.parameters.count })
    } else if let entry = store.states[entry] {
      add(
        name, entry, false, place, store.parameters.count + entry.offset, before.reduce(0) { $0 + $1.states.count })
    }
  }

  /// Adds a weight that lies where a weight of another map lies.
  package mutating func append(_ name: String, from other: WeightMap, name otherName: String) {
    guard let span = other[otherName] else { return }
    let store = other.stores[span.store]
    let layout = span.isParameter ? store.parameters : store.states
    let offset = span.isParameter ? span.offset : span.offset - store.parameters.count
    guard let entry = layout.entries.first(where: { $0.offset == offset }) else { return }
    append(name, of: store, entry: entry.name)
  }

  private mutating func add(
    _ name: String, _ entry: ArrayLayout.Entry, _ isParameter: Bool, _ store: Int, _ offset: Int, _ base: Int
  ) {
    indices[name] = spans.count
    spans.append(
      Span(
        name: name, shape: entry.shape, isParameter: isParameter, store: store, offset: offset,
        gradientOffset: base + entry.offset, blockCount: entry.block.count))
  }

  package subscript(name: String) -> Span? { indices[name].map { spans[$0] } }

  /// The weights of these names, in this order and the same stores.
  package func keeping(_ names: [String]) -> WeightMap {
    var part = self
    part.spans = names.compactMap { self[$0] }
    part.indices = Dictionary(part.spans.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { $1 })
    return part
  }

  /// The numbers of a weight in 32 bits.
  package func values(of span: Span) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(rebasing: stores[span.store].numbers.floats[span.offset..<span.offset + span.count])
  }

  /// The same spans over copies of the stores.
  ///
  /// - Throws: `AthanorError` when memory is not available.
  package func copy() throws -> WeightMap {
    var copy = self
    copy.stores = try stores.map { try $0.copy() }
    return copy
  }
}

/// The memory in which plans of a model run: its weights, their gradients, and the updates of states.
package struct ModelMemory: Sendable {
  package let weights: WeightMap
  package let gradients: NumberBuffer
  package let updates: NumberBuffer

  /// - Parameter withGradients: False for prediction alone.
  /// - Throws: `AthanorError` when memory is not available.
  package init(_ weights: WeightMap, withGradients: Bool = true, elementBytes: Int = 4) throws {
    self.weights = weights
    gradients = try NumberBuffer(byteCount: withGradients ? weights.gradientCount * elementBytes : 0)
    updates = try NumberBuffer(byteCount: withGradients ? weights.updateCount * elementBytes : 0)
  }

  /// The first byte of each region, in the order of `Region`.
  package func regions(arena: NumberBuffer) -> [UnsafeMutableRawPointer] {
    [arena.base, gradients.base, updates.base] + weights.stores.map(\.numbers.base)
  }

  /// Takes over the updates of the states that a plan has computed; other states stay.
  package func commitUpdates(of plan: Plan) {
    for case (.update(let name), _) in plan.graph.results {
      guard let span = weights[name], !span.isParameter else { continue }
      let size = plan.precision.byteCount
      (weights.stores[span.store].numbers.base + span.offset * size).copyMemory(
        from: updates.base + span.gradientOffset * size, byteCount: span.count * size)
    }
  }
}

/// The regions of memory that a plan uses. The arena belongs to the workspace, all else to the model.
package enum Region {
  package static let arena = 0
  package static let gradients = 1
  package static let updates = 2
  /// The first store of weights; the others follow.
  package static let stores = 3
}
