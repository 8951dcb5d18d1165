import Athanor
import AthanorCore

extension CoreMLOptions {
  /// - Throws: `AthanorError` when the flexible lengths do not go with the model.
  func checkFlexibility(_ source: Model) throws {
    func refuse(_ what: String, _ fix: String) -> AthanorError {
      AthanorError(.argument, at: "Core ML", what, fix: fix)
    }
    let shape = source.inputShape
    switch flexibility {
    case nil: break
    case .batch(let range):
      guard range.contains(1), range.upperBound > 1, range.upperBound <= 1 << 20 else {
        throw refuse("the batch is \(range)", "It must begin with 1 and end above.")
      }
    case .sizes(let sizes):
      guard takesPictures, !sizes.isEmpty, sizes.allSatisfy({ $0.height > 0 && $0.width > 0 }) else {
        throw refuse("the sizes are \(sizes)", "Give sizes of pictures, with input: .picture().")
      }
    case .sizeRange(let least, let most):
      func fits(_ own: Int, _ least: Int, _ most: Int) -> Bool {
        least > 0 && (own == 0 ? least <= most : least <= own && own <= most)
      }
      guard takesPictures, fits(shape[0], least.height, most.height), fits(shape[1], least.width, most.width) else {
        throw refuse(
          "sizes from \(least) to \(most) were asked for",
          "The model's own, \(shape[0])x\(shape[1]), must be one of them, with input: .picture().")
      }
    case .lengths(let ranges):
      let names = openNames(source.inputs)
      for (name, range) in ranges.sorted(by: { $0.key < $1.key }) {
        guard names.contains(name) else {
          throw refuse(
            "there is no open length \"\(name)\"",
            AthanorError.suggestion(for: name, among: names) + "The model has \(names.joined(separator: ", ")).")
        }
        guard range.lowerBound > 0, range.count > 1, range.upperBound <= 1 << 20 else {
          throw refuse("the length \"\(name)\" is \(range)", "It must begin with 1 or more and end above.")
        }
      }
    }
    let ranges = ranges(source)
    if takesPictures, let batch = ranges[Length.batchName] {
      throw refuse(
        "pictures come one by one, but a batch of \(batch) was asked for", "Use input: .array, or MLBatchProvider.")
    }
    for name in openNames(openPorts(source)) where name != Length.batchName && ranges[name] == nil {
      throw refuse(
        "the length \"\(name)\" is open, and Core ML has to know how long it can be",
        "Give flexibility: .lengths([\"\(name)\": 1...512]), or make the model with a fixed length.")
    }
  }

  private func openNames(_ ports: [Port]) -> [String] {
    var names: [String] = []
    for case .open(let name) in ports.flatMap(\.lengths) where !names.contains(name) { names.append(name) }
    return names
  }

  /// The inputs with the size of a flexible picture open.
  private func openPorts(_ source: Model) -> [Port] {
    var ports = source.inputs
    switch flexibility {
    case nil, .batch, .lengths: return ports
    case .sizes, .sizeRange:
      let lengths = zip(ports[0].lengths, [nil, "picture height", "picture width", nil] as [String?]).map {
        length, name in
        length.fixed == nil ? length : name.map(Length.open) ?? length
      }
      ports[0] = Port(name: ports[0].name, dtype: ports[0].dtype, lengths: lengths, exampleAxis: ports[0].exampleAxis)
      return ports
    }
  }

  /// The model with those lengths open that are open in the file.
  ///
  /// - Throws: `AthanorError` when a layer needs a fixed size.
  func opened(_ source: Model) throws -> Model {
    let ports = openPorts(source)
    return ports == source.inputs ? source : try source.copy(inputs: ports)
  }

  /// Within which open lengths lie, by name; the others are fixed.
  private func ranges(_ source: Model) -> [String: ClosedRange<Int>] {
    func span(_ sizes: [Size2D]) -> [String: ClosedRange<Int>] {
      var ranges: [String: ClosedRange<Int>] = [:]
      for (length, numbers) in zip(openPorts(source)[0].lengths.dropFirst(), [sizes.map(\.height), sizes.map(\.width)])
      {
        guard case .open(let name) = length, let least = numbers.min(), let most = numbers.max() else { continue }
        ranges[name] = least...most
      }
      return ranges
    }
    return switch flexibility {
    case nil: [:]
    case .batch(let range): [Length.batchName: range]
    case .sizes(let sizes): span(sizes)
    case .sizeRange(let least, let most): span([least, most])
    case .lengths(let ranges): ranges
    }
  }

  /// The open lengths of the model that are fixed in the file: the batch, which is one where nothing else is said.
  func fixedLengths(_ source: Model) -> [String: Int] {
    ranges(source)[Length.batchName] == nil ? [Length.batchName: 1] : [:]
  }

  /// Longer ones say nothing new.
  private static let mostCompared = 2048

  /// Open lengths at the ends of what is accepted, by name.
  func openLengths(_ source: Model) -> [[String: Int]] {
    let ranges = ranges(source).filter { $0.key != Length.batchName }
    guard !ranges.isEmpty else { return [] }
    if case .sizes(let sizes) = flexibility {
      let lengths = openPorts(source)[0].lengths
      return sizes.map { size in
        var set: [String: Int] = [:]
        for case (.open(let name), let length) in zip(lengths[1...2], [size.height, size.width]) { set[name] = length }
        return set
      }
    }
    return [
      ranges.mapValues(\.lowerBound),
      ranges.mapValues { max($0.lowerBound, min($0.upperBound, CoreMLOptions.mostCompared)) },
    ]
  }

  /// What goes in at an input: its type, and which lengths are accepted.
  func feature(_ source: Model, input index: Int) -> ProtoFeatureType {
    let (ranges, port) = (ranges(source), openPorts(source)[index])
    func range(_ length: Length) -> ClosedRange<Int> {
      switch length {
      case .fixed(let length): length...length
      case .open(let name): ranges[name] ?? 1...1
      }
    }
    func message(_ range: ClosedRange<Int>) -> ProtoSizeRange {
      .with { ($0.lower, $0.upper) = (UInt64(range.lowerBound), Int64(range.upperBound)) }
    }
    let lengths = port.lengths.map(range)
    // Without a size of its own it begins with the least.
    let own = zip(source.inputs[index].lengths, lengths).map { $0.fixed ?? $1.lowerBound }
    let isFlexible = lengths.contains { $0.count > 1 }
    var type = ProtoFeatureType()
    guard takesPictures, index == 0 else {
      type.array.shape = own.map { Int64($0) }
      type.array.dataType = CoreMLOptions.arrayType(port.dtype)
      if isFlexible { type.array.range.lengths = lengths.map(message) }
      return type
    }
    (type.image.height, type.image.width) = (Int64(own[1]), Int64(own[2]))
    type.image.colorSpace = own[3] == 1 ? 10 : 20
    if case .sizes(let sizes) = flexibility {
      func message(_ size: Size2D) -> ProtoImageType.Size {
        .with { ($0.height, $0.width) = (UInt64(size.height), UInt64(size.width)) }
      }
      let own = Size2D(own[1], own[2])
      type.image.sizes.sizes = ((sizes.contains(own) ? [] : [own]) + sizes).map(message)
    } else if isFlexible {
      (type.image.range.height, type.image.range.width) = (message(lengths[1]), message(lengths[2]))
    }
    return type
  }

  /// The format's number of the element type of arrays outside of the model; it has no bytes.
  static func arrayType(_ dtype: DType) -> Int32 { dtype.isFloatingPoint ? 65568 : 131104 }
}
