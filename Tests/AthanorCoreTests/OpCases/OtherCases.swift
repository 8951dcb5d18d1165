import AthanorCore
import Testing

extension OpCase {
  static let layout: [OpCase] = [
    OpCase("reshape", [.numbers([nil, 3, 4])]) { try square($0[0]).reshaped([nil, 2, 6]) * 2 },
    OpCase("reshape of an input", [.numbers([nil, 3, 4])]) { try $0[0].reshaped([nil, 12]) },
    OpCase("transpose", [.numbers([nil, 3, 5, 2])]) { try $0[0].transposed([2, 0, 3, 1]) },
    OpCase("transpose of 6 axes", [.numbers([2, 1, 3, 2, 2, 3])]) { try $0[0].transposed([5, 3, 1, 0, 4, 2]) },
    OpCase("transpose large", [.numbers([nil, 67, 129])], skipsDifferences: true) { try $0[0].transposed([2, 0, 1]) },
    OpCase("pad", [.numbers([nil, 3, 4])]) { try $0[0].padded(before: [0, 1, 0], after: [0, 2, 3]) },
    OpCase("pad with a number", [.numbers([nil, 3])]) {
      try $0[0].apply(Pad(before: [0, 1], after: [0, 2], value: 2.5))
    },
    OpCase("take", [.numbers([nil, 5, 4])]) { try $0[0].taking([3, 0, 0, 4, 0], axis: 1) },
    OpCase("take channels", [.numbers([nil, 3, 2, 4])]) { try $0[0].taking([3, 1], axis: 3) },
    OpCase("take large", [.numbers([nil, 67, 129])], skipsDifferences: true) {
      try $0[0].taking((0..<301).map { $0 * 7 % 129 }, axis: 2)
    },
    OpCase("lookup", [.integers([nil, 7], .classes(5)), .numbers([5, 4])]) { try $0[0].lookedUp(in: $0[1]) },
    OpCase("lookup of numbers", [.fixed([nil, 3], .few), .numbers([5, 4])]) {
      try ($0[0] + 1).asIntegers().lookedUp(in: $0[1])
    },
    OpCase("lookup large", [.integers([nil, 701], .classes(300)), .numbers([300, 129])], skipsDifferences: true) {
      try $0[0].lookedUp(in: $0[1])
    },
    OpCase("choose", [.numbers([nil, 3, 5]), .numbers([nil, 3, 5], .spread(lane: 1))]) {
      try $0[0].chosen(where: $0[1].greater(0), else: $0[1])
    },
    OpCase("choose large", [.numbers([nil, 129, 67]), .numbers([67])], skipsDifferences: true) {
      try $0[0].chosen(where: $0[0].greater($0[1]), else: $0[1])
    },
    OpCase("slice", [.numbers([nil, 5, 4])]) { try $0[0].sliced(start: [0, 1, 2], lengths: [nil, 3, 2]) },
    OpCase("slice of nothing", [.numbers([nil, 5])]) { try $0[0].sliced(start: [0, 5], lengths: [nil, 0]) },
    OpCase("concatenate", [.numbers([nil, 2, 3]), .numbers([nil, 2, 1]), .numbers([nil, 2, 4])]) {
      try concatenate($0)
    },
    OpCase("concatenate in the middle", [.numbers([nil, 2, 3]), .numbers([nil, 5, 3])]) {
      try concatenate($0, axis: 1)
    },
    OpCase("concatenate a value with itself", [.numbers([nil, 3])]) { try concatenate([$0[0], $0[0]]) },
    OpCase("cumulative sum", [.numbers([nil, 5, 4])]) { try $0[0].cumulativeSum(axis: 1) },
    OpCase("cumulative sum of pictures", [.numbers([nil, 3, 5, 2])]) { try $0[0].cumulativeSum(axis: 3) },
    OpCase("cumulative sum of the batch", [.numbers([nil, 5])]) { try $0[0].cumulativeSum(axis: 0) },
    OpCase("cumulative sum reversed", [.numbers([nil, 5])]) {
      try $0[0].apply(CumulativeSum(axis: 1, isReversed: true))
    },
    OpCase("cumulative sum exclusive", [.numbers([nil, 5, 3])]) {
      try $0[0].apply(CumulativeSum(axis: 1, isExclusive: true))
    },
    OpCase("cumulative sum exclusive, reversed", [.numbers([nil, 3, 1, 2])]) {
      try $0[0].apply(CumulativeSum(axis: 1, isExclusive: true, isReversed: true))
    },
    OpCase("cumulative sum large", [.numbers([nil, 67, 37, 19])], skipsDifferences: true) {
      try $0[0].cumulativeSum(axis: 2)
    },
    OpCase("broadcastTo", [.numbers([1, 3, 1])]) { try $0[0].apply(BroadcastTo(shape: [3, 2, 3, 4])) },
    OpCase("broadcastTo of examples", [.numbers([nil, 3, 1])]) {
      try $0[0].apply(BroadcastTo(shape: Shape(axes: $0[0].shape.axes.dropLast() + [Shape.Axis(4)])))
    },
    OpCase("broadcastTo large", [.numbers([129, 1])], skipsDifferences: true) {
      try $0[0].apply(BroadcastTo(shape: [3, 129, 67]))
    },
  ]

