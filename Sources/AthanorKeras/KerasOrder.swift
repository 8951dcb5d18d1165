import Athanor

/// The layers of a network in the order in which Keras keeps them, which decides what belongs to which weight in its files.
///
/// Keras sorts the operations of a functional model by their depth (how many operations lie between them and the outputs), and those of
/// the same depth by the time at which a walk from the outputs first meets them. Source: `keras.src.ops.function.map_graph`.
struct KerasOrder {
  /// An input of the network, or a layer.
  enum Operation: Hashable {
    case input(Int)
    case layer(Int)
  }

  let operations: [Operation]

  init(_ network: Network) {
    let walk = Walk(network)
    var (nodeDepths, depths): ([Walk.Node: Int], [Operation: Int]) = ([:], [:])
    for node in walk.finished.reversed() {
      let operation = network.operation(of: node)
      let depth = max(nodeDepths[node] ?? 0, depths[operation] ?? 0)
      depths[operation] = depth
      nodeDepths[node] = depth
      for argument in network.arguments(of: node) {
        nodeDepths[argument] = max(depth + 1, nodeDepths[argument] ?? 0)
      }
    }
    var times = walk.times
    for input in network.inputs.indices where depths[.input(input)] == nil {
      // An input that nothing reads stands first among the last.
      depths[.input(input)] = 0
      times[.input(input)] = input - network.inputs.count
    }
    operations = depths.keys.sorted { left, right in
      let (leftDepth, rightDepth) = (depths[left] ?? 0, depths[right] ?? 0)
      return leftDepth == rightDepth ? times[left] ?? 0 < times[right] ?? 0 : leftDepth > rightDepth
    }
  }

  /// The layers' places in the network, in order.
  var layers: [Int] {
    operations.compactMap { operation in
      guard case .layer(let layer) = operation else { return nil }
      return layer
    }
  }

  /// A walk from the outputs, depth first and without recursion.
  private struct Walk {
    /// The use of an input, or a call.
    typealias Node = Network.Reference

    /// Nodes behind everything that they read.
    var finished: [Node] = []
    /// When each operation was first met.
    var times: [Operation: Int] = [:]

    init(_ network: Network) {
      var met: Set<Node> = []
      for output in network.kerasOutputs {
        var path: [(node: Node, rest: ArraySlice<Node>)] = []
        func enter(_ node: Node) {
          guard met.insert(node).inserted else { return }
          let operation = network.operation(of: node)
          if times[operation] == nil { times[operation] = times.count }
          path.append((node, network.arguments(of: node)[...]))
        }
        enter(output.reference.node)
        while let last = path.indices.last {
          if let argument = path[last].rest.popFirst() {
            enter(argument)
          } else {
            finished.append(path.removeLast().node)
          }
        }
      }
    }
  }
}

extension Network.Reference {
  /// The call that gives the value, or the input.
  fileprivate var node: Network.Reference {
    if case .result(let call, _) = self { .result(call: call, index: 0) } else { self }
  }
}

extension Network {
  fileprivate func operation(of node: Reference) -> KerasOrder.Operation {
    switch node {
    case .input(let input): .input(input)
    case .result(let call, _): .layer(calls[call].entry)
    }
  }

  fileprivate func arguments(of node: Reference) -> [Reference] {
    guard case .result(let call, _) = node else { return [] }
    return calls[call].arguments.map(\.node)
  }

  /// The name of the layer, or input, that gives an output.
  func kerasName(of reference: Reference) -> String {
    switch reference {
    case .input(let input): inputs[input].name
    case .result(let call, _): entries[calls[call].entry].name
    }
  }

  /// Whether each output has the name of its layer, as Keras names them by itself; otherwise files keep outputs by name.
  var hasKerasOutputNames: Bool { outputs.allSatisfy { $0.name == kerasName(of: $0.reference) } }

  /// The names under which losses and metrics are kept; nil where they are kept in the order of the outputs.
  var kerasOutputNames: [String]? { hasKerasOutputNames ? nil : outputs.map(\.name) }

