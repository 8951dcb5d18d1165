import AthanorCore

/// A sheet of pictures that a model took for something else, as an SVG picture.
///
/// Under each picture stand its true class with a tick, and the predicted class with a cross and its probability. Pictures
/// larger than 64 pixels a side are averaged down, and drawn in at most 32 shades of gray or 64 colours, which keeps the
/// sheet small; they are drawn as shapes, not as embedded bitmaps, and so appear wherever SVG does.
///
/// - Example:
///   ```swift
///   let figure = try MistakesFigure(
///     mistakes: [
///       MistakesFigure.Mistake(
///         pixels: [UInt8](repeating: 0, count: 28 * 28), height: 28, width: 28, truth: "4", prediction: "9",
///         probability: 0.87)
///     ])
///   let picture = figure.svg()
///   ```
public struct MistakesFigure: Hashable, Sendable {
  /// A picture with what it is and what it was taken for.
  public struct Mistake: Hashable, Sendable {
    /// The bytes `[height, width, channels]`: 0 is black, 255 is white (or full red, green and blue).
    public let pixels: [UInt8]
    /// In pixels.
    public let height: Int
    /// In pixels.
    public let width: Int
    /// 1 for gray, 3 for red, green and blue.
    public let channels: Int
    /// The name of the class it is of.
    public let truth: String
    /// The name of the class it was taken for.
    public let prediction: String
    /// How probable the model held its prediction, from 0 to 1; nil when that is not known.
    public let probability: Double?

    /// Makes a mistake from a picture's bytes.
    ///
    /// - Throws: `AthanorError` when the count of bytes is not height × width × channels, a side is less than 1, there are
    ///   other than 1 or 3 channels, or the probability is not from 0 to 1.
    public init(
      pixels: [UInt8], height: Int, width: Int, channels: Int = 1, truth: String, prediction: String,
      probability: Double? = nil
    ) throws {
      guard height > 0, width > 0 else {
        throw AthanorError(
          .shape, at: "MistakesFigure", "the picture is \(height) × \(width) pixels but needs at least 1 × 1")
      }
      guard channels == 1 || channels == 3 else {
        throw AthanorError(
          .shape, at: "MistakesFigure", "the picture has \(channels) channels but must have 1 (gray) or 3 (RGB)",
          fix: "Leave out an alpha channel.")
      }
      let (area, tooLarge) = height.multipliedReportingOverflow(by: width)
      let (count, muchTooLarge) = area.multipliedReportingOverflow(by: channels)
      guard !tooLarge, !muchTooLarge, pixels.count == count else {
        throw AthanorError(
          .shape, at: "MistakesFigure",
          "the picture has \(pixels.count) bytes but \(height) × \(width) × \(channels) (height, width, channels)"
            + " are needed",
          fix: "Give one byte for each channel of each pixel, row by row.")
      }
      if let probability, !(0...1).contains(probability) {
        throw AthanorError(
          .argument, at: "MistakesFigure", "the probability is \(probability) but must be from 0 to 1",
          fix: "Give the softmax output of the predicted class.")
      }
      self.pixels = pixels
      self.height = height
      self.width = width
      self.channels = channels
      self.truth = truth
      self.prediction = prediction
      self.probability = probability
    }
  }

  /// The pictures, from left to right and then down.
  public let mistakes: [Mistake]
  /// What is written above.
  public let title: String
  /// How many pictures stand in a row.
  public let columns: Int

  /// Makes the sheet.
  ///
  /// - Parameters:
  ///   - mistakes: The pictures; there may be none.
  ///   - title: What is written above.
  ///   - columns: How many pictures stand in a row, 1 to 20.
  /// - Throws: `AthanorError` when `columns` is out of range.
  public init(mistakes: [Mistake], title: String = "Mistakes", columns: Int = 5) throws {
    guard (1...20).contains(columns) else {
      throw AthanorError(.argument, at: "MistakesFigure", "columns is \(columns) but must be from 1 to 20")
    }
    self.mistakes = mistakes
    self.title = title
    self.columns = columns
  }