  static let products: [OpCase] =
    [
      OpCase("matmul", [.numbers([nil, 7]), .numbers([7, 5])]) { try $0[0].matmul($0[1]) },
      OpCase("matmul of rows", [.numbers([nil, 3, 7]), .numbers([7, 5])]) { try $0[0].matmul($0[1]) },
      OpCase("matmul batched", [.numbers([nil, 3, 7]), .numbers([nil, 7, 5])]) { try $0[0].matmul($0[1]) },
      OpCase("matmul bias", [.numbers([nil, 3]), .numbers([3, 5]), .numbers([5])], isFused: true) {
        try $0[0].matmul($0[1]) + $0[2]
      },
      OpCase("matmul ReLU", [.numbers([nil, 3]), .numbers([3, 5])], isFused: true) { try relu($0[0].matmul($0[1])) },
      OpCase("matmul bias and ReLU", [.numbers([nil, 2, 3]), .numbers([3, 5]), .numbers([5])], isFused: true) {
        try relu($0[0].matmul($0[1]) + $0[2])
      },
      OpCase(
        "matmul large", [.numbers([67, 129]), .numbers([129, 131]), .numbers([131])], skipsDifferences: true,
        isFused: true
      ) { try relu($0[0].matmul($0[1]) + $0[2]) },
      OpCase("matmul wide", [.numbers([nil, 1031]), .numbers([1031, 257])], skipsDifferences: true) {
        try $0[0].matmul($0[1])
      },
      OpCase("matmul batched large", [.numbers([nil, 33, 65]), .numbers([nil, 65, 35])], skipsDifferences: true) {
        try $0[0].matmul($0[1])
      },
      OpCase("matmul transposed", [.numbers([nil, 7]), .numbers([5, 7])]) {
        try $0[0].apply(MatMul(transposeB: true), $0[1])
      },
      OpCase("matmul transposed, summed over the batch", [.numbers([nil, 3, 7]), .numbers([nil, 3, 5])]) {
        try $0[0].apply(MatMul(transposeA: true), $0[1])
      },
    ]
    + [(false, true), (true, false), (true, true)].map { transposeA, transposeB in
      let a: Shape = transposeA ? [nil, 4, 2] : [nil, 2, 4]
      let b: Shape = transposeB ? [nil, 3, 4] : [nil, 4, 3]
      return OpCase("matmul batched, transposed \(transposeA) \(transposeB)", [.numbers(a), .numbers(b)]) {
        try $0[0].apply(MatMul(transposeA: transposeA, transposeB: transposeB, isBatched: true), $0[1])
      }
    }

  static let reductions: [OpCase] =
    ReduceFunction.allCases.flatMap { function in
      [[2], [0], [1], [0, 1], [1, 2], [0, 2], [0, 1, 2], []].map { axes in
        OpCase("\(function) along \(axes)", [.numbers([nil, 4, 5])]) { try reduced(function, axes, $0[0]) }
      } + [
        OpCase("\(function) of rows, large", [.numbers([nil, 33, 129])], skipsDifferences: true) {
          try reduced(function, [2], $0[0])
        },
        OpCase("\(function) of columns, large", [.numbers([nil, 129, 67])], skipsDifferences: true) {
          try reduced(function, [0, 1], $0[0])
        },
        OpCase("\(function) of all, large", [.numbers([nil, 129, 131])], skipsDifferences: true) {
          try reduced(function, [0, 1, 2], $0[0])
        },
        OpCase("\(function) with ties", [.numbers([nil, 4, 5], .few)], skipsDifferences: true) {
          try reduced(function, [1, 2], $0[0])
        },
      ]
    } + [
      OpCase("divideByCount", [.numbers([nil, 4, 5])]) { try $0[0].apply(DivideByCount(axes: 0..<2)) }
    ]

  private static func reduced(_ function: ReduceFunction, _ axes: [Int], _ x: Value) throws -> Value {
    switch function {
    case .sum: try x.sum(axes: axes)
    case .mean: try x.mean(axes: axes)
    case .max: try x.max(axes: axes)
    }
  }

