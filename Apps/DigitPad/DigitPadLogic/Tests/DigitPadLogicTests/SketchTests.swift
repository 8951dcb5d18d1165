import DigitPadLogic
import Testing

/// Drawing, undoing and clearing.
struct SketchTests {
  private let a = Point(0.1, 0.1)
  private let b = Point(0.2, 0.2)
  private let c = Point(0.3, 0.3)
  private let d = Point(0.4, 0.4)

  private func twoStrokes() -> Sketch {
    var sketch = Sketch()
    sketch.drag(from: a, to: a)
    sketch.drag(from: a, to: b)
    sketch.endStroke()
    sketch.drag(from: c, to: d)
    sketch.endStroke()
    return sketch
  }

  @Test func aDragIsOneStroke() {
    let sketch = twoStrokes()
    #expect(sketch.drawing.strokes == [Stroke([a, b]), Stroke([c, d])])
    #expect(sketch.canUndo && !sketch.canRedo && !sketch.isDrawing)
  }

  @Test func aTouchIsADot() {
    var sketch = Sketch()
    sketch.drag(from: a, to: a)
    #expect(sketch.drawing.strokes == [Stroke([a])] && sketch.isDrawing)
  }

  @Test func undoAndRedoGoStrokeByStroke() {
    var sketch = twoStrokes()
    sketch.undo()
    #expect(sketch.drawing.strokes == [Stroke([a, b])] && sketch.canRedo)
    sketch.undo()
    #expect(sketch.drawing.isEmpty && !sketch.canUndo)
    sketch.undo()
    sketch.redo()
    sketch.redo()
    sketch.redo()
    #expect(sketch.drawing == twoStrokes().drawing && !sketch.canRedo)
  }

  @Test func aNewStrokeEndsRedoing() {
    var sketch = twoStrokes()
    sketch.undo()
    sketch.drag(from: d, to: d)
    #expect(!sketch.canRedo && sketch.drawing.strokes == [Stroke([a, b]), Stroke([d])])
  }

  @Test func clearingCanBeUndone() {
    var sketch = twoStrokes()
    sketch.clear()
    #expect(sketch.drawing.isEmpty)
    sketch.clear()  // of an empty canvas does nothing
    sketch.undo()
    #expect(sketch.drawing == twoStrokes().drawing)
    sketch.redo()
    #expect(sketch.drawing.isEmpty)
  }

  @Test func aCancelledGestureIsNotGoneOnWith() {
    var sketch = Sketch()
    sketch.drag(from: a, to: b)
    sketch.drag(from: c, to: d)
    #expect(sketch.drawing.strokes == [Stroke([a, b]), Stroke([c, d])])
  }

  @Test("What follows of a stroke that is gone is not drawn", arguments: [true, false]) func abandoned(_ clears: Bool) {
    var sketch = Sketch()
    sketch.drag(from: a, to: b)
    if clears { sketch.clear() } else { sketch.undo() }
    sketch.drag(from: a, to: c)
    #expect(sketch.drawing.isEmpty && !sketch.isDrawing)
    sketch.endStroke()
    sketch.drag(from: a, to: c)
    #expect(sketch.drawing.strokes == [Stroke([a, c])])
  }
}
