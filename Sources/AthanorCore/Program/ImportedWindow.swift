// The windows of imported convolutions and pooling.

extension OperationKind {
  /// How a window's padding is said: `custom` is the lengths in `pad`, an odd place goes to the end for `same`.
  package enum PadType: String, CaseIterable, Sendable {
    case valid, same, custom
    case sameLower = "same_lower"
  }

  /// How a window is padded.
  static let padding: [Parameter] = [
    .choice(.padType, PadType.valid),
    .integers(.pad, [0, 0, 0, 0]).counting(.when(.padType, .choice(PadType.custom))),
  ]

  /// What is put around a value: one number, the value mirrored at its edges, its edges repeated, or the value again.
  package enum PadMode: String, CaseIterable, Sendable {
    case constant, reflect, replicate, wrap
  }
}

extension ImportSite {
  /// The window over a picture `[N, H, W, C]`, its padding resolved for the picture's size.
  ///
  /// - Parameters:
  ///   - allowsAnyPadding: Whether the padding may be as wide as the window and wider.
  ///   - roundsUp: Whether the padding holds the places of a last window, where the operation rounds its size up.
  func window(
    _ x: Value, size: [Int], dilations: [Int] = [1, 1], allowsAnyPadding: Bool = false, roundsUp: Bool = true
  ) throws -> Window2D {
    let strides = try integers(.strides, count: 2)
    let plain = Window2D(kernel: size, strides: strides, dilations: dilations, padding: .valid)
    guard (size + strides + dilations).allSatisfy({ (1...Window2D.mostPlaces).contains($0) }), x.shape.rank == 4 else {
      _ = try plain.outputSize(x.shape, "window")
      return plain
    }
    let axes = x.shape.axes[1...2]
    let (height, width) = (x.shape.axes[1].length, x.shape.axes[2].length)
    /// Padding that depends on a length must hold for each one.
    func requireFixed(_ what: String) throws {
      guard axes.contains(where: \.isOpen), strides != [1, 1] else { return }
      throw unsupported("it \(what) for a picture of open size \(x.shape), which is supported at strides of 1 alone")
    }
    let reaches = zip(size, dilations).map { ($0 - 1) * $1 + 1 }
    var (before, after) = ([0, 0], [0, 0])
    let kind = try operation.choice(.padType, OperationKind.PadType.self)
    switch kind {
    case .valid: break
    case .same where axes.contains(where: \.isOpen):
      return Window2D(kernel: size, strides: strides, dilations: dilations, padding: .same)
    case .same, .sameLower:
      try requireFixed("puts an odd place of padding first")
      for (axis, length) in [height, width].enumerated() {
        let count = (length + strides[axis] - 1) / strides[axis]
        let total = max((count - 1) * strides[axis] + reaches[axis] - length, 0)
        before[axis] = kind == .same ? total / 2 : total - total / 2
        after[axis] = total - before[axis]
      }
    case .custom:
      let pad = try integers(.pad, count: 4)
      (before, after) = ([pad[0], pad[2]], [pad[1], pad[3]])
    }
    if roundsUp, operation.kind.parameters.contains(where: { $0.name == .ceilMode }), try operation.flag(.ceilMode) {
      try requireFixed("rounds its size up")
      for (axis, length) in [height, width].enumerated() {
        let padded = length + before[axis] + after[axis]
        guard padded >= size[axis] else { continue }
        var count = (padded - size[axis] + strides[axis] - 1) / strides[axis] + 1
        // The last window must begin within the picture or the padding before it.
        if (count - 1) * strides[axis] >= length + before[axis] { count -= 1 }
        after[axis] = max(0, (count - 1) * strides[axis] + size[axis] - length - before[axis])
      }
    }
    for (axis, pad) in [before, after].flatMap({ Array($0.enumerated()) }) {
      // A window that sees nothing of the picture has no largest value and no mean.
      guard (0..<(allowsAnyPadding ? 65_536 : reaches[axis])).contains(pad) else {
        throw damaged("it pads \(before) before and \(after) behind, which does not go with a window of \(size)")
      }
    }
    guard before + after != [0, 0, 0, 0] else { return plain }
    return Window2D(
      kernel: size, strides: strides, dilations: dilations, padding: .explicit(before: before, after: after))
  }
}

extension Window2D {
  /// The same window with its padding called `same` where it is that for a picture `[N, H, W, C]`.
  func named(for picture: Shape) -> Window2D {
    guard case .explicit = padding, strides == [1, 1] || !picture.axes[1...2].contains(where: \.isOpen) else {
      return self
    }
    let same = Window2D(kernel: kernel, strides: strides, dilations: dilations, padding: .same)
    let isSame = (0..<2).allSatisfy { axis in
      let length = picture.axes[axis + 1].length
      return places(along: axis, length: length) == same.places(along: axis, length: length)
    }
    return isSame ? same : self
  }
}