  static let classes: [OpCase] = [
    OpCase("softmax", [.numbers([nil, 7])]) { try softmax($0[0]) },
    OpCase("softmax of rows", [.numbers([nil, 3, 5])]) { try softmax($0[0]) },
    OpCase("softmax of one class", [.numbers([nil, 1])]) { try softmax($0[0]) },
    OpCase("softmax large", [.numbers([nil, 57, 131])], skipsDifferences: true) { try softmax($0[0]) },
    OpCase(
      "crossentropy of numbers", [.numbers([nil, 3, 5]), .integers([nil, 3], .classes(5))], results: crossentropy),
    OpCase("crossentropy of rows that are differentiated", [.numbers([nil, 2, 5]), .numbers([nil, 2, 5])]) {
      try $0[0].softmaxCrossentropy($0[1])
    },
    OpCase("crossentropy with itself", [.numbers([nil, 5])]) { try $0[0].softmaxCrossentropy(softmax($0[0])) },
    OpCase("crossentropy of rows", [.numbers([nil, 5]), .fixed([nil, 5], .probabilities)], results: crossentropy),
    OpCase(
      "crossentropy of rows that do not sum to 1", [.numbers([nil, 5]), .fixed([nil, 5])], results: crossentropy),
    OpCase(
      "crossentropy large", [.numbers([nil, 129, 67]), .integers([nil, 129], .classes(67))], skipsDifferences: true,
      results: crossentropy),
    OpCase("argMax", [.fixed([nil, 3, 7])]) { try $0[0].argMax() },
    OpCase("argMax with ties", [.fixed([nil, 3, 7], .few)]) { try $0[0].argMax() },
    OpCase("argMax large", [.fixed([nil, 131, 129])]) { try $0[0].argMax() },
    OpCase("toIntegers", [.fixed([nil, 3, 7], .awayFromZero)]) { try ($0[0] * 100).asIntegers() },
    OpCase("toIntegers, bytes", [.fixed([nil, 3, 7], .awayFromZero)]) { try ($0[0] * 100).asIntegers(.uint8) },
    OpCase("toIntegers large", [.integers([nil, 131, 129], .classes(300))]) { try $0[0].asIntegers(.uint8) },
    OpCase("compareIntegers", [.integers([nil, 9], .classes(3)), .integers([nil, 9], .classes(3))]) {
      try $0[0].apply(CompareIntegers(.greater), $0[1]) + $0[0].apply(CompareIntegers(.equal), $0[1]) * 2
        + $0[1].apply(CompareIntegers(.greaterEqual), $0[0]) * 4
    },
    OpCase("oneHot", [.integers([nil, 7], .classes(5, outside: true))]) { try $0[0].oneHot(5) },
    OpCase("inTopK", [.fixed([nil, 9, 7], .few), .integers([nil, 9], .classes(7, outside: true))]) {
      try $0[0].inTopK(3, $0[1])
    },
    OpCase("inTopK large", [.fixed([nil, 131, 129]), .integers([nil, 131], .classes(129))]) {
      try $0[0].inTopK(64, $0[1])
    },
  ]

