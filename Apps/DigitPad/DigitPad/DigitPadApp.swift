import DigitPadLogic
import SwiftUI

@main
struct DigitPadApp: App {
  var body: some Scene {
    WindowGroup { PadScreen() }
      .commands { PadCommands() }
  }
}

/// Menu items and keyboard shortcuts for the window in front.
struct PadCommands: Commands {
  @FocusedValue(Pad.self) private var pad

  var body: some Commands {
    CommandGroup(replacing: .undoRedo) {
      Button("Undo") { pad?.undo() }
        .keyboardShortcut("z", modifiers: .command)
        .disabled(pad?.sketch.canUndo != true)
      Button("Redo") { pad?.redo() }
        .keyboardShortcut("z", modifiers: [.command, .shift])
        .disabled(pad?.sketch.canRedo != true)
      Button("Clear Drawing") { pad?.clear() }
        .keyboardShortcut(.delete, modifiers: .command)
        .disabled(pad?.sketch.drawing.isEmpty != false)
    }
  }
}
