import DigitPadLogic
import SwiftUI

/// The square on which one draws with a finger, a pencil or the mouse.
struct CanvasView: View {
  let pad: Pad

  var body: some View {
    let drawing = pad.sketch.drawing
    GeometryReader { space in
      Canvas { context, size in
        for stroke in drawing.strokes { draw(stroke, drawing.penWidth, &context, side: size.width) }
      }
      .background(.quaternary, in: RoundedRectangle(cornerRadius: 16))
      .clipShape(RoundedRectangle(cornerRadius: 16))
      .contentShape(Rectangle())
      .gesture(drag(side: space.size.width))
    }
    .aspectRatio(1, contentMode: .fit)
    .overlay {
      if drawing.isEmpty {
        Text("Draw a digit from 0 to 9")
          .foregroundStyle(.secondary)
          .multilineTextAlignment(.center)
          .padding()
          .allowsHitTesting(false)
      }
    }
    .accessibilityElement()
    .accessibilityLabel("Canvas")
    .accessibilityValue(pad.reading?.sentence ?? "Empty")
    .accessibilityHint("Double-tap, then draw a digit from 0 to 9 with a finger.")
    .accessibilityDirectTouch(options: .requiresActivation)
    .accessibilityAction(named: "Undo") { pad.undo() }
    .accessibilityAction(named: "Clear") { pad.clear() }
  }

  private func drag(side: CGFloat) -> some Gesture {
    func point(_ place: CGPoint) -> Point { Point(place.x / side, place.y / side) }
    return DragGesture(minimumDistance: 0)
      .onChanged { pad.drag(from: point($0.startLocation), to: point($0.location)) }
      .onEnded { _ in pad.endStroke() }
  }
}

/// Draws a stroke as `Drawing.pixels` does.
private func draw(_ stroke: Stroke, _ penWidth: Double, _ context: inout GraphicsContext, side: CGFloat) {
  let width = penWidth * side
  let corners = stroke.curve.map { CGPoint(x: $0.x * side, y: $0.y * side) }
  guard let first = corners.first else { return }
  if corners.count == 1 {
    let dot = CGRect(x: first.x - width / 2, y: first.y - width / 2, width: width, height: width)
    context.fill(Path(ellipseIn: dot), with: .color(.primary))
  } else {
    var path = Path()
    path.addLines(corners)
    context.stroke(
      path, with: .color(.primary), style: StrokeStyle(lineWidth: width, lineCap: .round, lineJoin: .round))
  }
}
