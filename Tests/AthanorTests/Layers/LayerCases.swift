import Athanor
import Testing

/// A layer with what Keras says of it.
struct LayerCase: Sendable, CustomTestStringConvertible {
  /// The name of its golden.
  let golden: String
  let layer: any Layer
  /// The output's shape, as a summary prints it.
  let output: String
  /// The names of its weights with their shapes, in order.
  let weights: [String]
  let parameters: Int

  var testDescription: String { golden }

  init(_ golden: String, _ layer: any Layer, _ output: String, _ weights: [String] = [], parameters: Int = 0) {
    self.golden = golden
    self.layer = layer
    self.output = output
    self.weights = weights
    self.parameters = parameters
  }

  static let all: [LayerCase] =
    preprocessing + dense + convolutions + poolings + normalizations + shapings + augmentations + activations + indexed

  private static let preprocessing = [
    LayerCase("rescaling", Rescaling(1 / 127.5, offset: [-1]), "(None, 7)"),
    LayerCase("rescaling_channels", Rescaling(0.25, offset: [1.5, -2, 0.125]), "(None, 3, 4, 3)"),
    LayerCase("rescaling_scales", Rescaling([0.5, -2, 1], offset: [0.25]), "(None, 3, 4, 3)"),
    LayerCase(
      "normalization", Normalization(mean: [0.5, -0.25, 2], variance: [4, 0.0625, 0]), "(None, 4, 3, 3)"),
  ]

  private static let dense = [
    LayerCase("dense", Dense(7), "(None, 7)", ["kernel (9, 7)", "bias (7,)"], parameters: 70),
    LayerCase(
      "dense_no_bias_tanh", Dense(3, activation: .tanh, useBias: false), "(None, 3)", ["kernel (11, 3)"], parameters: 33
    ),
    LayerCase(
      "dense_rows", Dense(5, activation: .relu), "(None, 4, 5)", ["kernel (6, 5)", "bias (5,)"], parameters: 35),
  ]

  private static let convolutions = [
    LayerCase(
      "conv2d_valid", Conv2D(5, kernelSize: 3), "(None, 5, 7, 5)", ["kernel (3, 3, 3, 5)", "bias (5,)"], parameters: 140
    ),
    LayerCase(
      "conv2d_same_strides_relu", Conv2D(4, kernelSize: [3, 5], strides: 2, padding: .same, activation: .relu),
      "(None, 4, 6, 4)", ["kernel (3, 5, 2, 4)", "bias (4,)"], parameters: 124),
    LayerCase(
      "conv2d_same_even_kernel", Conv2D(3, kernelSize: [2, 4], padding: .same, useBias: false), "(None, 5, 7, 3)",
      ["kernel (2, 4, 3, 3)"], parameters: 72),
    LayerCase(
      "conv2d_dilation", Conv2D(3, kernelSize: 3, padding: .same, dilation: [2, 1]), "(None, 9, 7, 3)",
      ["kernel (3, 3, 2, 3)", "bias (3,)"], parameters: 57),
    LayerCase(
      "conv2d_groups", Conv2D(6, kernelSize: 3, groups: 3), "(None, 4, 3, 6)", ["kernel (3, 3, 3, 6)", "bias (6,)"],
      parameters: 168),
    LayerCase(
      "conv2d_strides_valid_1x1", Conv2D(7, kernelSize: 1, strides: [2, 3]), "(None, 4, 3, 7)",
      ["kernel (1, 1, 5, 7)", "bias (7,)"], parameters: 42),
    LayerCase(
      "conv2d_depthwise", Conv2D(5, kernelSize: 3, padding: .same, groups: 5), "(None, 5, 6, 5)",
      ["kernel (3, 3, 1, 5)", "bias (5,)"], parameters: 50),
    LayerCase(
      "depthwise_conv2d", DepthwiseConv2D(kernelSize: 3), "(None, 4, 3, 4)", ["kernel (3, 3, 4, 1)", "bias (4,)"],
      parameters: 40),
    LayerCase(
      "depthwise_conv2d_multiplier",
      DepthwiseConv2D(kernelSize: [2, 3], strides: 2, padding: .same, depthMultiplier: 2, activation: .relu),
      "(None, 4, 3, 6)", ["kernel (2, 3, 3, 2)", "bias (6,)"], parameters: 42),
    LayerCase(
      "depthwise_conv2d_dilation", DepthwiseConv2D(kernelSize: 3, dilation: 2, useBias: false), "(None, 3, 4, 5)",
      ["kernel (3, 3, 5, 1)"], parameters: 45),
    LayerCase(
      "separable_conv2d", SeparableConv2D(5, kernelSize: 3, padding: .same), "(None, 6, 5, 5)",
      ["depthwise_kernel (3, 3, 4, 1)", "pointwise_kernel (1, 1, 4, 5)", "bias (5,)"], parameters: 61),
    LayerCase(
      "separable_conv2d_multiplier",
      SeparableConv2D(3, kernelSize: [3, 2], strides: 2, depthMultiplier: 2, activation: .tanh, useBias: false),
      "(None, 3, 4, 3)", ["depthwise_kernel (3, 2, 3, 2)", "pointwise_kernel (1, 1, 6, 3)"], parameters: 54),
  ]

