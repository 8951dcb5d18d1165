import Athanor
import Foundation

/// The layers that files may name: one line each.
package let kerasLayers: [any KerasLayer.Type] = [
  Conv2D.self, MaxPooling2D.self, AveragePooling2D.self, GlobalAveragePooling2D.self, GlobalMaxPooling2D.self,
  Dropout.self, Flatten.self, Dense.self, Activation.self, LeakyReLU.self, Reshape.self, BatchNormalization.self,
  ZeroPadding2D.self, Rescaling.self, Normalization.self,
]

extension Conv2D: KerasLayer {
  public static var kerasClassName: String { "Conv2D" }
  public var kerasConfig: [String: Any] {
    [
      "filters": filters, "kernel_size": kernelSize.pair, "strides": strides.pair, "padding": padding.rawValue,
      "data_format": "channels_last", "dilation_rate": dilation.pair, "groups": groups,
      "activation": kerasActivation(activation),
      "use_bias": useBias, "kernel_initializer": kerasInitializer(kernelInitializer),
      "bias_initializer": kerasInitializer(biasInitializer), "kernel_regularizer": NSNull(),
      "bias_regularizer": NSNull(), "activity_regularizer": NSNull(), "kernel_constraint": NSNull(),
      "bias_constraint": NSNull(),
    ]
  }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    let config = settings.config
    try config.requireChannelsLast()
    self.init(
      try config.integer("filters"), kernelSize: try config.size("kernel_size"),
      strides: try config.size("strides", default: 1), padding: try config.padding(),
      dilation: try config.size("dilation_rate", default: 1), groups: try config.integer("groups", default: 1),
      activation: try config.activation(), useBias: try config.flag("use_bias", default: true),
      kernelInitializer: try config.initializer("kernel_initializer", default: .glorotUniform),
      biasInitializer: try config.initializer("bias_initializer", default: .zeros), name: name)
  }
}

extension Dense: KerasLayer {
  public static var kerasClassName: String { "Dense" }
  public var kerasConfig: [String: Any] {
    [
      "units": units, "activation": kerasActivation(activation), "use_bias": useBias,
      "kernel_initializer": kerasInitializer(kernelInitializer), "bias_initializer": kerasInitializer(biasInitializer),
      "kernel_regularizer": NSNull(), "bias_regularizer": NSNull(), "kernel_constraint": NSNull(),
      "bias_constraint": NSNull(),
    ]
  }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    let config = settings.config
    self.init(
      try config.integer("units"), activation: try config.activation(),
      useBias: try config.flag("use_bias", default: true),
      kernelInitializer: try config.initializer("kernel_initializer", default: .glorotUniform),
      biasInitializer: try config.initializer("bias_initializer", default: .zeros), name: name)
  }
}

private func poolingConfig(_ poolSize: Size2D, _ strides: Size2D?, _ padding: Padding) -> [String: Any] {
  [
    "pool_size": poolSize.pair, "strides": (strides ?? poolSize).pair, "padding": padding.rawValue,
    "data_format": "channels_last",
  ]
}

extension MaxPooling2D: KerasLayer {
  public static var kerasClassName: String { "MaxPooling2D" }
  public var kerasConfig: [String: Any] { poolingConfig(poolSize, strides, padding) }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    let config = settings.config
    try config.requireChannelsLast()
    let size = try config.size("pool_size", default: 2)
    self.init(size, strides: try config.size("strides", default: size), padding: try config.padding(), name: name)
  }
}

extension AveragePooling2D: KerasLayer {
  public static var kerasClassName: String { "AveragePooling2D" }
  public var kerasConfig: [String: Any] { poolingConfig(poolSize, strides, padding) }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    let config = settings.config
    try config.requireChannelsLast()
    let size = try config.size("pool_size", default: 2)
    self.init(size, strides: try config.size("strides", default: size), padding: try config.padding(), name: name)
  }
}

extension GlobalAveragePooling2D: KerasLayer {
  public static var kerasClassName: String { "GlobalAveragePooling2D" }
  public var kerasConfig: [String: Any] { ["data_format": "channels_last", "keepdims": keepAxes] }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    try settings.config.requireChannelsLast()
    self.init(keepAxes: try settings.flag("keepdims", default: false), name: name)
  }
}

extension GlobalMaxPooling2D: KerasLayer {
  public static var kerasClassName: String { "GlobalMaxPooling2D" }
  public var kerasConfig: [String: Any] { ["data_format": "channels_last", "keepdims": keepAxes] }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    try settings.config.requireChannelsLast()
    self.init(keepAxes: try settings.flag("keepdims", default: false), name: name)
  }
}

extension Dropout: KerasLayer {
  public static var kerasClassName: String { "Dropout" }
  public var kerasConfig: [String: Any] { ["rate": rate, "seed": NSNull(), "noise_shape": NSNull()] }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    guard settings.config.isMissing("noise_shape") else { throw settings.config.refuse("noise_shape", "null") }
    self.init(try settings.number("rate"), name: name)
  }
}

