/// One array of a model's weights.
public struct Weight: Hashable, Sendable {
  /// `layer/weight`, for example `conv2d/kernel`.
  public let name: String
  /// Its numbers, laid out as in Keras.
  public let tensor: Tensor
  /// Whether training changes it by its gradient.
  public let isTrainable: Bool
}

/// The memory of a model's weights, gradients and states, in which each plan runs.
package final class WeightMemory {
  package let declarations: [WeightDeclaration]
  package let parameters: ArrayLayout
  package let states: ArrayLayout
  package let memory: Workspace.ModelMemory

  /// - Throws: `AthanorError` when memory cannot be had.
  package init(_ declarations: [WeightDeclaration], withGradients: Bool = true) throws {
    var parameters = ArrayLayout()
    var states = ArrayLayout()
    for weight in declarations {
      if weight.isTrainable {
        parameters.append(weight.name, weight.shape)
      } else {
        states.append(weight.name, weight.shape)
      }
    }
    self.declarations = declarations
    self.parameters = parameters
    self.states = states
    memory = Workspace.ModelMemory(
      parameters: try NumberBuffer(byteCount: parameters.count * 4),
      gradients: try NumberBuffer(byteCount: withGradients ? parameters.count * 4 : 0),
      states: try NumberBuffer(byteCount: states.count * 4),
      updates: try NumberBuffer(byteCount: withGradients ? states.count * 4 : 0))
  }

  package func values(of weight: WeightDeclaration) -> UnsafeMutableBufferPointer<Float> {
    let (buffer, entry) =
      weight.isTrainable ? (memory.parameters, parameters[weight.name]) : (memory.states, states[weight.name])
    guard let entry else { return UnsafeMutableBufferPointer(start: nil, count: 0) }
    return UnsafeMutableBufferPointer(rebasing: buffer.floats[entry.offset..<entry.offset + entry.count])
  }

  /// Fills each weight by its initializer; the numbers of each follow from the seed and its position alone.
  func initialize(seed: UInt64, from first: Int = 0) {
    for (index, weight) in declarations.enumerated().dropFirst(first) {
      var random = RandomStream(seed: seed, stream: 1 << 32 | UInt64(index))
      _ = values(of: weight).update(fromContentsOf: weight.initializer.values(weight.shape, &random))
    }
  }

  /// Copies another memory's numbers into the weights of the same names and shapes.
  func copy(from other: WeightMemory) {
    let present = Dictionary(other.declarations.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for weight in declarations {
      guard let source = present[weight.name], source.shape == weight.shape else { continue }
      _ = values(of: weight).update(fromContentsOf: other.values(of: source))
    }
  }

  /// All numbers, trained and not, to be put back later.
  package func snapshot() -> [[Float]] { declarations.map { Array(values(of: $0)) } }

  package func restore(_ snapshot: [[Float]]) {
    for (weight, numbers) in zip(declarations, snapshot) { _ = values(of: weight).update(fromContentsOf: numbers) }
  }

  /// Takes over the states' updates after a step.
  func commitUpdates() {
    memory.states.base.copyMemory(from: memory.updates.base, byteCount: states.count * 4)
  }
}
