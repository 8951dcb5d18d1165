// Convolutions and pooling of imported programs.

extension ImportBuilder {
  mutating func convolution(_ site: ImportSite) throws -> [Content] {
    var x = try channelsLast(site.computed("x"))  // [N, H, W, C]
    let kernel = try site.required("weight")  // [K, C / groups, R, S]
    guard kernel.shape.count == 4, let channels = x.shape[3] else {
      throw AthanorError(
        .unsupported, at: "",
        "its weights have shape \(kernel.shape), but only two-dimensional convolutions can be read")
    }
    let groups = try site.integers("groups")?.first ?? 1
    guard groups > 0, kernel.shape[0] % groups == 0, kernel.shape[1] * groups == channels else {
      throw AthanorError(
        .data, at: "",
        "its weights have shape \(kernel.shape), which does not go with \(channels) channels in \(groups) groups")
    }
    let dilations = try site.integers("dilations", count: 2, default: 1)
    let size = Array(kernel.shape[2...])
    let window: Window2D
    if let pads = try padsBeyondKernel(site, size, dilations) {
      x = try x.padded(before: [0, pads[0], pads[2], 0], after: [0, pads[1], pads[3], 0])
      let strides = try site.integers("strides", count: 2, default: 1)
      window = Window2D(kernel: size, strides: strides, dilations: dilations, padding: .valid)
    } else {
      window = try self.window(site, x, size: size, dilations: dilations)
    }
    let weights = try weight(name(site, "kernel"), kernel.transposed([2, 3, 1, 0]))
    var y = try x.conv2D(weights, window, groups: groups)  // [N, H', W', K]
    if let bias = try site.numbers("bias") {
      guard bias.count == kernel.shape[0] else {
        throw AthanorError(.data, at: "", "its bias has \(bias.count) numbers")
      }
      y = try y + weight(name(site, "bias"), bias.seen(as: [bias.count]))
    }
    return [.computed(Computed(value: y, order: .channelsLast))]
  }

  /// Padding so wide that the kernel at the border would see nothing of the picture; it is put around the picture itself.
  private func padsBeyondKernel(_ site: ImportSite, _ size: [Int], _ dilations: [Int]) throws -> [Int]? {
    guard try site.text("pad_type", default: "valid") == "custom" else { return nil }
    let pads = try site.integers("pad", count: 4, default: 0)
    let reaches = zip(size, dilations).map { max(0, $0 - 1).multipliedReportingOverflow(by: $1).partialValue + 1 }
    guard (0..<4).contains(where: { pads[$0] >= reaches[$0 / 2] }), pads.allSatisfy({ (0...65_535).contains($0) })
    else {
      return nil
    }
    return pads
  }

  func pooling(_ site: ImportSite) throws -> [Content] {
    var x = try channelsLast(site.computed("x"))
    let size = try site.integers("kernel_sizes", count: 2, default: 1)
    guard try site.integers("dilations", count: 2, default: 1) == [1, 1] else {
      throw AthanorError(.unsupported, at: "", "its window is dilated, which there is nothing for")
    }
    var window = try self.window(site, x, size: size, dilations: [1, 1])
    guard site.operation.type == "avg_pool" else {
      return [.computed(Computed(value: try x.maxPooled(window), order: .channelsLast))]
    }
    if case .explicit(let before, let after) = window.padding, before + after != [0, 0, 0, 0],
      try !site.flag("exclude_padding_from_average")
    {
      guard try !site.flag("ceil_mode") else {
        throw AthanorError(.unsupported, at: "", "it counts padding and rounds its size up, which there is nothing for")
      }
      x = try x.padded(before: [0] + before + [0], after: [0] + after + [0])
      window = Window2D(kernel: size, strides: window.strides, padding: .valid)
    }
    return [.computed(Computed(value: try x.averagePooled(window), order: .channelsLast))]
  }

  private func window(_ site: ImportSite, _ x: Value, size: [Int], dilations: [Int]) throws -> Window2D {
    let strides = try site.integers("strides", count: 2, default: 1)
    let plain = Window2D(kernel: size, strides: strides, dilations: dilations, padding: .valid)
    guard (size + strides + dilations).allSatisfy({ (1...Window2D.mostPlaces).contains($0) }),
      let height = x.shape[1], let width = x.shape[2]
    else {
      _ = try plain.outputSize(x.shape, "window")
      return plain
    }
    var (before, after) = ([0, 0], [0, 0])
    switch try site.text("pad_type", default: "valid") {
    case "valid": break
    case "same", "same_lower":
      let isUpper = try site.text("pad_type", default: "") == "same"
      for (axis, length) in [height, width].enumerated() {
        let reach = (size[axis] - 1) * dilations[axis] + 1
        let count = (length + strides[axis] - 1) / strides[axis]
        let total = max((count - 1) * strides[axis] + reach - length, 0)
        before[axis] = isUpper ? total / 2 : total - total / 2
        after[axis] = total - before[axis]
      }
    default:
      let pad = try site.integers("pad", count: 4, default: 0)
      (before, after) = ([pad[0], pad[2]], [pad[1], pad[3]])
    }
    if try site.flag("ceil_mode") {
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
      guard (0..<(size[axis] - 1) * dilations[axis] + 1).contains(pad) else {
        throw AthanorError(
          .data, at: "", "it pads \(before) before and \(after) behind, which does not go with a window of \(size)")
      }
    }
    guard before + after != [0, 0, 0, 0] else { return plain }
    return Window2D(
      kernel: size, strides: strides, dilations: dilations, padding: .explicit(before: before, after: after))
  }
}