extension Flatten: KerasLayer {
  public static var kerasClassName: String { "Flatten" }
  public var kerasConfig: [String: Any] { ["data_format": "channels_last"] }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    try settings.config.requireChannelsLast()
    self.init(name: name)
  }
}

extension Activation: KerasLayer {
  public static var kerasClassName: String { "Activation" }
  public var kerasConfig: [String: Any] { ["activation": kerasActivation(function)] }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    self.init(try settings.config.activation(), name: name)
  }
}

extension LeakyReLU: KerasLayer {
  public static var kerasClassName: String { "LeakyReLU" }
  public var kerasConfig: [String: Any] { ["negative_slope": slope] }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    // Keras 2 called it alpha.
    let slope = try settings.number("alpha", default: 0.3)
    self.init(slope: try settings.number("negative_slope", default: slope), name: name)
  }
}

extension Reshape: KerasLayer {
  public static var kerasClassName: String { "Reshape" }
  public var kerasConfig: [String: Any] { ["target_shape": targetShape] }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    guard let shape = settings.config.values["target_shape"] as? [NSNumber] else {
      throw settings.config.refuse("target_shape", "a list of integers")
    }
    self.init(shape.map(\.intValue), name: name)
  }
}

extension BatchNormalization: KerasLayer {
  public static var kerasClassName: String { "BatchNormalization" }
  public var kerasConfig: [String: Any] {
    [
      "axis": -1, "momentum": momentum, "epsilon": epsilon, "center": center, "scale": scale,
      "beta_initializer": kerasInitializer(.zeros), "gamma_initializer": kerasInitializer(.ones),
      "moving_mean_initializer": kerasInitializer(.zeros), "moving_variance_initializer": kerasInitializer(.ones),
      "beta_regularizer": NSNull(), "gamma_regularizer": NSNull(), "beta_constraint": NSNull(),
      "gamma_constraint": NSNull(), "synchronized": false,
    ]
  }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    let listed = (settings.config.values["axis"] as? [NSNumber])?.first?.intValue  // Keras 2 wrote a list
    let axis = try listed ?? settings.integer("axis", default: -1)
    guard axis == -1 || axis == 3 else { throw settings.config.refuse("axis", "-1, the last axis,") }
    self.init(
      momentum: try settings.number("momentum", default: 0.99), epsilon: try settings.number("epsilon", default: 1e-3),
      center: try settings.flag("center", default: true), scale: try settings.flag("scale", default: true), name: name)
  }
}

extension ZeroPadding2D: KerasLayer {
  public static var kerasClassName: String { "ZeroPadding2D" }
  public var kerasConfig: [String: Any] { ["padding": [vertical, horizontal], "data_format": "channels_last"] }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    try settings.config.requireChannelsLast()
    if let sides = settings.config.values["padding"] as? [[NSNumber]], sides.count == 2,
      sides.allSatisfy({ $0.count == 2 })
    {
      self.init(
        top: sides[0][0].intValue, bottom: sides[0][1].intValue, left: sides[1][0].intValue,
        right: sides[1][1].intValue, name: name)
    } else {
      self.init(try settings.config.size("padding", default: 1), name: name)
    }
  }
}

/// One number or a list of them.
private func numbers(_ config: KerasConfig, _ key: String) throws -> [Double]? {
  if config.isMissing(key) { return nil }
  func flat(_ value: Any?) -> [Double]? {
    if let number = value as? NSNumber { return [number.doubleValue] }
    guard let list = value as? [Any] else { return nil }
    let parts = list.map(flat)
    return parts.contains { $0 == nil } ? nil : parts.flatMap { $0 ?? [] }
  }
  guard let values = flat(config.values[key]) else { throw config.refuse(key, "a number or a list of numbers") }
  return values
}

extension Rescaling: KerasLayer {
  public static var kerasClassName: String { "Rescaling" }
  public var kerasConfig: [String: Any] { ["scale": scale, "offset": offset.count == 1 ? offset[0] : offset as Any] }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    self.init(try settings.number("scale"), offset: try numbers(settings.config, "offset") ?? [0], name: name)
  }
}

extension Normalization: KerasLayer {
  public static var kerasClassName: String { "Normalization" }
  public var kerasConfig: [String: Any] {
    ["axis": [-1], "invert": false, "mean": mean ?? NSNull() as Any, "variance": variance ?? NSNull() as Any]
  }
  public init(kerasConfig settings: KerasSettings, name: String) throws {
    let axis = try numbers(settings.config, "axis") ?? [-1]
    guard axis == [-1] || axis == [3] else { throw settings.config.refuse("axis", "-1, the last axis,") }
    guard try !settings.flag("invert", default: false) else { throw settings.config.refuse("invert", "false") }
    guard let mean = try numbers(settings.config, "mean"), let variance = try numbers(settings.config, "variance")
    else {
      self.init(name: name)
      return
    }
    self.init(mean: mean, variance: variance, name: name)
  }
}