  private static let picture = 140.0
  private static let cell = FigureFrame(x: 0, y: 0, width: 164, height: 202)

  /// The sheet as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    let columns = Double(max(1, min(columns, mistakes.count)))
    let width = max(360, columns * Self.cell.width + 2 * FigurePage.margin - (Self.cell.width - Self.picture))
    var canvas = FigureCanvas()
    var top = FigurePage.header(&canvas, title: title, width: width)
    top = drawKey(&canvas, y: top + 6)
    for (place, mistake) in mistakes.enumerated() {
      let column = Double(place).truncatingRemainder(dividingBy: columns)
      let row = (Double(place) / columns).rounded(.down)
      draw(mistake, &canvas, x: FigurePage.margin + column * Self.cell.width, y: top + row * Self.cell.height)
    }
    var height = top + (Double(mistakes.count) / columns).rounded(.up) * Self.cell.height
    if mistakes.isEmpty {
      canvas.text("no mistakes", x: width / 2, y: top + 40, style: "ath-muted", anchor: .middle)
      height += 80
    }
    let words = mistakes.map(Self.caption).joined(separator: "; ")
    return canvas.document(
      width: width, height: height, title: title, description: words.isEmpty ? "No mistakes." : words + ".",
      theme: theme)
  }

  /// What tick and cross mean; returns where the pictures may begin.
  private func drawKey(_ canvas: inout FigureCanvas, y: Double) -> Double {
    var x = FigurePage.margin
    drawTick(&canvas, x: x, y: y + 4)
    canvas.text("true class", x: x + 16, y: y + 4, style: "ath-muted")
    x += 34 + FigureText.width("true class", size: 12)
    drawCross(&canvas, x: x, y: y + 4)
    canvas.text("predicted class, and its probability", x: x + 16, y: y + 4, style: "ath-muted")
    return y + 24
  }

  private func draw(_ mistake: Mistake, _ canvas: inout FigureCanvas, x: Double, y: Double) {
    let picture = PixelPicture(
      bytes: mistake.pixels, height: mistake.height, width: mistake.width, channels: mistake.channels)
    canvas.picture(
      picture.shapes, width: picture.width, height: picture.height, x: x, y: y, side: Self.picture,
      title: Self.caption(mistake))
    let line = y + Self.picture + 18
    let room = Self.picture - 16
    drawTick(&canvas, x: x, y: line)
    canvas.text(FigureText.fitted(mistake.truth, size: 13.5, limit: room), x: x + 16, y: line, size: 12.5, bold: true)
    drawCross(&canvas, x: x, y: line + 18)
    let share = mistake.probability.map { FigureNumber.percent($0, decimals: 1) } ?? ""
    let shareWidth = FigureText.width(share, size: 11.5) + 6
    let name = FigureText.fitted(mistake.prediction, size: 12.5, limit: max(20, room - shareWidth))
    canvas.text(name, x: x + 16, y: line + 18, size: 12.5)
    guard !share.isEmpty else { return }
    canvas.text(share, x: x + Self.picture, y: line + 18, style: "ath-muted", anchor: .end, size: 11.5)
  }

  private func drawTick(_ canvas: inout FigureCanvas, x: Double, y: Double) {
    let place = "M\(FigureNumber.coordinate(x + 1)) \(FigureNumber.coordinate(y - 4))"
    canvas.stroke(place + "l3.2 3.4l6 -7.4", style: "ath-s1", width: 2)
  }

  private func drawCross(_ canvas: inout FigureCanvas, x: Double, y: Double) {
    let place = "M\(FigureNumber.coordinate(x + 1.5)) \(FigureNumber.coordinate(y - 8))"
    canvas.stroke(place + "l7.4 7.4m0 -7.4l-7.4 7.4", style: "ath-s2", width: 2)
  }

  private static func caption(_ mistake: Mistake) -> String {
    let share = mistake.probability.map { " (\(FigureNumber.percent($0, decimals: 1)))" } ?? ""
    return "\(mistake.truth), taken for \(mistake.prediction)\(share)"
  }
}
