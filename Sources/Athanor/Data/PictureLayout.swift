/// How a model takes pictures.
public enum PictureLayout: String, Hashable, Sendable, CaseIterable {
  /// `[N, H, W, C]`, as Keras and Core ML have them and all pictures here are.
  case channelsLast
  /// `[N, C, H, W]`, as PyTorch has them.
  case channelsFirst
  /// `[N, H, W]`, in shades of gray.
  case noChannels
}

extension Model {
  /// How the model takes pictures, by the shape of its only input; nil when it takes none.
  ///
  /// Of three lengths for an example the last is that of channels when it is 1 or 3, else the first when that is 1 or 3. Two fixed lengths are
  /// height and width.
  public var pictureLayout: PictureLayout? {
    guard inputs.count == 1, inputs[0].exampleAxis == 0, [.float32, .uint8].contains(inputs[0].dtype) else {
      return nil
    }
    let lengths = inputs[0].exampleLengths.map(\.fixed)
    func isChannels(_ length: Int?) -> Bool { length == 1 || length == 3 }
    switch lengths.count {
    case 2: return lengths.allSatisfy { ($0 ?? 0) > 3 } ? .noChannels : nil
    case 3: return isChannels(lengths[2]) ? .channelsLast : isChannels(lengths[0]) ? .channelsFirst : nil
    default: return nil
    }
  }

  /// Height, width and channels of the pictures that the model takes, 0 for an open length; nil when it takes none.
  public var pictureShape: [Int]? {
    switch pictureLayout {
    case .channelsLast: inputShape
    case .channelsFirst: [inputShape[1], inputShape[2], inputShape[0]]
    case .noChannels: inputShape + [1]
    case nil: nil
    }
  }

  /// How pictures go into the model, apart from the model itself; nil when it takes none.
  package var pictureInput: PictureInput? {
    guard let pictureLayout, let pictureShape else { return nil }
    return PictureInput(layout: pictureLayout, shape: pictureShape)
  }

  /// Pictures `[N, H, W, C]` as the model takes them; others than such tensors, and what already fits, stay as they are.
  package func arranged(_ pictures: Tensor) -> Tensor { pictureInput?.arranged(pictures) ?? pictures }

  /// A data set whose only input are pictures `[N, H, W, C]`, with these as the model takes them.
  package func arranged(_ data: Dataset) -> Dataset {
    guard data.inputsByName.count == 1 else { return data }
    return data.replacing(
      inputs: data.inputsByName.mapValues(arranged), targets: data.targetsByName, weights: data.weightsByName,
      masks: data.masksByName, count: data.count)
  }

  /// A model with the same weights that takes pictures `[N, H, W, C]`.
  ///
  /// - Throws: `AthanorError` when the model takes no pictures.
  package func takingChannelsLast() throws -> Model {
    guard let layout = pictureLayout, layout != .channelsLast else { return self }
    let lengths = inputs[0].exampleLengths
    let (picture, layer): ([Length], any GeneralLayer) =
      layout == .channelsFirst
      ? ([lengths[1], lengths[2], lengths[0]], Permute([3, 1, 2], name: "channels_first"))
      : (lengths + [.fixed(1)], Reshape(inputShape, name: "without_channels"))
    let port = Port(name: inputs[0].name, dtype: inputs[0].dtype, lengths: [inputs[0].lengths[0]] + picture)
    let larger = network.beginning(with: layer, named: layer.name ?? layer.kind, port)
    let model = try Model(larger, name: name, seed: seed, threads: threadCount, frozen: frozen)
    model.copyWeights(from: self)
    model.takeFacts(from: self)
    return model
  }

  /// The layers that make feature maps `[N, H, W, C]`, in order: convolutions, and what follows them with more channels than the pictures have
  /// that the model takes. Layers that only move pixels or scale them make none.
  package var layersWithMaps: [(name: String, shape: Shape)] {
    let convolutions = Set(built.weights.filter { $0.isParameter && $0.shape.count == 4 }.map(\.layer))
    let channels = pictureShape?[2] ?? 0
    return network.calls.indices.compactMap { call in
      let name = network.entries[network.calls[call].entry].name
      guard let shape = built.types[call].last?.shape, shape.rank == 4,
        convolutions.contains(name) || shape[3] ?? 0 > channels
      else { return nil }
      return (name, shape)
    }
  }

  /// Takes over what is known of pictures and classes.
  func takeFacts(from other: Model) {
    (pixelScale, picturePreparation) = (other.pixelScale, other.picturePreparation)
    (tableEncoding, textVectorization) = (other.tableEncoding, other.textVectorization)
    (classNames, declaredOutputKind) = (other.classNames, other.declaredOutputKind)
  }
}

/// How a model takes pictures.
package struct PictureInput: Hashable, Sendable {
  /// The order of its axes.
  package let layout: PictureLayout
  /// Height, width and channels; 0 for an open length.
  package let shape: [Int]

  /// Pictures `[N, H, W, C]` as the model takes them; other tensors, and what already fits, stay as they are.
  package func arranged(_ pictures: Tensor) -> Tensor {
    guard pictures.shape.count == 4, shape[2] == pictures.shape[3] else { return pictures }
    let lengths = pictures.shape
    let (area, channels) = (lengths[1] * lengths[2], lengths[3])
    switch layout {
    case .channelsLast: return pictures
    case .noChannels: return Tensor(uncheckedShape: Array(lengths.dropLast()), pictures.storage)
    case .channelsFirst where channels == 1:
      return Tensor(uncheckedShape: [lengths[0], 1, lengths[1], lengths[2]], pictures.storage)
    case .channelsFirst:
      func planes<Element>(_ elements: [Element]) -> [Element] {
        (0..<elements.count).map { place in
          let (picture, rest) = place.quotientAndRemainder(dividingBy: area * channels)
          let (channel, pixel) = rest.quotientAndRemainder(dividingBy: area)
          return elements[(picture * area + pixel) * channels + channel]
        }
      }
      let storage: Tensor.Storage =
        switch pictures.storage {
        case .float32(let elements): .float32(planes(elements))
        case .float64(let elements): .float64(planes(elements))
        case .int32(let elements): .int32(planes(elements))
        case .uint8(let elements): .uint8(planes(elements))
        }
      return Tensor(uncheckedShape: [lengths[0], channels, lengths[1], lengths[2]], storage)
    }
  }
}

extension Network {
  /// The network behind another layer, for one input.
  fileprivate func beginning(with layer: any GeneralLayer, named name: String, _ port: Port) -> Network {
    func moved(_ reference: Reference) -> Reference {
      switch reference {
      case .input: .result(call: 0, index: 0)
      case .result(let call, let index): .result(call: call + 1, index: index)
      }
    }
    let entry = Entry(name: Network.unique(name, among: Set(entries.map(\.name))), layer: layer)
    return Network(
      inputs: [port], entries: [entry] + entries,
      calls: [Call(entry: 0, arguments: [.input(0)], isTraining: nil)]
        + calls.map { Call(entry: $0.entry + 1, arguments: $0.arguments.map(moved), isTraining: $0.isTraining) },
      outputs: outputs.map { Output(name: $0.name, reference: moved($0.reference)) })
  }
}
