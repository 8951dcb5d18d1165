import AthanorCore

/// The filters of a convolution, as an SVG picture: each weight a cell, blue above zero and orange below, the stronger the larger.
///
/// A layer that reads one channel, and a depthwise one, has one square for each filter, by number from left to right and then down. In any
/// other, each row is a filter, and each column a channel that it reads. All squares have the same scale.
///
/// - Example:
///   ```swift
///   let picture = try FiltersFigure(model, layer: "conv2d").svg()
///   ```
public struct FiltersFigure: Hashable, Sendable {
  /// The layer's name.
  public let layer: String
  /// What is written above.
  public let title: String
  /// The number of filters that are drawn, and of those that the layer has.
  public let shownCount, count: Int
  private let subtitle: String
  private let kernel: Tensor
  /// How many squares there are in a row and in all, and whether rows are filters and columns channels.
  private let columns, tileCount: Int
  private let isTable: Bool

  private static let tile = 58.0
  private static let gap = 8.0

  /// Makes the figure of a layer.
  ///
  /// - Parameters:
  ///   - model: A model with convolutions.
  ///   - layer: The name of a convolution; nil for the first.
  ///   - limit: The most filters, and the most channels of each, that are drawn; no more than 16 where rows are filters, else 64.
  ///   - title: What is written above; nil for the layer's name.
  /// - Throws: `AthanorError` when there is no such layer, it is no convolution, or `limit` is less than 1.
  public init(_ model: Model, layer: String? = nil, limit: Int = 64, title: String? = nil) throws {
    guard limit > 0 else {
      throw AthanorError(.argument, at: "FiltersFigure", "limit is \(limit) but must be at least 1")
    }
    // Kernels of convolutions are the weights with four axes: [height, width, channels, filters].
    let kernels = model.weights.filter { $0.isParameter && $0.tensor.shape.count == 4 }
      .map { (layer: String($0.name.prefix(upTo: $0.name.lastIndex(of: "/") ?? $0.name.endIndex)), tensor: $0.tensor) }
    guard let found = kernels.first(where: { layer == nil || $0.layer == layer }) else {
      throw AthanorError(
        .argument, at: layer.map { "layer \"\($0)\"" } ?? "model \"\(model.name)\"",
        layer == nil
          ? "it has no convolutions, so there are no filters to draw"
          : "the model has no convolution of this name",
        fix: kernels.isEmpty
          ? "Give a model with Conv2D layers."
          : AthanorError.suggestion(for: layer ?? "", among: kernels.map(\.layer))
            + "Its convolutions are \(kernels.map(\.layer).joined(separator: ", ")).")
    }
    let (kernel, shape) = (found.tensor, found.tensor.shape)
    isTable = shape[2] > 1 && shape[3] > 1
    count = isTable ? shape[3] : shape[2] * shape[3]
    let most = min(limit, isTable ? 16 : 64)
    shownCount = min(most, count)
    let channels = isTable ? min(shape[2], most) : 1
    (columns, tileCount) = isTable ? (channels, shownCount * channels) : (8, shownCount)
    self.layer = found.layer
    self.title = title ?? "Filters of \(found.layer)"
    self.kernel = kernel
    func of(_ shown: Int, _ all: Int, _ what: String) -> String {
      (shown < all ? "\(shown) of " : "") + FigureText.counted(all, what)
    }
    let rows = isTable ? ", a row each; columns: \(of(channels, shape[2], "channel"))" : ""
    subtitle = of(shownCount, count, "filter") + " of \(shape[0]) × \(shape[1]) weights" + rows
  }

  /// The figure as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    let (tile, gap) = (Self.tile, Self.gap)
    let names = isTable ? 30.0 : 0
    let across = Double(min(columns, max(tileCount, 1)))
    let width = max(420, 2 * FigurePage.margin + names + across * (tile + gap) - gap)
    let numbers = kernel.floats
    let maximum = numbers.reduce(0) { $1.isFinite ? max($0, $1.magnitude) : $0 }
    var canvas = FigureCanvas()
    var y = FigurePage.header(&canvas, title: title, subtitle: subtitle, width: width) + 8
    y = SignedPicture.drawKey(&canvas, maximum: maximum, isSigned: true, y: y)
    let shape = kernel.shape
    let caption = isTable ? 0.0 : 14
    for place in 0..<tileCount {
      let (row, column) = place.quotientAndRemainder(dividingBy: columns)
      let (channel, filter) = isTable ? (column, row) : (shape[2] > 1 ? (place, 0) : (0, place))
      let values = (0..<shape[0] * shape[1]).map { numbers[($0 * shape[2] + channel) * shape[3] + filter] }
      let picture = SignedPicture(values: values, height: shape[0], width: shape[1], maximum: maximum)
      let x = FigurePage.margin + names + Double(column) * (tile + gap)
      let top = y + Double(row) * (tile + gap + caption)
      canvas.picture(
        picture.shapes, width: picture.width, height: picture.height, x: x, y: top, side: tile,
        title: isTable ? "filter \(filter), channel \(channel)" : "filter \(place)")
      if !isTable {
        canvas.text(String(place), x: x + tile / 2, y: top + tile + 14, style: "ath-muted", anchor: .middle, size: 10.5)
      } else if column == 0 {
        canvas.text(String(row), x: x - 8, y: top + tile / 2 + 4, style: "ath-muted", anchor: .end, size: 10.5)
      }
    }
    let rows = (Double(tileCount) / Double(columns)).rounded(.up)
    let height = y + rows * (tile + gap + caption) + FigurePage.margin - gap
    return canvas.document(
      width: width, height: height, title: title,
      description: "\(subtitle), between \(FigureNumber.significant(Double(-maximum), digits: 2)) and "
        + "\(FigureNumber.significant(Double(maximum), digits: 2)).", theme: theme)
  }
}
