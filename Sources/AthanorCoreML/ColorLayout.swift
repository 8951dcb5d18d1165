import Athanor
import AthanorCore

/// The order of the channels in which a file's operations see a picture.
enum ColorLayout: Int32 {
  case gray = 10
  case rgb = 20
  case bgr = 30

  /// - Throws: `AthanorError` that names the input or output, when pictures of this kind cannot be read.
  init(_ image: ProtoImageType, at place: String) throws {
    guard let layout = ColorLayout(rawValue: image.colorSpace) else {
      throw AthanorError(
        .unsupported, at: place,
        image.colorSpace == 40
          ? "is a gray picture of 16 bits" : "is a picture of the colour space \(image.colorSpace)",
        fix: "Gray, RGB and BGR pictures of 8 bits can be read.")
    }
    self = layout
  }

  var channels: Int { self == .gray ? 1 : 3 }

  /// - Throws: `AthanorError` that names an output which is a picture of another kind than gray or RGB.
  static func check(outputs: [ProtoFeature]) throws {
    for output in outputs {
      guard case .image(let image) = output.type.kind else { continue }
      let place = "output \"\(output.name)\""
      guard try ColorLayout(image, at: place) != .bgr else {
        throw AthanorError(
          .unsupported, at: place, "is a BGR picture", fix: "Gray and RGB pictures can be given.")
      }
    }
  }
}

extension Program {
  /// The program for an input whose channels are red, green, blue, where its operations see blue, green, red. What is learnt of the channels
  /// changes its order as far as possible; else a convolution changes that of the picture.
  ///
  /// - Throws: `AthanorError` when an operation's arguments do not fit.
  mutating func takeBGR(_ input: String) throws {
    var current = input
    while let place = onlyReader(of: current) {
      let operation = operations[place]
      if case .binary? = operation.kind.function {
        let name: ArgumentName = operation.constant(.y) == nil ? .x : .y
        guard let known = operation.constant(name), known.count == 1 || known.trimmed.shape == [3, 1, 1] else { break }
        if known.count == 3 {
          let numbers = Tensor(uncheckedShape: known.shape, .float32(known.floats.reversed()))
          operations[place] = try operation.with(name, .constant(numbers))
        }
      } else if operation.kind == .conv, try operation.integer(.groups) == 1, let weight = operation.constant(.weight),
        weight.shape.count == 4, weight.shape[1] == 3
      {
        operations[place] = try operation.with(.weight, .constant(weight.channelsReversed))
        return
      } else {
        guard [.cast, .identity].contains(operation.kind) else { break }
      }
      current = operation.results[0].name
    }
    let names = Set(operations.flatMap { $0.results.map(\.name) } + inputs.map(\.name))
    var unique = UniqueNames(names)
    let reversed = unique.new("\(current)_bgr")
    operations = try operations.map { try $0.replacing { $0 == .named(current) ? .named(reversed) : $0 } }
    var matrix = [Float](repeating: 0, count: 9)
    for channel in 0..<3 { matrix[channel * 3 + 2 - channel] = 1 }
    let weight = Tensor(uncheckedShape: [3, 3, 1, 1], .float32(matrix))
    let place = operations.firstIndex { $0.results[0].name == current }.map { $0 + 1 } ?? 0
    operations.insert(
      try Operation(
        .conv, name: reversed, [.x: .operand(.named(current)), .weight: .constant(weight)], results: [Result(reversed)]),
      at: place)
    outputs = outputs.map { $0.name == current ? Result(reversed) : $0 }
  }

  private func onlyReader(of name: String) -> Int? {
    let readers = operations.indices.filter { operations[$0].computedNames.contains(name) }
    guard readers.count == 1, operations[readers[0]].computedNames.count == 1,
      operations[readers[0]].results.count == 1,
      !outputs.contains(where: { $0.name == name })
    else { return nil }
    return readers[0]
  }
}

extension Tensor {
  /// A kernel `[K, 3, R, S]` with its input channels in the reverse order.
  fileprivate var channelsReversed: Tensor {
    let values = floats
    let window = shape[2] * shape[3]
    let numbers = values.indices.map { index in
      let (row, place) = (index / (3 * window), index % (3 * window))
      return values[row * 3 * window + (2 - place / window) * window + place % window]
    }
    return Tensor(uncheckedShape: shape, .float32(numbers))
  }
}