  private static let poolings = [
    LayerCase("max_pooling2d", MaxPooling2D(2), "(None, 3, 4, 3)"),
    LayerCase(
      "max_pooling2d_same_overlap", MaxPooling2D([3, 2], strides: [2, 1], padding: .same), "(None, 4, 5, 3)"),
    LayerCase("average_pooling2d", AveragePooling2D([2, 3]), "(None, 3, 3, 3)"),
    LayerCase(
      "average_pooling2d_same_overlap", AveragePooling2D(3, strides: 2, padding: .same), "(None, 3, 4, 3)"),
    LayerCase("global_average_pooling2d", GlobalAveragePooling2D(), "(None, 3)"),
    LayerCase("global_average_pooling2d_keep", GlobalAveragePooling2D(keepAxes: true), "(None, 1, 1, 3)"),
    LayerCase("global_max_pooling2d", GlobalMaxPooling2D(), "(None, 3)"),
    LayerCase("global_max_pooling2d_keep", GlobalMaxPooling2D(keepAxes: true), "(None, 1, 1, 2)"),
  ]

  private static let normalizations = [
    LayerCase("dropout_zero", Dropout(0), "(None, 7)"),
    LayerCase(
      "batch_normalization", BatchNormalization(momentum: 0.9), "(None, 5, 4, 3)",
      ["gamma (3,)", "beta (3,)", "moving_mean (3,)", "moving_variance (3,)"], parameters: 12),
    LayerCase(
      "batch_normalization_rows", BatchNormalization(epsilon: 1e-2), "(None, 5)",
      ["gamma (5,)", "beta (5,)", "moving_mean (5,)", "moving_variance (5,)"], parameters: 20),
    LayerCase(
      "batch_normalization_plain", BatchNormalization(momentum: 0.5, center: false, scale: false), "(None, 3)",
      ["moving_mean (3,)", "moving_variance (3,)"], parameters: 6),
    LayerCase(
      "batch_normalization_center", BatchNormalization(momentum: 0.8, scale: false), "(None, 3, 3, 5)",
      ["beta (5,)", "moving_mean (5,)", "moving_variance (5,)"], parameters: 15),
  ]

  private static let shapings = [
    LayerCase("flatten", Flatten(), "(None, 30)"),
    LayerCase("reshape", Reshape([3, -1, 2]), "(None, 3, 5, 2)"),
    LayerCase("masking", Masking(maskValue: 0.5), "(None, 4, 2)"),
    LayerCase("repeat_vector", RepeatVector(3), "(None, 3, 5)"),
    LayerCase("permute", Permute([3, 1, 2]), "(None, 5, 4, 3)"),
    LayerCase("zero_padding2d", ZeroPadding2D(top: 1, bottom: 3, left: 0, right: 2), "(None, 9, 5, 3)"),
    LayerCase("cropping2d", Cropping2D(top: 1, bottom: 2, left: 0, right: 3), "(None, 3, 4, 3)"),
    LayerCase("up_sampling2d", UpSampling2D([2, 3]), "(None, 6, 12, 3)"),
  ]

