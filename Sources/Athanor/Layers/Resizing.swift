/// Pictures in another size: `[N, H, W, C] -> [N, height, width, C]`, in training and in prediction. Source: `keras.layers.Resizing` with
/// `interpolation="nearest"` or `"bilinear"`.
///
/// - Throws: when built: `AthanorError` if the input is no picture of fixed size, or a length is not positive.
/// - Example:
///   ```swift
///   Resizing(height: 64, width: 64, filter: .antialiasedBilinear)
///   ```
public struct Resizing: Layer {
  /// The number of rows of the results.
  public var height: Int
  /// The number of columns of the results.
  public var width: Int
  /// How new pixels follow from old ones. Keras has no `area`.
  public var filter: ResizingFilter
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a resizing.
  public init(height: Int, width: Int, filter: ResizingFilter = .bilinear, name: String? = nil) {
    self.height = height
    self.width = width
    self.filter = filter
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try Size2D(height, width).require("size")
    return try input.pictures.value.resized(height: height, width: width, filter)
  }
}

extension Resizing: SerializableLayer {
  public init(unconfigured name: String) { self.init(height: 1, width: 1, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("height", &height)
    try settings.field("width", &width)
    var (interpolation, antialias) = (Interpolation.bilinear, filter == .antialiasedBilinear)
    if filter == .nearest { interpolation = .nearest }
    guard filter != .area else {
      throw AthanorError(
        .unsupported, at: "", "its filter is area, for which Keras has no name",
        fix: "Use ResizingFilter.antialiasedBilinear, which is similar.")
    }
    try settings.field("interpolation", &interpolation, default: .bilinear)
    try settings.field("antialias", &antialias, default: false)
    guard interpolation == .bilinear || !antialias else {
      throw settings.error("antialias", expected: "false beside \"nearest\"")
    }
    filter = interpolation == .nearest ? .nearest : antialias ? .antialiasedBilinear : .bilinear
    try settings.fixed("crop_to_aspect_ratio", false)
    try settings.fixed("pad_to_aspect_ratio", false)
    for key in ["fill_mode", "fill_value"] { settings.neutral(key, isWritten: false) }  // of padded pictures
    try settings.fixed("data_format", "channels_last")
    settings.neutral("bounding_box_format", isWritten: false)
  }
}

/// A part of each picture while training, at a place that is drawn for each picture: `[N, H, W, C] -> [N, height, width, C]`.
///
/// In prediction, and where a picture is smaller than that, the largest part in its middle with the same ratio of height and width is taken
/// and resized (bilinear). Source: `keras.layers.RandomCrop`, as it is documented: Keras 3.15 in fact predicts from the whole picture, and draws
/// one place for all pictures of a batch.
///
/// - Throws: when built: `AthanorError` if the input is no picture of fixed size, or a length is not positive.
/// - Example:
///   ```swift
///   RandomCrop(height: 24, width: 24)
///   ```
public struct RandomCrop: Layer {
  /// The number of rows of the results.
  public var height: Int
  /// The number of columns of the results.
  public var width: Int
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a random crop.
  public init(height: Int, width: Int, name: String? = nil) {
    self.height = height
    self.width = width
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try Size2D(height, width).require("size")
    let (input, axes) = try input.pictures
    let (rows, columns) = (axes[1].length, axes[2].length)
    guard scope.isTraining, rows >= height, columns >= width else {
      let part = (
        height: min(rows, max(1, columns * height / width)), width: min(columns, max(1, rows * width / height))
      )
      var partAxes = axes
      partAxes[1] = axes[1].with(length: part.height)
      partAxes[2] = axes[2].with(length: part.width)
      let start = [0, (rows - part.height) / 2, (columns - part.width) / 2, 0]
      let middle = part == (rows, columns) ? input : try input.apply(Slice(start: start, shape: Shape(axes: partAxes)))
      return try middle.resized(height: height, width: width, .bilinear)
    }
    let top = try floor(input.uniformNumbers(from: 0, to: Double(rows - height + 1)))  // [N, 1]
    let left = try floor(input.uniformNumbers(from: 0, to: Double(columns - width + 1)))
    let (zero, one) = (try input.column(0), try input.column(1))
    return try input.affineSampled(
      concatenate([one, zero, left, zero, one, top]), height: height, width: width, fill: .nearest, isBilinear: false)
  }
}

extension RandomCrop: SerializableLayer {
  public init(unconfigured name: String) { self.init(height: 1, width: 1, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("height", &height)
    try settings.field("width", &width)
    try settings.augmentation()
  }
}