  /// The outputs in Keras' order: those that are kept by name are sorted by it.
  var kerasOutputs: [Output] { hasKerasOutputNames ? outputs : outputs.sorted { $0.name < $1.name } }
}

/// The weights of a network in Keras' orders.
struct KerasWeights {
  /// A layer with its weights, in the order of Keras' `layer.weights`.
  struct Layer {
    let name: String
    /// The class name in snake case, numbered from the second one on: the group's name in `.weights.h5`.
    let group: String
    let weights: [WeightDeclaration]
    /// The layers of a model within the network.
    let nested: [Layer]

    /// The weights of the layer and of those within it.
    var allWeights: [WeightDeclaration] { weights + nested.flatMap(\.allWeights) }
  }

  let layers: [Layer]
  private let frozen: Set<String>

  /// - Parameters:
  ///   - form: Whether Keras' inputs are layers of the model, as in all but `Sequential`.
  ///   - declared: The weights that the network declares.
  ///   - frozen: The layers that are not trained, by path.
  init(_ network: Network, _ form: Model.Form, _ declared: [WeightDeclaration], frozen: Set<String>) {
    layers = KerasWeights.layers(network, form, Dictionary(grouping: declared, by: \.layer), prefix: "")
    self.frozen = frozen
  }

  private static func layers(
    _ network: Network, _ form: Model.Form, _ declared: [String: [WeightDeclaration]], prefix: String
  ) -> [Layer] {
    var counts: [String: Int] = [:]
    func unique(_ name: String) -> String {
      let count = counts[name, default: 0]
      counts[name] = count + 1
      return count == 0 ? name : "\(name)_\(count)"
    }
    return KerasOrder(network).operations.compactMap { operation in
      switch operation {
      case .input(let input):
        guard form == .functional else { return nil }
        return Layer(name: network.inputs[input].name, group: unique("input_layer"), weights: [], nested: [])
      case .layer(let place):
        let entry = network.entries[place]
        let group = unique(entry.layer.kerasClassName.snakeCased)
        let path = prefix + entry.name
        if let model = entry.layer as? NestedNetwork {
          return Layer(
            name: entry.name, group: group, weights: [],
            nested: layers(model.network, model.form, declared, prefix: path + "/"))
        }
        // A layer may build others within it.
        let inner = declared.keys.filter { $0.hasPrefix(path + "/") }.sorted()
        let weights = ([path] + inner).flatMap { declared[$0] ?? [] }
        return Layer(
          name: entry.name, group: group,
          weights: weights.filter(\.isParameter) + weights.filter { !$0.isParameter }, nested: [])
      }
    }
  }

  /// Whether training changes a weight.
  private func isTrained(_ weight: WeightDeclaration) -> Bool {
    weight.isParameter && !Network.isFrozen(weight.name, frozen)
  }

  /// A layer's weights as legacy files have them: those that are trained before those that are not, also in a model within the model.
  func legacyWeights(of layer: Layer) -> [WeightDeclaration] {
    let weights = layer.allWeights
    return weights.filter(isTrained) + weights.filter { !isTrained($0) }
  }

  /// The weights that the optimizer keeps arrays for.
  var trained: [WeightDeclaration] { layers.flatMap(\.allWeights).filter(isTrained) }

  /// The weights by their places in `.weights.h5`: `layers/dense_1/vars/0`.
  var places: [(path: String, weight: WeightDeclaration)] {
    func places(_ layers: [Layer], _ prefix: String) -> [(path: String, weight: WeightDeclaration)] {
      layers.flatMap { layer in
        let path = "\(prefix)layers/\(layer.group)/"
        return layer.weights.enumerated().map { ("\(path)vars/\($0)", $1) } + places(layer.nested, path)
      }
    }
    return places(layers, "")
  }
}

extension KerasWeights {
  /// The weights of a model.
  init(_ model: Model) {
    self.init(model.network, model.form, model.built.weights, frozen: model.frozen)
  }
}

extension GeneralLayer {
  /// The name of the layer's class in Keras, without the package before it.
  var kerasClassName: String {
    let name = (self as? any SerializableLayer).map { type(of: $0).className } ?? kind
    return name.split(separator: ">").last.map(String.init) ?? name
  }
}
