import AthanorCore

private func window(
  _ kernel: [Int], _ strides: [Int] = [1, 1], dilations: [Int] = [1, 1], padding: Window2D.Padding = .valid
) -> Window2D {
  Window2D(kernel: kernel, strides: strides, dilations: dilations, padding: padding)
}

/// A convolution of pictures of the given size; the window's kernel says the weights' first two axes.
private func convolution(
  _ label: String, _ picture: [Int], _ filters: Int, _ window: Window2D, groups: Int = 1, bias: Bool = false,
  relu isRelu: Bool = false, isLarge: Bool = false
) -> OpCase {
  let weights: Shape = [window.kernel[0], window.kernel[1], picture[2] / groups, filters]
  var inputs: [OpCase.Input] = [.numbers([nil, picture[0], picture[1], picture[2]]), .numbers(weights)]
  if bias { inputs.append(.numbers([filters])) }
  return OpCase("conv2d \(label)", inputs, skipsDifferences: isLarge, isFused: bias || isRelu) { values in
    var y = try values[0].conv2D(values[1], window, groups: groups)
    if bias { y = try y + values[2] }
    return isRelu ? try relu(y) : y
  }
}

/// A transposed convolution of pictures of the given size to so many channels for each group.
private func transposed(
  _ label: String, _ picture: [Int], _ channels: Int, _ window: Window2D, groups: Int = 1, isLarge: Bool = false
) -> OpCase {
  let weights: Shape = [window.kernel[0], window.kernel[1], channels, picture[2]]
  let inputs: [OpCase.Input] = [.numbers([nil, picture[0], picture[1], picture[2]]), .numbers(weights)]
  return OpCase("conv2dTranspose \(label)", inputs, skipsDifferences: isLarge) {
    try $0[0].apply(Conv2DTransposeOp(window: window, groups: groups), $0[1])
  }
}

extension OpCase {
  static let convolution: [OpCase] = [
    transposed("valid", [3, 4, 3], 2, window([3, 2])),
    transposed("strides, dilations", [3, 2, 2], 3, window([2, 3], [2, 3], dilations: [3, 1])),
    transposed(
      "cut", [4, 3, 4], 2, window([3, 3], [2, 2], padding: .explicit(before: [1, 0], after: [2, 1])), groups: 2),
    transposed(
      "large", [9, 13, 17], 19, window([4, 4], [2, 2], padding: .explicit(before: [1, 1], after: [1, 1])), isLarge: true
    ),
    AthanorCoreTests.convolution("valid", [6, 7, 3], 5, window([3, 3])),
    AthanorCoreTests.convolution("one place", [3, 2, 5], 3, window([3, 2])),
    AthanorCoreTests.convolution("1x1", [3, 4, 5], 7, window([1, 1])),
    AthanorCoreTests.convolution("1x1, stride 2", [5, 4, 3], 2, window([1, 1], [2, 2], padding: .same)),
    AthanorCoreTests.convolution("same", [5, 4, 3], 2, window([3, 3], padding: .same)),
    AthanorCoreTests.convolution("same, even kernel", [5, 6, 2], 3, window([2, 4], padding: .same)),
    AthanorCoreTests.convolution("same, strides 2 and 3", [7, 8, 3], 3, window([3, 2], [2, 3], padding: .same)),
    AthanorCoreTests.convolution("valid, stride 2, last row unread", [6, 8, 2], 3, window([3, 3], [2, 2])),
    AthanorCoreTests.convolution("strides beyond the kernel", [7, 7, 2], 3, window([2, 2], [3, 4])),
    AthanorCoreTests.convolution("dilated", [7, 6, 2], 3, window([3, 2], dilations: [2, 3])),
    AthanorCoreTests.convolution("dilated, same", [5, 6, 2], 3, window([3, 3], dilations: [2, 1], padding: .same)),
    AthanorCoreTests.convolution("2 groups", [4, 5, 4], 6, window([3, 2], padding: .same), groups: 2),
    AthanorCoreTests.convolution("depthwise", [4, 5, 3], 6, window([3, 3]), groups: 3),
    AthanorCoreTests.convolution("bias", [4, 5, 2], 3, window([3, 3]), bias: true),
    AthanorCoreTests.convolution("ReLU", [4, 5, 2], 3, window([3, 3]), relu: true),
    AthanorCoreTests.convolution(
      "bias and ReLU", [5, 4, 3], 3, window([2, 3], [2, 1], padding: .same), bias: true, relu: true),
    AthanorCoreTests.convolution("large", [17, 19, 33], 65, window([3, 3]), bias: true, relu: true, isLarge: true),
    AthanorCoreTests.convolution(
      "large, same", [13, 29, 16], 64, window([5, 3], padding: .same), bias: true, isLarge: true),
    AthanorCoreTests.convolution(
      "large, strides", [23, 21, 31], 33, window([3, 3], [2, 3], padding: .same), isLarge: true),
    AthanorCoreTests.convolution(
      "large, dilated", [19, 17, 17], 47, window([3, 3], dilations: [2, 2], padding: .same), relu: true, isLarge: true),
    AthanorCoreTests.convolution(
      "large, 3 groups", [15, 17, 51], 33, window([3, 3], padding: .same), groups: 3, isLarge: true),
    AthanorCoreTests.convolution(
      "one channel", [28, 28, 1], 32, window([5, 5]), bias: true, relu: true, isLarge: true),
    AthanorCoreTests.convolution("large, 1x1", [11, 13, 67], 129, window([1, 1]), bias: true, isLarge: true),
  ]

