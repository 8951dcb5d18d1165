import Athanor
import AthanorCoreML
import Testing

/// One layer of a neural network, with settings that are not the format's defaults.
struct NetworkCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// Channels, height, width; or one length.
  let input: [Int]
  let layer: ProtoLayer

  /// - Parameter inputs: How often the layer reads the model's input.
  init(_ name: String, _ input: [Int], inputs: Int = 1, outputs: Int = 1, _ kind: ProtoLayer.OneOf_Kind) {
    testDescription = name
    self.input = input
    layer = .with {
      $0.name = "it"
      $0.inputs = [String](repeating: "x", count: inputs)
      $0.outputs = (0..<outputs).map { $0 == 0 ? "y" : "y\($0)" }
      $0.kind = kind
    }
  }

  /// The file with another layer in its place.
  func model(_ layer: ProtoLayer? = nil) -> ProtoModel {
    var model = ProtoModel()
    model.version = 4
    model.description_p.inputs = [
      .with {
        $0.name = "x"
        $0.type.array.shape = ([1] + input).map { Int64($0) }
        $0.type.array.dataType = 65568
      }
    ]
    model.description_p.outputs = [.with { $0.name = "y" }]
    model.neuralNetwork.layers = [layer ?? self.layer]
    model.neuralNetwork.arrayShapes = 1
    return model
  }

  private static func weights(_ count: Int, from: Float = -0.5) -> ProtoWeights {
    .with { $0.floats = (0..<count).map { Float($0 * 7 % 11) / 10 + from } }
  }

  private static func edges(_ numbers: [UInt64]) -> ProtoBorders {
    .with {
      $0.edges = stride(from: 0, to: numbers.count, by: 2).map { place in
        .with { ($0.start, $0.end) = (numbers[place], numbers[place + 1]) }
      }
    }
  }

  private static func pooling(_ change: (inout ProtoPoolingLayer) -> Void) -> ProtoLayer.OneOf_Kind {
    .pooling(
      .with {
        ($0.kernelSize, $0.stride) = ([3, 2], [2, 1])
        $0.valid = ProtoValidPadding()
        change(&$0)
      })
  }

  private static func reduce(_ axes: [Int64], keeps: Bool) -> ProtoReduceLayer {
    .with { ($0.axes, $0.keepsAxes) = (axes, keeps) }
  }

  private static let picture = [2, 5, 6]

  static let all: [NetworkCase] =
    windows + activations + functions + layout + [
      NetworkCase(
        "innerProduct", [4],
        .innerProduct(
          .with {
            ($0.inputChannels, $0.outputChannels, $0.hasBias_p) = (4, 3, true)
            ($0.weights, $0.bias) = (weights(12), weights(3))
          })),
      NetworkCase(
        "matMul", [4],
        .matMul(
          .with {
            ($0.rows, $0.columns, $0.hasBias_p) = (4, 3, true)
            ($0.weights, $0.bias) = (weights(12), weights(3))
          })),
      NetworkCase("matMul of values", [3, 3], inputs: 2, .matMul(.with { $0.transposesB = true })),
      NetworkCase(
        "batchNormalization", picture,
        .batchNormalization(
          .with {
            ($0.channels, $0.epsilon) = (2, 0.01)
            ($0.gamma, $0.beta, $0.mean, $0.variance) = (weights(2), weights(2), weights(2), weights(2, from: 0.5))
          })),
      NetworkCase("meanVariance", picture, .meanVariance(.with { ($0.divides, $0.epsilon) = (true, 0.1) })),
      NetworkCase("meanVariance of all", picture, .meanVariance(.with { $0.crossesChannels = true })),
      NetworkCase("reduceMean", picture, .reduceMean(reduce([-1], keeps: true))),
      NetworkCase("reduceSum", picture, .reduceSum(reduce([1], keeps: false))),
      NetworkCase("reduceMax", picture, .reduceMax(reduce([2, 3], keeps: true))),
      NetworkCase("softmax", [4], .softmax(ProtoEmpty())),
      NetworkCase("softmaxNd", picture, .softmaxNd(.with { $0.axis = -1 })),
    ]

  private static let windows = [
    NetworkCase(
      "convolution", picture,
      .convolution(
        .with {
          ($0.outputChannels, $0.kernelChannels, $0.groups) = (4, 1, 2)
          ($0.kernelSize, $0.stride, $0.dilation) = ([2, 2], [2, 1], [1, 2])
          ($0.valid.amounts, $0.hasBias_p) = (edges([1, 0, 2, 1]), true)
          ($0.weights, $0.bias) = (weights(16), weights(4))
        })),
    NetworkCase(
      "convolution, same", picture,
      .convolution(
        .with {
          ($0.outputChannels, $0.kernelChannels, $0.stride) = (1, 2, [2, 2])
          $0.same.mode = 1
          $0.weights = weights(18)
        })),
    NetworkCase(
      "convolution, quantized", picture,
      .convolution(
        .with {
          ($0.outputChannels, $0.kernelChannels, $0.kernelSize) = (1, 2, [2, 2])
          $0.weights.raw = .init([3, 200, 7, 9, 30, 44, 1, 250])
          $0.weights.quantization.bits = 8
          ($0.weights.quantization.linear.scale, $0.weights.quantization.linear.bias) = ([0.5], [-2])
        })),
    NetworkCase("max pooling", picture, pooling { $0.valid.amounts = edges([1, 1, 0, 1]) }),
    NetworkCase("max pooling, same", picture, pooling { $0.same.mode = 1 }),
    NetworkCase(
      "average pooling", picture,
      pooling { ($0.type, $0.valid.amounts, $0.excludesPadding) = (1, edges([1, 1, 0, 1]), true) }),
    NetworkCase(
      "average pooling, last pixel", picture, pooling { ($0.type, $0.includeLastPixel.amounts) = (1, [1, 0]) }),
    NetworkCase("average pooling of all", picture, pooling { ($0.type, $0.isGlobal) = (1, true) }),
    NetworkCase("max pooling of all", picture, pooling { $0.isGlobal = true }),
  ]

  private static func activation(_ kind: ProtoActivationLayer.OneOf_Kind) -> ProtoLayer.OneOf_Kind {
    .activation(.with { $0.kind = kind })
  }

  private static func line(_ alpha: Float, _ beta: Float) -> ProtoActivationLayer.Line {
    .with { ($0.alpha, $0.beta) = (alpha, beta) }
  }

  private static func scalar(_ alpha: Float) -> ProtoScalarLayer { .with { $0.alpha = alpha } }

  private static let activations = [
    NetworkCase("linear", picture, activation(.linear(line(0.5, 0.2)))),
    NetworkCase("relu", picture, activation(.relu(ProtoEmpty()))),
    NetworkCase("leakyRelu", picture, activation(.leakyRelu(scalar(0.2)))),
    NetworkCase("prelu", picture, activation(.prelu(.with { $0.alpha = weights(2) }))),
    NetworkCase("tanh", picture, activation(.tanh(ProtoEmpty()))),
    NetworkCase("scaledTanh", picture, activation(.scaledTanh(line(0.5, 0.3)))),
    NetworkCase("sigmoid", picture, activation(.sigmoid(ProtoEmpty()))),
    NetworkCase("hardSigmoid", picture, activation(.hardSigmoid(line(0.3, 0.4)))),
    NetworkCase("elu", picture, activation(.elu(scalar(0.7)))),
    NetworkCase("softsign", picture, activation(.softsign(ProtoEmpty()))),
    NetworkCase("softplus", picture, activation(.softplus(ProtoEmpty()))),
    NetworkCase(
      "parametricSoftplus", picture,
      activation(.parametricSoftplus(.with { ($0.alpha, $0.beta) = (weights(2), weights(2, from: 0.5)) }))),
  ]

  private static func unary(
    _ type: Int32, alpha: Float = 0, epsilon: Float = 0, shift: Float = 4
  ) -> ProtoLayer.OneOf_Kind {
    .unary(.with { ($0.type, $0.alpha, $0.epsilon, $0.shift, $0.scale) = (type, alpha, epsilon, shift, 0.7) })
  }

  private static let functions =
    [Int32](0...5).map { type in
      NetworkCase(
        "unary \(type)", picture, unary(type, alpha: type == 3 ? 2 : 0, epsilon: [1, 2].contains(type) ? 0.1 : 0))
    } + [
      NetworkCase("unary 6", picture, unary(6, shift: 0.1)),
      NetworkCase("unary 7", picture, unary(7, alpha: 4.3)),
      NetworkCase("add", picture, inputs: 2, .add(ProtoScalarLayer())),
      NetworkCase("add a number", picture, .add(scalar(0.3))),
      NetworkCase("multiply by a number", picture, .multiply(scalar(0.3))),
      NetworkCase("multiplyBroadcastable", picture, inputs: 2, .multiplyBroadcastable(ProtoEmpty())),
      NetworkCase("max", picture, inputs: 2, .max(ProtoEmpty())),
      NetworkCase(
        "scale", picture,
        .scale(
          .with {
            ($0.scaleShape, $0.scale, $0.hasBias_p) = ([2, 1, 1], weights(2), true)
            ($0.biasShape, $0.bias) = ([2, 1, 1], weights(2))
          })),
      NetworkCase("bias", picture, .bias(.with { ($0.shape, $0.bias) = ([2, 1, 1], weights(2)) })),
      NetworkCase("bias of one length", picture, .bias(.with { ($0.shape, $0.bias) = ([2], weights(2)) })),
      NetworkCase("copy", picture, .copy(ProtoEmpty())),
      NetworkCase("clip", picture, .clip(.with { ($0.minimum, $0.maximum) = (-0.2, 0.3) })),
      NetworkCase("gelu", picture, .gelu(.with { $0.mode = 1 })),
    ]

  private static let layout = [
    NetworkCase("padding", picture, .padding(.with { ($0.constant.value, $0.amounts) = (0, edges([1, 0, 2, 1])) })),
    NetworkCase(
      "padding, mirrored", picture,
      .padding(.with { ($0.reflection, $0.amounts) = (ProtoEmpty(), edges([1, 0, 2, 1])) })),
    NetworkCase(
      "padding, repeated", picture,
      .padding(.with { ($0.replication, $0.amounts) = (ProtoEmpty(), edges([1, 0, 2, 1])) })),
    NetworkCase("reshape", picture, .reshape(.with { $0.target = [1, 5, 4, 3] })),
    NetworkCase("reshapeStatic", picture, .reshapeStatic(.with { $0.target = [1, 12, 5] })),
    NetworkCase("flatten", picture, .flatten(.with { $0.mode = 1 })),
    NetworkCase("flattenTo2D", picture, .flattenTo2D(.with { $0.axis = 1 })),
    NetworkCase("permute", picture, .permute(.with { $0.axes = [0, 2, 1, 3] })),
    NetworkCase("transpose", picture, .transpose(.with { $0.axes = [0, 3, 1, 2] })),
    NetworkCase("concat", picture, inputs: 2, .concat(ProtoConcatLayer())),
    NetworkCase("concatNd", picture, inputs: 2, .concatNd(.with { $0.axis = -2 })),
    NetworkCase("squeeze", [1, 5, 6], .squeeze(.with { $0.axes = [1] })),
    NetworkCase("expandDims", [5, 6], .expandDims(.with { $0.axes = [1] })),
    NetworkCase("slice", picture, .slice(.with { ($0.start, $0.end, $0.stride, $0.axis) = (1, -1, 1, 2) })),
  ]
}
