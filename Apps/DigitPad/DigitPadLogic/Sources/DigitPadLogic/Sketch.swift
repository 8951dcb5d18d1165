/// A drawing under way, which can be undone stroke by stroke.
public struct Sketch: Sendable {
  /// What is on the canvas now.
  public private(set) var drawing = Drawing()
  /// Where the stroke that is being drawn began; nil between strokes.
  private var start: Point?
  /// Where the stroke began that was undone or cleared while it was being drawn.
  private var abandoned: Point?
  private var past: [Drawing] = []
  private var future: [Drawing] = []

  /// An empty canvas.
  public init() {}

  /// Whether a stroke is under way.
  public var isDrawing: Bool { start != nil }
  /// Whether `undo` has something to take back.
  public var canUndo: Bool { !past.isEmpty }
  /// Whether `redo` has something to bring back.
  public var canRedo: Bool { !future.isEmpty }

  /// Goes on with a stroke. Another start than that of the stroke under way begins a new one, because the system may cancel a gesture
  /// without saying so. What follows of a stroke that was undone or cleared meanwhile is not drawn.
  public mutating func drag(from start: Point, to point: Point) {
    guard start != abandoned else { return }
    if self.start != start {
      remember()
      (self.start, abandoned) = (start, nil)
      drawing.strokes.append(Stroke([start]))
    }
    let last = drawing.strokes.count - 1
    if drawing.strokes[last].points.last != point { drawing.strokes[last].points.append(point) }
  }

  /// The finger or pencil left the canvas, or the mouse's button was let go.
  public mutating func endStroke() { (start, abandoned) = (nil, nil) }

  /// Takes back the last stroke, or clearing.
  public mutating func undo() {
    guard let previous = past.popLast() else { return }
    future.append(drawing)
    drawing = previous
    abandon()
  }

  /// Brings back what `undo` took, until something is drawn.
  public mutating func redo() {
    guard let next = future.popLast() else { return }
    past.append(drawing)
    drawing = next
    abandon()
  }

  /// Empties the canvas; `undo` brings the strokes back.
  public mutating func clear() {
    guard !drawing.isEmpty else { return }
    remember()
    drawing.strokes = []
    abandon()
  }

  private mutating func abandon() {
    abandoned = start ?? abandoned
    start = nil
  }

  private mutating func remember() {
    past.append(drawing)
    future = []
  }
}
