import AthanorCore
import Testing

/// What each operation says about inputs that do not fit. The layer's name, put before it, says where.
@Suite struct ShapeErrorTests {
  /// What building with sources of the given types says.
  private func refusal(_ types: [ValueType], _ build: ([Value]) throws -> Any) throws -> String {
    let builder = GraphBuilder()
    let values = try types.enumerated().map { try builder.source(.input("\($0.offset)"), $0.element) }
    do {
      _ = try build(values)
      return ""
    } catch let error as AthanorError {
      #expect(error.location.isEmpty && !error.problem.isEmpty && !error.remedy.isEmpty)
      return "\(error)"
    }
  }

  private func refusal(_ shapes: Shape..., build: ([Value]) throws -> Any) throws -> String {
    try refusal(shapes.map { ValueType(.float32, $0) }, build)
  }

  private func check(_ got: String, _ want: String, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(got == want, sourceLocation: sourceLocation)
  }

  private func window(
    _ kernel: [Int], _ strides: [Int] = [1, 1], _ dilations: [Int] = [1, 1], padding: Window2D.Padding = .valid
  ) -> Window2D {
    Window2D(kernel: kernel, strides: strides, dilations: dilations, padding: padding)
  }

  @Test func numbersAreNeeded() throws {
    let want = "input is of type uint8 but numbers of type float32 are needed. Convert it first."
    let bytes = ValueType(.uint8, [nil, 4, 4, 2])
    let vector = ValueType(.float32, [2])
    let builds: [([Value]) throws -> Any] = [
      { try relu($0[0]) }, { try $0[0] + $0[1] }, { try $0[1] + $0[0] }, { try softmax($0[0]) },
      { try $0[0].maxPooled(window([2, 2])) }, { try $0[0].averagePooled(window([2, 2])) },
      { try $0[0].conv2D($0[1], window([1, 1]), groups: 1) }, { try $0[0].matmul($0[1]) }, { try $0[0].sum(axes: [1]) },
      { try $0[0].droppedOut(0.5) }, { try $0[0].argMax() }, { try $0[0].inTopK(1, $0[1]) },
      { try $0[0].softmaxCrossentropy($0[1]) }, { try $0[0].padded(before: [0, 0, 0, 0], after: [0, 0, 0, 0]) },
      { try $0[0].batchNormalized(gamma: $0[1], beta: $0[1], epsilon: 1) },
    ]
    for build in builds { #expect(try refusal([bytes, vector], build) == want) }
    // The same for weights and the like.
    let picture = ValueType(.float32, [nil, 4, 4, 2])
    #expect(
      try refusal([picture, ValueType(.int32, [1, 1, 2, 3])]) { try $0[0].conv2D($0[1], window([1, 1]), groups: 1) }
        == want.replacing("uint8", with: "int32"))
    #expect(
      try refusal([picture, ValueType(.int32, [2, 3])]) { try $0[0].matmul($0[1]) }
        == want.replacing("uint8", with: "int32"))
    #expect(
      try refusal([picture, ValueType(.int32, [2])]) {
        try $0[0].batchNormalized(gamma: $0[1], beta: nil, epsilon: 1)
      } == want.replacing("uint8", with: "int32"))
  }

  @Test func pictures() throws {
    func pooled(_ shape: Shape, _ window: Window2D) throws -> String {
      try refusal(shape) { try $0[0].maxPooled(window) }
    }
    let two = window([2, 2])
    check(
      try pooled([nil, 28, 28], two),
      "input has shape (28, 28) but 3 axes (height, width, channels) are needed. Add Reshape([28, "
        + "28, 1]) before it.")
    check(
      try pooled([nil, 28], two),
      "input has shape (28,) but 3 axes (height, width, channels) are needed. Give it pictures of "
        + "height, width and channels.")
    check(
      try pooled([nil], two),
      "input has shape () but 3 axes (height, width, channels) are needed. Give it pictures of "
        + "height, width and channels.")
    check(
      try pooled([], two),
      "input has shape () but 3 axes (height, width, channels) are needed. Give it pictures of "
        + "height, width and channels.")
    check(
      try pooled([nil, 28, 28, nil], two),
      "input has shape (28, 28, None) but 3 axes (height, width, channels) are needed. Give it "
        + "pictures of height, width and channels.")
    check(
      try pooled([nil, 5, 4, 1], window([5, 5])),
      "a pooling window of 5x5 does not fit into a picture of 5x4. Use a smaller one, padding "
        + "\"same\", or fewer pooling layers before it.")
    check(
      try pooled([nil, 0, 4, 1], window([1, 1], padding: .same)),
      "a pooling window of 1x1 does not fit into a picture of 0x4. Use a smaller one, padding "
        + "\"same\", or fewer pooling layers before it.")
    check(
      try pooled([nil, 1000, 1000, 1], window([300, 300])),
      "a pooling window of [300, 300] has more than 65,535 places. Use a smaller window, or the "
        + "maximum along axes 1 and 2.")
    check(
      try pooled([nil, 4, 4, 1], window([0, 2])),
      "the pooling window has size [0, 2] but two numbers from 1 to 1048576 are needed. Give one "
        + "number for the height and one for the width.")
    check(
      try pooled([nil, 4, 4, 1], window([2, 2], [1, 0])),
      "the pooling window has strides [1, 0] but two numbers from 1 to 1048576 are needed. Give "
        + "one number for the height and one for the width.")
    check(
      try pooled([nil, 4, 4, 1], window([2, 2], [1, 1], [.max, 1])),
      "the pooling window has dilations [9223372036854775807, 1] but two numbers from 1 to 1048576 "
        + "are needed. Give one number for the height and one for the width.")
    check(
      try pooled([nil, 4, 4, 1], window([2])),
      "the pooling window has size [2] but two numbers from 1 to 1048576 are needed. Give one "
        + "number for the height and one for the width.")
    check(
      try refusal([nil, 4, 4]) { try $0[0].averagePooled(two) },
      "input has shape (4, 4) but 3 axes (height, width, channels) are needed. Add Reshape([4, 4, "
        + "1]) before it.")
  }

  @Test func convolution() throws {
    func convolved(
      _ x: Shape, _ weights: Shape, _ window: Window2D, groups: Int = 1
    ) throws -> String {
      try refusal(x, weights) { try $0[0].conv2D($0[1], window, groups: groups) }
    }
    let three = window([3, 3])
    check(
      try convolved([nil, 28, 28], [3, 3, 1, 4], three),
      "input has shape (28, 28) but 3 axes (height, width, channels) are needed. Add Reshape([28, "
        + "28, 1]) before it.")
    check(
      try convolved([nil, 4, 4, 2], [3, 3, 1, 4], three),
      "2 channels, a kernel of 3x3 and 1 groups do not go with weights of shape (3, 3, 1, 4). "
        + "Weights are [height, width, channels / groups, filters]; channels and filters must be "
        + "multiples of groups.")
    check(
      try convolved([nil, 4, 4, 2], [3, 3, 2], three),
      "2 channels, a kernel of 3x3 and 1 groups do not go with weights of shape (3, 3, 2). Weights "
        + "are [height, width, channels / groups, filters]; channels and filters must be multiples of "
        + "groups.")
    check(
      try convolved([nil, 4, 4, 2], [3, 2, 2, 4], three),
      "2 channels, a kernel of 3x3 and 1 groups do not go with weights of shape (3, 2, 2, 4). "
        + "Weights are [height, width, channels / groups, filters]; channels and filters must be "
        + "multiples of groups.")
    check(
      try convolved([nil, 4, 4, 2], [3, 3, 2, nil], three),
      "2 channels, a kernel of 3x3 and 1 groups do not go with weights of shape (3, 3, 2, None). "
        + "Weights are [height, width, channels / groups, filters]; channels and filters must be "
        + "multiples of groups.")
    check(
      try convolved([nil, 4, 4, 3], [3, 3, 1, 4], three, groups: 2),
      "3 channels, a kernel of 3x3 and 2 groups do not go with weights of shape (3, 3, 1, 4). "
        + "Weights are [height, width, channels / groups, filters]; channels and filters must be "
        + "multiples of groups.")
    check(
      try convolved([nil, 4, 4, 4], [3, 3, 2, 5], three, groups: 2),
      "4 channels, a kernel of 3x3 and 2 groups do not go with weights of shape (3, 3, 2, 5). "
        + "Weights are [height, width, channels / groups, filters]; channels and filters must be "
        + "multiples of groups.")
    for groups in [0, -1] {
      check(
        try convolved([nil, 4, 4, 2], [3, 3, 2, 4], three, groups: groups),
        "2 channels, a kernel of 3x3 and \(groups) groups do not go with weights of shape (3, 3, 2, "
          + "4). Weights are [height, width, channels / groups, filters]; channels and filters must be "
          + "multiples of groups.")
    }
    check(
      try convolved([nil, 4, 4, 2], [3, 3, 2, 4], window([3, 3], [1, 1], [2, 2])),
      "a kernel of 3x3 (dilated by [2, 2]) does not fit into a picture of 4x4. Use a smaller one, "
        + "padding \"same\", or fewer pooling layers before it.")
    check(
      try refusal([nil, 4, 4, 2], [3, 3, 2, 4], [5]) {
        try $0[0].conv2D($0[1], three, groups: 1).builder.emit(
          #require($0[0].builder.graph.nodes.last).op, $0)
      },
      "a bias of shape (5,) does not go with (4,) results. Give one number for each column of "
        + "the result.")
  }

  @Test func products() throws {
    func product(_ a: Shape, _ b: Shape) throws -> String { try refusal(a, b) { try $0[0].matmul($0[1]) } }
    check(
      try product([nil, 3], [4, 5]),
      "a matrix product of (None, 3) and (4, 5) is not possible. Both need 2 axes or more, and the "
        + "last axis of the first must be as long as the first of the second.")
    check(
      try product([nil], [4, 5]),
      "a matrix product of (None,) and (4, 5) is not possible. Both need 2 axes or more, and the "
        + "last axis of the first must be as long as the first of the second.")
    check(
      try product([nil, 4], [4]),
      "a matrix product of (None, 4) and (4,) is not possible. Both need 2 axes or more, and the "
        + "last axis of the first must be as long as the first of the second.")
    check(
      try product([nil, 2, 4], [nil, 3, 5]),
      "a matrix product of (None, 2, 4) and (None, 3, 5) is not possible. All axes but the last "
        + "two must be equal, and the first's last axis as long as the second's last but one.")
    check(
      try product([nil, 2, 4], [3, 4, 5]),
      "a matrix product of (None, 2, 4) and (3, 4, 5) is not possible. All axes but the last two "
        + "must be equal, and the first's last axis as long as the second's last but one.")
    check(
      try product([nil, 2, 3, 4], [nil, 4, 5]),
      "a matrix product of (None, 2, 3, 4) and (None, 4, 5) is not possible. All axes but the last "
        + "two must be equal, and the first's last axis as long as the second's last but one.")
    check(try refusal([nil, 3], [nil, 2]) { try $0[0].apply(MatMul(transposeA: true), $0[1]) }, "")
    check(
      try refusal([nil, 3], [nil, 4, 2]) { try $0[0].apply(MatMul(transposeA: true), $0[1]) },
      "a matrix product of (None, 3) and (None, 4, 2) is not possible. Both need 2 axes or more, "
        + "and the last axis of the first must be as long as the first of the second.")
    check(
      try refusal([nil, 3], [nil, 2]) { try $0[0].apply(MatMul(transposeA: true, transposeB: true), $0[1]) },
      "a matrix product of (None, 3) and (None, 2) is not possible. Both need 2 axes or more, "
        + "and the last axis of the first must be as long as the first of the second.")
    check(
      try refusal([nil, 3], [2, 4]) { try $0[0].apply(MatMul(transposeB: true), $0[1]) },
      "a matrix product of (None, 3) and (2, 4) is not possible. Both need 2 axes or more, and the "
        + "last axis of the first must be as long as the first of the second.")
    check(
      try refusal([nil, 3], [3, 4], [3]) { try $0[0].applyAll(MatMul(), [$0[1], $0[2]]) },
      "a bias of shape (3,) does not go with (4,) results. Give one number for each column of the "
        + "result.")
    check(
      try refusal([nil, 2, 3], [nil, 3, 4], [1]) { try $0[0].applyAll(MatMul(isBatched: true), [$0[1], $0[2]]) },
      "a bias of shape (1,) does not go with (4,) results. Give one number for each column of "
        + "the result.")
  }

  @Test func pointwise() throws {
    check(
      try refusal([nil, 3], [4]) { try $0[0] + $0[1] },
      "add was given shapes (None, 3) and (4,), which do not broadcast. Axes are compared from the "
        + "last; each pair must be equal or one of them 1, and at most 6 axes are possible.")
    check(
      try refusal([nil, 3], [2, 3]) { try $0[0].power($0[1]) },
      "power was given shapes (None, 3) and (2, 3), which do not broadcast. Axes are compared from "
        + "the last; each pair must be equal or one of them 1, and at most 6 axes are possible.")
    check(
      try refusal([nil, 1, 1, 1, 1, 1, 1], [1]) { try $0[0] * $0[1] },
      "multiply was given shapes (None, 1, 1, 1, 1, 1, 1) and (1,), which do not broadcast. Axes "
        + "are compared from the last; each pair must be equal or one of them 1, and at most 6 axes "
        + "are possible.")
    check(
      try refusal([1 << 25, 1], [1 << 25]) { try $0[0] * $0[1] },
      "multiply would have shape (33554432, 33554432) but lengths must be 0 or more and their "
        + "product at most 2^40. Use smaller lengths.")
    check(
      try refusal([nil]) { try leakyRelu($0[0], slope: -1) },
      "leakyRelu's slope is -1.0 but must be 0 or more. Give for example 0.3.")
    check(
      try refusal([nil]) { try elu($0[0], alpha: -.infinity) },
      "elu's alpha is -inf but must be 0 or more. Give for example 1.")
    check(
      try refusal([nil]) { try $0[0].apply(BroadcastTo(shape: [nil, 2])) },
      "shape (None,) does not broadcast to (None, 2). Axes are compared from the last; each must "
        + "be equal or 1, and at most 6 axes are possible.")
    check(
      try refusal([nil]) { try $0[0].apply(BroadcastTo(shape: [1, 1, 1, 1, 1, 1, nil])) },
      "shape (None,) does not broadcast to (1, 1, 1, 1, 1, 1, None). Axes are compared from the "
        + "last; each must be equal or 1, and at most 6 axes are possible.")
  }

  @Test func layout() throws {
    check(
      try refusal([nil, 3, 4]) { try $0[0].reshaped([nil, 5]) },
      "12 elements of shape (3, 4) cannot be seen as (5,), which has 5. Choose lengths with the "
        + "same product.")
    check(
      try refusal([3, 4]) { try $0[0].reshaped([5, 2]) },
      "12 elements of shape (3, 4) cannot be seen as (5, 2), which has 10. Choose lengths with the "
        + "same product.")
    check(
      try refusal([nil, 3, 4]) { try $0[0].reshaped([12]) },
      "shape (None, 3, 4) cannot be seen as (12,). Each open axis must stay an axis of its own.")
    check(
      try refusal([nil, 12]) { try $0[0].reshaped([nil, -3, -4]) },
      "12 elements of shape (12,) cannot be seen as (-3, -4), which no memory can hold. Choose "
        + "lengths with the same product.")
    check(
      try refusal([nil, 12]) { try $0[0].reshaped([nil, .max, 12]) },
      "12 elements of shape (12,) cannot be seen as (9223372036854775807, 12), which no memory can "
        + "hold. Choose lengths with the same product.")
    check(
      try refusal([nil, 3, 4]) { try $0[0].transposed([0, 1]) },
      "axes in the order [0, 1] were asked for, but the input has 3 axes. Name each axis from 0 to "
        + "2 once; at most 6 axes are possible.")
    check(
      try refusal([nil, 3, 4]) { try $0[0].transposed([0, 1, 1]) },
      "axes in the order [0, 1, 1] were asked for, but the input has 3 axes. Name each axis from 0 "
        + "to 2 once; at most 6 axes are possible.")
    check(
      try refusal([nil, 1, 1, 1, 1, 1, 1]) { try $0[0].transposed([6, 1, 2, 3, 4, 5, 0]) },
      "axes in the order [6, 1, 2, 3, 4, 5, 0] were asked for, but the input has 7 axes. Name each "
        + "axis from 0 to 6 once; at most 6 axes are possible.")
    check(
      try refusal([nil, 3]) { try $0[0].padded(before: [0], after: [0, 1]) },
      "padding of [0] before and [0, 1] after was given, but the input has shape (None, 3). Give "
        + "one pair of lengths for each axis; at most 6 axes are possible.")
    check(
      try refusal([nil, 3]) { try $0[0].padded(before: [0, -1], after: [0, 1]) },
      "padding of [0, -1] before and [0, 1] after does not go with an input of shape (None, 3). "
        + "Lengths must be 0 or more.")
    check(
      try refusal([nil, 3]) { try $0[0].padded(before: [0, .max], after: [0, .max]) },
      "padding of [0, 9223372036854775807] before and [0, 9223372036854775807] after does not go "
        + "with an input of shape (None, 3). Lengths must be 0 or more.")
    check(
      try refusal([nil, 3]) { try $0[0].padded(before: [0, 1 << 40], after: [0, 0]) },
      "pad would have shape (None, 1099511627779) but lengths must be 0 or more and their product "
        + "at most 2^40. Use smaller lengths.")
    check(
      try refusal([nil, 3]) { try $0[0].sliced(start: [0, 2], lengths: [nil, 2]) },
      "a slice from [0, 2] of lengths (None, 2) does not lie within shape (None, 3). Give a start "
        + "and a length for each axis (0 and nil for an open one); at most 6 axes are possible.")
    check(
      try refusal([nil, 3]) { try $0[0].sliced(start: [0, .max], lengths: [nil, .max]) },
      "a slice from [0, 9223372036854775807] of lengths (None, 9223372036854775807) does not lie "
        + "within shape (None, 3). Give a start and a length for each axis (0 and nil for an open one); "
        + "at most 6 axes are possible.")
    check(
      try refusal([nil, 3]) { try $0[0].sliced(start: [1, 0], lengths: [nil, 2]) },
      "a slice from [1, 0] of lengths (None, 2) does not lie within shape (None, 3). Give a start "
        + "and a length for each axis (0 and nil for an open one); at most 6 axes are possible.")
    check(
      try refusal([nil, 3]) { try $0[0].sliced(start: [0, -1], lengths: [nil, 2]) },
      "a slice from [0, -1] of lengths (None, 2) does not lie within shape (None, 3). Give a start "
        + "and a length for each axis (0 and nil for an open one); at most 6 axes are possible.")
    check(
      try refusal([nil, 3]) { try $0[0].sliced(start: [0], lengths: [nil]) },
      "a slice from [0] of lengths (None,) does not lie within shape (None, 3). Give a start and a "
        + "length for each axis (0 and nil for an open one); at most 6 axes are possible.")
    check(
      try refusal([nil, 3], [nil, 4, 1]) { try concatenate($0) },
      "shapes [(None, 3), (None, 4, 1)] cannot be joined along axis 1. All need the same number of "
        + "axes, the joined one among them.")
    check(
      try refusal([nil, 3], [nil, 4]) { try concatenate($0, axis: 0) },
      "shapes [(None, 3), (None, 4)] cannot be joined along axis 0. All other axes must be of the same length.")
    check(
      try refusal([nil, 2, 3], [nil, 4, 5]) { try concatenate($0, axis: 1) },
      "shapes [(None, 2, 3), (None, 4, 5)] cannot be joined along axis 1. All other axes must be "
        + "of the same length.")
    check(
      try refusal([nil, 2]) { try concatenate($0, axis: 2) },
      "shapes [(None, 2)] cannot be joined along axis 2. All need the same number of axes, the "
        + "joined one among them.")
    check(
      try refusal(Shape([])) { try concatenate($0) },
      "shapes [()] cannot be joined along axis -1. All need the same number of axes, the joined one "
        + "among them.")
    check(
      try refusal([nil, 2]) { _ in try concatenate([]) },
      "concatenate was given no values. Give at least one.")
  }

  @Test func reductions() throws {
    check(
      try refusal([nil, 3]) { try $0[0].sum(axes: [2]) },
      "sum along axes [2] was asked for, but the input has shape (None, 3). Name each axis at most "
        + "once, from 0 to 1.")
    check(
      try refusal([nil, 3]) { try $0[0].mean(axes: [-1]) },
      "mean along axes [-1] was asked for, but the input has shape (None, 3). Name each axis at "
        + "most once, from 0 to 1.")
    check(
      try refusal([nil, 3]) { try $0[0].max(axes: [1, 1]) },
      "max along axes [1, 1] was asked for, but the input has shape (None, 3). Name each axis at "
        + "most once, from 0 to 1.")
    check(
      try refusal(Shape([])) { try $0[0].sum(axes: [0]) },
      "sum along axes [0] was asked for, but the input has shape (). A single number has no axes.")
  }

  @Test func cumulativeSums() throws {
    for axis in [-1, 2] {
      check(
        try refusal([nil, 3]) { try $0[0].cumulativeSum(axis: axis) },
        "a cumulative sum along axis \(axis) was asked for, but the input has 2 axes. Name an axis that the input has.")
    }
  }

  @Test func classes() throws {
    func classes(_ shape: Shape, _ type: ValueType, _ build: ([Value]) throws -> Any) throws -> String {
      try refusal([ValueType(.float32, shape), type], build)
    }
    check(
      try refusal([nil]) { try softmax($0[0]) },
      "softmax needs at least 2 axes (batch, classes) but its input has shape (None,). Reshape it, "
        + "or put a layer of one unit for each class before it.")
    check(
      try refusal([nil, 3], [nil, 4]) { try $0[0].softmaxCrossentropy($0[1]) },
      "targets of type float32(None, 4) do not go with outputs of shape (None, 3). Give class "
        + "numbers (None,) or one row of probabilities for each output.")
    check(
      try classes([nil, 3], ValueType(.int32, [nil, 1])) { try $0[0].softmaxCrossentropy($0[1]) },
      "targets of type int32(None, 1) do not go with outputs of shape (None, 3). Give class "
        + "numbers (None,) or one row of probabilities for each output.")
    check(
      try classes([nil, 3], ValueType(.uint8, [nil, 3])) { try $0[0].softmaxCrossentropy($0[1]) },
      "targets of type uint8(None, 3) do not go with outputs of shape (None, 3). Give class "
        + "numbers (None,) or one row of probabilities for each output.")
    check(
      try classes([], ValueType(.int32, [])) { try $0[0].softmaxCrossentropy($0[1]) },
      "targets of type int32() do not go with outputs of shape (). Give class numbers () or one "
        + "row of probabilities for each output.")
    check(
      try refusal(Shape([])) { try $0[0].argMax() },
      "argMax was given shape () but needs a last axis to choose from. Give it a value with at "
        + "least one axis and one element.")
    check(
      try refusal([nil, 0]) { try $0[0].argMax() },
      "argMax was given shape (None, 0) but needs a last axis to choose from. Give it a value with "
        + "at least one axis and one element.")
    check(
      try refusal([nil]) { try $0[0].oneHot(3) },
      "oneHot needs class numbers (int32) but was given float32(None,). Give it targets that are "
        + "class numbers, or the result of argMax.")
    check(
      try classes([], ValueType(.int32, [nil])) { try $0[1].oneHot(0) },
      "oneHot was asked for 0 classes. Give the number of classes, at least 1.")
    check(
      try classes([], ValueType(.int32, [nil])) { try $0[1].oneHot(.max) },
      "oneHot would have shape (None, 9223372036854775807) but lengths must be 0 or more and their "
        + "product at most 2^40. Use smaller lengths.")
    check(
      try refusal([nil, 3], [nil]) { try $0[0].inTopK(2, $0[1]) },
      "inTopK was given float32(None, 3) and float32(None,) but needs class numbers int32(None,). "
        + "Give one class number for each row.")
    check(
      try classes([nil, 3], ValueType(.int32, [nil])) { try $0[0].inTopK(0, $0[1]) },
      "inTopK was asked for the 0 largest of float32(None, 3). Give a k of at least 1, and rows of "
        + "at least one class.")
    check(
      try classes([], ValueType(.int32, [])) { try $0[0].inTopK(1, $0[1]) },
      "inTopK was asked for the 1 largest of float32(). Give a k of at least 1, and rows of at "
        + "least one class.")
  }

  @Test func others() throws {
    check(
      try refusal([nil, 3], [4]) { try $0[0].batchNormalized(gamma: $0[1], beta: nil, epsilon: 1) },
      "input of shape (None, 3) does not go with gamma (4,) and beta (3,). The input needs at "
        + "least 2 axes (batch, channels), and gamma and beta one number for each channel.")
    check(
      try refusal([3]) { try $0[0].batchNormalized(gamma: nil, beta: nil, epsilon: 1) },
      "input of shape (3,) does not go with gamma (3,) and beta (3,). The input needs at least 2 "
        + "axes (batch, channels), and gamma and beta one number for each channel.")
    check(
      try refusal([nil]) { try $0[0].droppedOut(1) },
      "dropout's rate is 1.0 but must be at least 0 and below 1. Give for example 0.5.")
    check(
      try refusal([nil]) { try $0[0].droppedOut(-0.1) },
      "dropout's rate is -0.1 but must be at least 0 and below 1. Give for example 0.5.")
    check(
      try refusal([nil]) { try $0[0].droppedOut(.nan) },
      "dropout's rate is nan but must be at least 0 and below 1. Give for example 0.5.")
    for type in [DType.uint16, .float64] {
      check(
        try refusal([ValueType(type, [nil])]) { try $0[0].converted() },
        "elements of type \(type) cannot be converted to numbers. Give elements of type uint8, "
          + "int32 or float32.")
    }
  }
}
