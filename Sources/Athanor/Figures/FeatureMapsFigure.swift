import AthanorCore

/// What a layer makes of one picture, as an SVG picture: the picture as the network sees it, and a map for each of the layer's channels, blue
/// above zero and orange below, the stronger the larger.
///
/// All maps have the same scale. Maps of more than 64 pixels a side are averaged down.
///
/// - Example:
///   ```swift
///   let picture = try FeatureMapsFigure(model, picture: digit, layer: "conv2d").svg()  // digit: [1, 28, 28, 1]
///   ```
public struct FeatureMapsFigure: Hashable, Sendable {
  /// The layer's name.
  public let layer: String
  /// What is written above.
  public let title: String
  /// The number of maps that are drawn, and of those that the layer makes.
  public let shownCount, count: Int
  private let subtitle: String
  private let picture: Tensor
  /// `[1, height, width, channels]`.
  private let maps: Tensor

  private static let side = 150.0
  private static let gap = 8.0

  /// Computes what a layer makes of a picture.
  ///
  /// - Parameters:
  ///   - model: A model of pictures.
  ///   - picture: A batch of one picture `[1, H, W, C]` with 1 or 3 channels, bytes, prepared as those that the model learned from.
  ///   - layer: A layer whose result has height, width and channels; nil for the first.
  ///   - limit: The most maps that are drawn.
  ///   - title: What is written above; nil for the layer's name.
  /// - Throws: `AthanorError` when there is no such layer, it makes no maps, or the picture is not one that the model takes.
  public init(_ model: Model, picture: Tensor, layer: String? = nil, limit: Int = 64, title: String? = nil) throws {
    guard limit > 0 else {
      throw AthanorError(.argument, at: "FeatureMapsFigure", "limit is \(limit) but must be at least 1")
    }
    guard picture.shape.count == 4, picture.shape[0] == 1, [1, 3].contains(picture.shape[3]), picture.dtype == .uint8
    else {
      throw AthanorError(
        .shape, at: "FeatureMapsFigure",
        "the picture is \(picture.dtype.rawValue)\(Shape.text(picture.shape)) but must be uint8[1, H, W, C] with 1 or 3 channels",
        fix: "Give one picture, as bytes.")
    }
    let withMaps = model.layersWithMaps.map(\.name)
    guard let layer = layer ?? withMaps.first else {
      throw AthanorError(
        .argument, at: "model \"\(model.name)\"", "no layer of it makes feature maps",
        fix: "Give a model with Conv2D layers.")
    }
    let maps = try model.takingChannelsLast().truncated(after: layer).predict(picture)
    guard maps.shape.count == 4 else {
      throw AthanorError(
        .shape, at: "layer \"\(layer)\"",
        "its result has shape \(Shape.text(maps.shape)) but maps have height, width and channels",
        fix: withMaps.isEmpty ? "" : "Layers with maps are \(withMaps.joined(separator: ", ")).")
    }
    self.layer = layer
    self.title = title ?? "What \(layer) makes of a picture"
    self.picture = picture
    self.maps = maps
    count = maps.shape[3]
    shownCount = min(limit, count)
    subtitle =
      (shownCount < count ? "\(shownCount) of " : "") + FigureText.counted(count, "feature map")
      + " of \(maps.shape[1]) × \(maps.shape[2])"
  }

  /// The figure as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    let (side, gap) = (Self.side, Self.gap)
    let (rows, columns, channels) = (maps.shape[1], maps.shape[2], maps.shape[3])
    let tile = 68.0
    let across = min(8, max(shownCount, 1))
    let left = FigurePage.margin + side + 28
    let width = max(480, left + Double(across) * (tile + gap) - gap + FigurePage.margin)
    let numbers = maps.floats
    let finite = numbers.filter(\.isFinite)
    let maximum = finite.reduce(0) { max($0, $1.magnitude) }
    var canvas = FigureCanvas()
    var y = FigurePage.header(&canvas, title: title, subtitle: subtitle, width: width) + 8
    y = SignedPicture.drawKey(&canvas, maximum: maximum, isSigned: finite.contains { $0 < 0 }, y: y)
    let seen = PixelPicture(
      bytes: pixels, height: picture.shape[1], width: picture.shape[2], channels: picture.shape[3])
    canvas.picture(
      seen.shapes, width: seen.width, height: seen.height, x: FigurePage.margin, y: y, side: side,
      title: "the picture as the network sees it")
    canvas.text(
      "the picture, \(picture.shape[1]) × \(picture.shape[2])", x: FigurePage.margin + side / 2, y: y + side + 18,
      style: "ath-muted", anchor: .middle, size: 11.5)
    for map in 0..<shownCount {
      let (row, column) = map.quotientAndRemainder(dividingBy: across)
      let values = (0..<rows * columns).map { numbers[$0 * channels + map] }
      let drawn = SignedPicture(values: values, height: rows, width: columns, maximum: maximum)
      let (x, top) = (left + Double(column) * (tile + gap), y + Double(row) * (tile + gap + 14))
      canvas.picture(
        drawn.shapes, width: drawn.width, height: drawn.height, x: x, y: top, side: tile, title: "map \(map)")
      canvas.text(String(map), x: x + tile / 2, y: top + tile + 14, style: "ath-muted", anchor: .middle, size: 10.5)
    }
    let lines = (Double(shownCount) / Double(across)).rounded(.up)
    let height = y + max(side + 24, lines * (tile + gap + 14) - gap) + FigurePage.margin
    let range =
      "between \(FigureNumber.significant(Double(finite.min() ?? 0), digits: 2)) and "
      + FigureNumber.significant(Double(finite.max() ?? 0), digits: 2)
    return canvas.document(
      width: width, height: height, title: title, description: "\(subtitle), \(range).", theme: theme)
  }

  private var pixels: [UInt8] {
    if case .uint8(let bytes) = picture.storage { bytes } else { [] }
  }
}