  @Sendable private static func crossentropy(_ values: [Value]) throws -> [Value] {
    let loss = try values[0].softmaxCrossentropy(values[1])
    return [loss, Value(loss.builder, try #require(loss.builder.graph.node(defining: loss.id)).outputs[1])]
  }

  static let others: [OpCase] = [
    OpCase("batchNorm", [.numbers([nil, 5, 3]), .numbers([3]), .numbers([3])]) { values in
      let (y, mean, variance) = try values[0].batchNormalized(gamma: values[1], beta: values[2], epsilon: 1e-3)
      return [y, mean, variance]
    },
    OpCase("batchNorm's mean and variance", [.numbers([nil, 5, 3]), .numbers([3]), .numbers([3])]) { values in
      let (y, mean, variance) = try values[0].batchNormalized(gamma: values[1], beta: values[2], epsilon: 1e-3)
      return try y * mean + square(variance)
    },
    OpCase("batchNorm's mean alone", [.numbers([nil, 5, 3])]) {
      try square($0[0].batchNormalized(gamma: nil, beta: nil, epsilon: 1e-3).mean)
    },
    OpCase("batchNorm without gamma and beta", [.numbers([nil, 5, 3])]) { values in
      let (y, mean, variance) = try values[0].batchNormalized(gamma: nil, beta: nil, epsilon: 1e-3)
      return [y, mean, variance]
    },
    OpCase(
      "batchNorm large", [.numbers([nil, 131, 67]), .numbers([67]), .numbers([67])], skipsDifferences: true,
      tolerance: 2e-5
    ) { values in
      let (y, mean, variance) = try values[0].batchNormalized(gamma: values[1], beta: values[2], epsilon: 1e-3)
      return [y, mean, variance]
    },
    OpCase(
      "batchNorm by known numbers",
      [.numbers([nil, 4, 5, 3]), .numbers([3]), .numbers([3], .positive), .numbers([3]), .numbers([3])]
    ) { try $0[0].batchNormalized(mean: $0[1], variance: $0[2], gamma: $0[3], beta: $0[4], epsilon: 1e-3) },
    OpCase("batchNorm of rows by known numbers", [.numbers([nil, 5]), .numbers([5]), .numbers([5], .positive)]) {
      try $0[0].batchNormalized(mean: $0[1], variance: $0[2], gamma: nil, beta: nil, epsilon: 1e-2)
    },
    OpCase(
      "batchNorm of steps by known numbers, without gamma",
      [.numbers([nil, 4, 3]), .numbers([3]), .numbers([3], .positive), .numbers([3])]
    ) { try $0[0].batchNormalized(mean: $0[1], variance: $0[2], gamma: nil, beta: $0[3], epsilon: 1e-3) },
    OpCase(
      "batchNorm large by known numbers, without beta",
      [.numbers([nil, 131, 67]), .numbers([67]), .numbers([67], .positive), .numbers([67])], skipsDifferences: true,
      tolerance: 2e-5
    ) { try $0[0].batchNormalized(mean: $0[1], variance: $0[2], gamma: $0[3], beta: nil, epsilon: 1e-3) },
    OpCase("dropout", [.numbers([nil, 13])]) { try $0[0].droppedOut(0.4) },
    OpCase("two dropouts", [.numbers([nil, 13])]) { try $0[0].droppedOut(0.4).droppedOut(0.2) },
    OpCase("dropout large", [.numbers([nil, 129, 131])], skipsDifferences: true) { try $0[0].droppedOut(0.4) },
    OpCase("uniform numbers", [.numbers([nil, 13])]) { try $0[0] * $0[0].uniformNumbers(from: -1, to: 3) },
    OpCase("normal numbers", [.numbers([nil, 13])]) { try $0[0] * $0[0].normalNumbers() },
    OpCase("normal numbers large", [.numbers([nil, 129, 131])], skipsDifferences: true) {
      try $0[0] * $0[0].normalNumbers()
    },
    OpCase("affineSample", [.numbers([nil, 5, 4, 3]), .fixed([nil, 6], .awayFromZero)]) {
      try $0[0].affineSampled($0[1], fill: .reflect, isBilinear: true)
    },
    OpCase("affineSample constant, other size", [.numbers([nil, 5, 4, 1]), .fixed([nil, 6])]) {
      try $0[0].affineSampled($0[1], height: 3, width: 6, fill: .constant(0.5), isBilinear: true)
    },
    OpCase("affineSample wrap", [.numbers([nil, 4, 5, 2]), .fixed([nil, 6], .awayFromZero)]) {
      try $0[0].affineSampled($0[1], fill: .wrap, isBilinear: true)
    },
    OpCase("affineSample nearest", [.numbers([nil, 4, 5, 2]), .fixed([nil, 6], .awayFromZero)]) {
      try $0[0].affineSampled($0[1], fill: .nearest, isBilinear: false)
    },
    OpCase(
      "affineSample twice",
      [.numbers([nil, 4, 5, 2]), .fixed([nil, 6], .awayFromZero), .fixed([nil, 6], .awayFromZero)]
    ) {
      try $0[0].affineSampled($0[1], fill: .wrap, isBilinear: true).affineSampled($0[2], fill: .wrap, isBilinear: true)
    },
    OpCase(
      "affineSample large", [.numbers([nil, 71, 66, 3]), .fixed([nil, 6], .positive)], skipsDifferences: true
    ) { try $0[0].affineSampled($0[1], fill: .reflect, isBilinear: true) },
    OpCase("convert bytes", [.bytes([nil, 131, 129])]) { try $0[0].converted(scale: 1 / 255, offset: -0.5) },
    OpCase("convert integers", [.integers([nil, 37], .bytes)]) { try $0[0].converted(scale: 0.1, offset: 2) },
    OpCase("convert numbers", [.numbers([nil, 7])]) { try $0[0].converted(scale: 3, offset: 1) },
    OpCase("constants of a shape", [.numbers([nil, 7])]) { try $0[0] * $0[0].builder.constant(0.3, [7]) },
  ]
}
