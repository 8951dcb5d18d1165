import AthanorCore

/// A look at a data set of pictures, as an SVG picture: a row for each class with its name, its first pictures and how many there are.
///
/// - Example:
///   ```swift
///   let picture = try DatasetFigure(train, title: "MNIST").svg()
///   ```
public struct DatasetFigure: Hashable, Sendable {
  /// What is written above.
  public let title: String
  /// The names of the classes, and how many examples each has.
  public let classNames: [String]
  /// The number of examples of each class.
  public let counts: [Int]
  /// How many pictures stand in a row.
  public let columns: Int
  private let rows: [[PixelPicture]]

  private static let tile = 46.0
  private static let gap = 6.0

  /// Takes the first pictures of each class.
  ///
  /// - Parameters:
  ///   - data: Inputs `[N, H, W]` or `[N, H, W, C]` with 1 or 3 channels, bytes; targets `[N]` class numbers.
  ///   - title: What is written above.
  ///   - columns: How many pictures stand in a row, 1 to 20.
  /// - Throws: `AthanorError` when the data are no pictures of classes, or `columns` is out of range.
  public init(_ data: Dataset, title: String = "Data", columns: Int = 10) throws {
    guard (1...20).contains(columns) else {
      throw AthanorError(.argument, at: "DatasetFigure", "columns is \(columns) but must be from 1 to 20")
    }
    let shape = data.inputs.shape
    let channels = shape.count == 4 ? shape[3] : 1
    guard case .uint8(let pixels) = data.inputs.storage, [3, 4].contains(shape.count), [1, 3].contains(channels) else {
      throw AthanorError(
        .shape, at: "DatasetFigure",
        "the inputs are \(data.inputs.dtype.rawValue)\(Shape.text(shape)) but pictures are uint8[N, H, W, C] with 1 or 3 channels",
        fix: "Give a data set of pictures.")
    }
    guard case .int32(let classes) = data.targets.storage, data.targets.shape.count == 1,
      classes.allSatisfy({ $0 >= 0 })
    else {
      throw AthanorError(
        .shape, at: "DatasetFigure",
        "the targets are \(data.targets.dtype.rawValue)\(Shape.text(data.targets.shape)) but class numbers are int32[N]",
        fix: "Give a data set with class numbers.")
    }
    let largest = Int(classes.max() ?? -1)
    guard largest < 1000 else {
      throw AthanorError(.argument, at: "DatasetFigure", "there are \(largest + 1) classes but at most 1,000 are drawn")
    }
    var counts = [Int](repeating: 0, count: max(largest + 1, data.classNames?.count ?? 0))
    var rows = [[PixelPicture]](repeating: [], count: counts.count)
    let length = shape[1] * shape[2] * channels
    for (number, target) in classes.enumerated() {
      counts[Int(target)] += 1
      guard rows[Int(target)].count < columns else { continue }
      let bytes = Array(pixels[number * length..<(number + 1) * length])
      rows[Int(target)].append(
        PixelPicture(
          bytes: bytes, height: shape[1], width: shape[2], channels: channels, colours: channels == 1 ? 12 : 32))
    }
    let names = data.classNames ?? []
    classNames = counts.indices.map { $0 < names.count ? names[$0] : String($0) }
    (self.title, self.counts, self.columns, self.rows) = (title, counts, columns, rows)
  }

  /// The figure as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    let (tile, gap) = (Self.tile, Self.gap)
    let names = classNames.map { FigureText.fitted($0, size: 13.5, limit: 150) }
    let nameWidth = (names.map { FigureText.width($0, size: 13.5) }.max() ?? 0).rounded(.up) + 14
    let numbers = counts.map { FigureNumber.count(Double($0)) }
    let numberWidth = (numbers.map { FigureText.width($0, size: 11.5) }.max() ?? 0).rounded(.up) + 14
    let left = FigurePage.margin + nameWidth
    let width = max(420, left + Double(columns) * (tile + gap) - gap + numberWidth + FigurePage.margin)
    let total = counts.reduce(0, +)
    let subtitle = "\(FigureText.counted(total, "picture")) of \(FigureText.counted(counts.count, "class", "classes"))"
    var canvas = FigureCanvas()
    let top = FigurePage.header(&canvas, title: title, subtitle: subtitle, width: width) + 4
    for (row, pictures) in rows.enumerated() {
      let y = top + Double(row) * (tile + gap)
      canvas.text(names[row], x: FigurePage.margin, y: y + tile / 2 + 5, size: 13.5, bold: true)
      for (column, picture) in pictures.enumerated() {
        canvas.picture(
          picture.shapes, width: picture.width, height: picture.height, x: left + Double(column) * (tile + gap), y: y,
          side: tile, title: classNames[row])
      }
      canvas.text(
        numbers[row], x: width - FigurePage.margin, y: y + tile / 2 + 4, style: "ath-muted", anchor: .end, size: 11.5)
    }
    let words = zip(classNames, numbers).map { "\($0) \($1)" }.joined(separator: ", ")
    let height = top + Double(rows.count) * (tile + gap) - gap + FigurePage.margin
    return canvas.document(
      width: width, height: max(height, top + FigurePage.margin), title: title,
      description: "\(subtitle)\(words.isEmpty ? "" : ": " + words).", theme: theme)
  }
}
