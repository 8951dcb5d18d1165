import Foundation
import Observation

/// The state behind the app's window: a drawing, and what the network says of it.
@MainActor @Observable
public final class Pad {
  /// The drawing, and what can be undone.
  public private(set) var sketch = Sketch()
  /// Nil while nothing is drawn, and until the first answer.
  public private(set) var reading: Reading?
  /// The sentence for VoiceOver to announce; it changes between strokes only.
  public private(set) var announcement: String?
  /// What went wrong, for the person to read.
  public private(set) var message: String?
  /// Whether there is a model.
  public private(set) var isReady = false

  @ObservationIgnored private var reader: DigitReader?
  /// The drawing to read next. A newer one replaces it, so that reading never falls behind the hand.
  @ObservationIgnored private var waiting: Drawing?
  @ObservationIgnored private(set) var task: Task<Void, Never>?

  /// An empty canvas without a model.
  public init() {}

  /// Loads the model. When that fails, `message` says why, and `load` may be called again.
  public func load(_ classifier: @Sendable () async throws -> any DigitClassifier) async {
    do {
      reader = DigitReader(try await classifier())
      isReady = true
      message = nil
      readDrawing()
    } catch {
      message = error.localizedDescription
    }
  }

  /// Goes on with a stroke, or begins one.
  public func drag(from start: Point, to point: Point) { change { $0.drag(from: start, to: point) } }

  /// Ends the stroke; what the network says of it may be announced from now on.
  public func endStroke() {
    sketch.endStroke()
    if task == nil { announcement = reading?.sentence }
  }

  /// Takes back the last stroke, or clearing.
  public func undo() { change { $0.undo() } }

  /// Brings back what `undo` took.
  public func redo() { change { $0.redo() } }

  /// Empties the canvas.
  public func clear() { change { $0.clear() } }

  private func change(_ change: (inout Sketch) -> Void) {
    let before = sketch.drawing
    change(&sketch)
    if sketch.drawing != before { readDrawing() }
  }

  private func readDrawing() {
    if sketch.drawing.isEmpty { show(nil) }
    waiting = sketch.drawing
    guard let reader, task == nil else { return }
    task = Task {
      while let drawing = waiting {
        waiting = nil
        do {
          let result = try await reader.read(drawing)
          // The canvas may have been cleared meanwhile.
          show(sketch.drawing.isEmpty ? nil : result)
          message = nil
        } catch {
          show(nil)
          message = error.localizedDescription
        }
      }
      task = nil
      if !sketch.isDrawing { announcement = reading?.sentence }
    }
  }

  private func show(_ reading: Reading?) {
    if self.reading != reading { self.reading = reading }
    if reading == nil { announcement = nil }
  }
}
