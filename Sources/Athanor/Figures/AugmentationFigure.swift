/// A sheet of examples beside what augmentation makes of them, as an SVG picture: a row for each example, the original first.
///
/// - Example:
///   ```swift
///   let figure = try AugmentationFigure(originals: pictures, versions: [turned, moved])
///   let picture = figure.svg()
///   ```
public struct AugmentationFigure: Hashable, Sendable {
  /// What is written above.
  public let title: String
  private let rows: [[PixelPicture]]
  private let versionCount: Int

  private static let tile = 60.0
  private static let gap = 8.0

  /// Takes the first pictures.
  ///
  /// - Parameters:
  ///   - originals: `[N, H, W]` or `[N, H, W, C]` with 1 or 3 channels: bytes, or numbers from 0 to 1. The first 20 are drawn.
  ///   - versions: Tensors of the same number of pictures, which may be of other sizes; the first 20 of them are drawn.
  ///   - title: What is written above.
  /// - Throws: `AthanorError` when the tensors are no pictures, or their numbers of pictures differ.
  public init(originals: Tensor, versions: [Tensor], title: String = "Augmented examples") throws {
    let columns = try ([originals] + versions.prefix(20)).enumerated().map { place, tensor in
      let name = place == 0 ? "originals" : "versions[\(place - 1)]"
      let pictures = try PictureBytes.all(in: tensor, limit: 20, at: "AugmentationFigure, \(name)")
      guard tensor.shape[0] == originals.shape.first else {
        throw AthanorError(
          .shape, at: "AugmentationFigure, \(name)",
          "there are \(tensor.shape[0]) pictures but \(originals.shape.first ?? 0) originals",
          fix: "Give one picture for each original.")
      }
      return pictures
    }
    rows = columns[0].indices.map { row in
      columns.map { column in
        let picture = column[row]
        return PixelPicture(
          bytes: picture.bytes, height: picture.height, width: picture.width, channels: picture.channels,
          colours: picture.channels == 1 ? 12 : 32)
      }
    }
    versionCount = columns.count - 1
    self.title = title
  }

  /// The figure as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    let (tile, gap, left) = (Self.tile, Self.gap, FigurePage.margin)
    let width = max(300, left + Double(versionCount + 1) * (tile + gap) + gap + FigurePage.margin)
    var canvas = FigureCanvas()
    let top = FigurePage.header(&canvas, title: title, width: width) + 14
    func x(_ column: Int) -> Double { left + Double(column) * (tile + gap) + (column > 0 ? gap : 0) }
    canvas.text("original", x: x(0), y: top - 6, style: "ath-muted", size: 11.5)
    if versionCount > 0 { canvas.text("augmented", x: x(1), y: top - 6, style: "ath-muted", size: 11.5) }
    for (row, pictures) in rows.enumerated() {
      for (column, picture) in pictures.enumerated() {
        canvas.picture(
          picture.shapes, width: picture.width, height: picture.height, x: x(column),
          y: top + Double(row) * (tile + gap),
          side: tile, title: column == 0 ? "example \(row), original" : "example \(row), version \(column)")
      }
    }
    let height = top + Double(rows.count) * (tile + gap) - gap + FigurePage.margin
    return canvas.document(
      width: width, height: max(height, top + FigurePage.margin), title: title,
      description:
        "\(FigureText.counted(rows.count, "example")) with \(FigureText.counted(versionCount, "version")) each.",
      theme: theme)
  }
}