  static let pooling: [OpCase] = [("max", true), ("average", false)].flatMap { kind, isMax in
    let windows: [(String, [Int], Window2D, Bool)] = [
      ("valid", [6, 7, 3], window([2, 2], [2, 2]), false),
      ("whole picture", [3, 5, 2], window([3, 5], [3, 5]), false),
      ("same, odd sizes", [5, 7, 3], window([2, 3], [2, 3], padding: .same), false),
      ("overlapping", [7, 6, 2], window([3, 3], [2, 1]), false),
      ("overlapping, same", [5, 6, 3], window([3, 3], [1, 2], padding: .same), false),
      ("gaps", [8, 9, 2], window([2, 2], [3, 4]), false),
      ("large", [33, 35, 67], window([2, 2], [2, 2]), true),
      ("large, overlapping", [31, 29, 33], window([3, 3], [2, 2], padding: .same), true),
    ]
    return windows.flatMap { label, picture, window, isLarge in
      [false, true].map { hasRelu in
        let input = OpCase.Input.numbers([nil, picture[0], picture[1], picture[2]])
        return OpCase(
          "\(kind) pooling \(label)\(hasRelu ? " of a ReLU" : "")", [input], skipsDifferences: isLarge,
          isFused: hasRelu
        ) { values in
          let x = hasRelu ? try relu(values[0]) : values[0]
          return isMax ? try x.maxPooled(window) : try x.averagePooled(window)
        }
      }
    }
  }

  /// Convolutions before a max-pooling, whose gradients are computed from those of the pooled values.
  static let pooledConvolution: [OpCase] = {
    let cases: [(String, picture: [Int], filters: Int, Window2D, Window2D, relu: Bool, isLarge: Bool)] = [
      ("valid", [6, 7, 2], 3, window([3, 3]), window([2, 2], [2, 2]), true, false),
      (
        "same, odd sizes", [5, 7, 2], 3, window([3, 3], padding: .same), window([2, 3], [2, 3], padding: .same), true,
        false
      ),
      ("gaps, no ReLU", [7, 8, 3], 2, window([2, 1]), window([2, 2], [3, 2]), false, false),
      ("1x1", [5, 5, 3], 4, window([1, 1]), window([2, 2], [2, 2]), true, false),
      ("large", [12, 12, 32], 64, window([3, 3]), window([2, 2], [2, 2]), true, true),
      ("large, same", [15, 13, 17], 33, window([5, 3], padding: .same), window([3, 2], [3, 2]), true, true),
      ("large, one channel", [28, 28, 1], 32, window([5, 5]), window([2, 2], [2, 2]), true, true),
    ]
    return cases.map { label, picture, filters, convolution, pooling, hasRelu, isLarge in
      let weights: Shape = [convolution.kernel[0], convolution.kernel[1], picture[2], filters]
      let inputs: [OpCase.Input] = [
        .numbers([nil, picture[0], picture[1], picture[2]]), .numbers(weights), .numbers([filters]),
      ]
      return OpCase("pooled conv2d \(label)", inputs, skipsDifferences: isLarge, isFused: true) { values in
        let y = try values[0].conv2D(values[1], convolution, groups: 1) + values[2]
        return try (hasRelu ? relu(y) : y).maxPooled(pooling)
      }
    }
  }()
}
