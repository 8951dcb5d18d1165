// The windows of imported convolutions and pooling.

extension OperationKind {
  /// How a window's padding is said: `custom` is the lengths in `pad`, an odd place goes to the end for `same`.
  package enum PadType: String, CaseIterable, Sendable {
    case valid, same, custom
    case sameLower = "same_lower"
  }

  /// The only way of padding that is supported.
  package enum PadMode: String, CaseIterable, Sendable {
    case constant
  }
}

extension ImportSite {
  /// Padding so wide that the kernel at the border would see nothing of the picture; it is put around the picture itself.
  func padsBeyondKernel(_ size: [Int], _ dilations: [Int]) throws -> [Int]? {
    guard try operation.choice(.padType, OperationKind.PadType.self) == .custom else { return nil }
    let pads = try integers(.pad, count: 4)
    let reaches = zip(size, dilations).map { max(0, $0 - 1).multipliedReportingOverflow(by: $1).partialValue + 1 }
    guard (0..<4).contains(where: { pads[$0] >= reaches[$0 / 2] }), pads.allSatisfy({ (0...65_535).contains($0) })
    else {
      return nil
    }
    return pads
  }

  /// The window over a picture `[N, H, W, C]`, its padding resolved for the picture's size.
  func window(_ x: Value, size: [Int], dilations: [Int] = [1, 1]) throws -> Window2D {
    let strides = try integers(.strides, count: 2)
    let plain = Window2D(kernel: size, strides: strides, dilations: dilations, padding: .valid)
    guard (size + strides + dilations).allSatisfy({ (1...Window2D.mostPlaces).contains($0) }),
      let height = x.shape[1], let width = x.shape[2]
    else {
      _ = try plain.outputSize(x.shape, "window")
      return plain
    }
    let reaches = zip(size, dilations).map { ($0 - 1) * $1 + 1 }
    var (before, after) = ([0, 0], [0, 0])
    let kind = try operation.choice(.padType, OperationKind.PadType.self)
    switch kind {
    case .valid: break
    case .same, .sameLower:
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
    if operation.kind.parameters.contains(where: { $0.name == .ceilMode }), try operation.flag(.ceilMode) {
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
      // Beyond that a window would see nothing of the picture.
      guard (0..<reaches[axis]).contains(pad) else {
        throw damaged("it pads \(before) before and \(after) behind, which does not go with a window of \(size)")
      }
    }
    guard before + after != [0, 0, 0, 0] else { return plain }
    return Window2D(
      kernel: size, strides: strides, dilations: dilations, padding: .explicit(before: before, after: after))
  }
}