  /// With factors between equal bounds, so that nothing is random.
  private static let augmentations = [
    LayerCase("resizing", Resizing(height: 5, width: 12), "(None, 5, 12, 3)"),
    LayerCase(
      "resizing_antialias", Resizing(height: 3, width: 9, filter: .antialiasedBilinear), "(None, 3, 9, 2)"),
    LayerCase("resizing_nearest", Resizing(height: 5, width: 11, filter: .nearest), "(None, 5, 11, 2)"),
    LayerCase("random_flip", RandomFlip(.horizontal), "(None, 4, 1, 2)"),
    LayerCase("random_rotation", RandomRotation([0.1, 0.1]), "(None, 7, 6, 3)"),
    LayerCase(
      "random_rotation_constant", RandomRotation([-0.2, -0.2], fillMode: .constant, fillValue: 0.5), "(None, 6, 9, 1)"),
    LayerCase(
      "random_rotation_nearest", RandomRotation([0.35, 0.35], fillMode: .wrap, interpolation: .nearest),
      "(None, 6, 9, 2)"),
    LayerCase(
      "random_translation",
      RandomTranslation(heightFactor: [0.3, 0.3], widthFactor: [-0.25, -0.25], fillMode: .wrap), "(None, 6, 7, 3)"),
    LayerCase(
      "random_translation_edge",
      RandomTranslation(heightFactor: [-0.9, -0.9], widthFactor: [0.45, 0.45], fillMode: .nearest), "(None, 5, 7, 1)"),
    LayerCase(
      "random_translation_reflect", RandomTranslation(heightFactor: [0.9, 0.9], widthFactor: [-1, -1]),
      "(None, 5, 7, 1)"),
    LayerCase("random_zoom", RandomZoom(heightFactor: [0.2, 0.2]), "(None, 7, 6, 3)"),
    LayerCase(
      "random_zoom_width",
      RandomZoom(heightFactor: [-0.3, -0.3], widthFactor: [0.4, 0.4], fillMode: .constant, fillValue: -0.25),
      "(None, 7, 6, 2)"),
    LayerCase("random_contrast", RandomContrast(lower: -0.3, upper: 0.3, valueRange: -1...1.5), "(None, 5, 4, 3)"),
    LayerCase("random_brightness", RandomBrightness([0.2, 0.2], valueRange: -1...1.5), "(None, 5, 4, 3)"),
    LayerCase("random_erasing", RandomErasing([1, 1], scale: [1, 1], fillValue: [0.5]), "(None, 5, 4, 3)"),
    LayerCase("random_crop", RandomCrop(height: 4, width: 5), "(None, 4, 5, 3)"),
    LayerCase("gaussian_noise_zero", GaussianNoise(0), "(None, 7)"),
  ]

  private static let indexed = [
    LayerCase("embedding", Embedding(7, 3), "(None, 5, 3)", ["embeddings (7, 3)"], parameters: 21),
    LayerCase(
      "embedding_masked", Embedding(7, 4, maskZero: true, activityRegularizer: .l2(0.01)), "(None, 2, 4, 4)",
      ["embeddings (7, 4)"], parameters: 28),
    LayerCase("category_encoding", CategoryEncoding(7, outputMode: .oneHot), "(None, 7)"),
    LayerCase("category_encoding_multi", CategoryEncoding(7), "(None, 7)"),
    LayerCase("category_encoding_count", CategoryEncoding(7, outputMode: .count), "(None, 7)"),
  ]

  private static let activations =
    ActivationFunction.all.map {
      LayerCase("activation_\($0.name)", Activation($0), $0 == .glu ? "(None, 4)" : "(None, 7)")
    } + [
      LayerCase("activity_regularization", ActivityRegularization(l1: 0.5, l2: 0.25), "(None, 7)"),
      LayerCase("activation_elu_alpha", Activation(.elu(alpha: 0.3)), "(None, 7)"),
      LayerCase("activation_softmax_pictures", Activation(.softmax), "(None, 3, 2, 5)"),
      LayerCase("re_lu", ReLU(), "(None, 7)"), LayerCase("re_lu_maximum", ReLU(maximum: 1.25), "(None, 7)"),
      LayerCase("re_lu_slope", ReLU(maximum: 1, slope: 0.25), "(None, 7)"),
      LayerCase("re_lu_threshold", ReLU(maximum: 1.5, slope: 0.5, threshold: 0.75), "(None, 7)"),
      LayerCase("leaky_re_lu", LeakyReLU(slope: 0.1), "(None, 7)"),
      LayerCase("elu", ELU(alpha: 0.5), "(None, 7)"),
      LayerCase("p_re_lu", PReLU(), "(None, 7)", ["alpha (7,)"], parameters: 7),
      LayerCase(
        "p_re_lu_shared", PReLU(sharedAxes: [1, 2]), "(None, 4, 3, 5)", ["alpha (1, 1, 5)"], parameters: 5),
      LayerCase("softmax", Softmax(), "(None, 4, 5)"), LayerCase("softmax_axis", Softmax(axis: 1), "(None, 4, 5)"),
    ]
}

/// What the golden file holds for a layer.
struct LayerGolden: Decodable {
  let input: GoldenArray
  let weights: [String: GoldenArray]
  let prediction: GoldenArray
  let cotangent: GoldenArray
  let loss: Double
  let inputGradient: GoldenArray
  let gradients: [String: GoldenArray]
  let after: [String: GoldenArray]

  static let all = Result { try goldens("layers", as: [String: LayerGolden].self) }

  static func of(_ layer: LayerCase) throws -> LayerGolden { try #require(try all.get()[layer.golden], "no golden") }
}
