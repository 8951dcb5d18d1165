import Accessibility
import DigitPadLogic
import SwiftUI

/// The window: the canvas, and what the network says, side by side or one above the other.
struct PadScreen: View {
  @State private var pad = Pad()

  var body: some View {
    GeometryReader { space in
      let layout =
        space.size.width > space.size.height
        ? AnyLayout(HStackLayout(alignment: .top, spacing: 24)) : AnyLayout(VStackLayout(spacing: 16))
      layout {
        VStack(spacing: 12) {
          CanvasView(pad: pad)
          PadButtons(pad: pad)
        }
        ScrollView { ResultView(pad: pad, retry: load) }
      }
      .padding()
    }
    .frame(minWidth: 300, minHeight: 300)
    .task { await load() }
    .focusedSceneValue(pad)
    .sensoryFeedback(.impact(weight: .light), trigger: pad.sketch.drawing.strokes.count)
    .sensoryFeedback(.selection, trigger: pad.reading?.best.digit)
    .onChange(of: pad.announcement) { _, sentence in
      if let sentence { AccessibilityNotification.Announcement(sentence).post() }
    }
  }

  private func load() async {
    await pad.load { try CoreMLClassifier() }
  }
}

/// What the menu has, for hands without a keyboard.
struct PadButtons: View {
  let pad: Pad

  var body: some View {
    HStack(spacing: 12) {
      Button("Undo", systemImage: "arrow.uturn.backward") { pad.undo() }
        .disabled(!pad.sketch.canUndo)
      Button("Redo", systemImage: "arrow.uturn.forward") { pad.redo() }
        .disabled(!pad.sketch.canRedo)
      Button("Clear", systemImage: "trash", role: .destructive) { pad.clear() }
        .disabled(pad.sketch.drawing.isEmpty)
    }
    .labelStyle(.iconOnly)
    .buttonStyle(.bordered)
    .controlSize(.large)
  }
}
