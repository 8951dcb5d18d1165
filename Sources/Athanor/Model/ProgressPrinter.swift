import Foundation

/// Prints the progress of a training as Keras does.
struct ProgressPrinter {
  private let verbosity: Verbosity
  private let state = State()

  private final class State {
    var batches = 0
    var width = 0
    var lastPrint = -1.0
  }

  init(_ verbosity: Verbosity) {
    let isTerminal = isatty(1) == 1
    self.verbosity = verbosity == .auto ? (isTerminal ? .bar : .line) : verbosity
  }

  /// Prints a line.
  func say(_ text: String) {
    if verbosity != .silent { write(text + "\n") }
  }

  func beginEpoch(_ epoch: Int, of epochs: Int, batches: Int) {
    state.batches = batches
    state.lastPrint = -1
    say("Epoch \(epoch)/\(epochs)")
  }

  func batch(_ batch: Int, _ logs: Logs, _ seconds: Double) {
    // Ten times a second is enough for the eye and costs nothing.
    guard verbosity == .bar, seconds - state.lastPrint >= 0.1 else { return }
    state.lastPrint = seconds
    let perStep = seconds / Double(batch)
    let left = Int((perStep * Double(state.batches - batch)).rounded())
    overwrite(bar(batch) + " \(left)s " + timing(perStep) + figures(logs))
  }

  func endEpoch(_ logs: Logs, _ seconds: Double) {
    let perStep = seconds / Double(max(state.batches, 1))
    let text = " \(Int(seconds.rounded()))s " + timing(perStep) + figures(logs)
    switch verbosity {
    case .bar:
      overwrite(bar(state.batches) + text)
      endLine()
    case .line: say("\(state.batches)/\(state.batches) -" + text)
    case .silent, .auto: break
    }
  }

  func endLine() { if verbosity == .bar { write("\n"); state.width = 0 } }

  private func bar(_ batch: Int) -> String {
    let total = String(state.batches)
    let number = String(repeating: " ", count: max(0, total.count - String(batch).count)) + String(batch)
    let filled = 20 * batch / max(state.batches, 1)
    return "\(number)/\(total) " + String(repeating: "━", count: filled) + String(repeating: "─", count: 20 - filled)
  }

  private func timing(_ seconds: Double) -> String {
    seconds >= 1
      ? "\(Int(seconds.rounded()))s/step"
      : seconds >= 1e-3 ? "\(Int((seconds * 1e3).rounded()))ms/step" : "\(Int((seconds * 1e6).rounded()))us/step"
  }

  private func figures(_ logs: Logs) -> String {
    logs.entries.map { entry in
      let small = abs(entry.value) > 0 && abs(entry.value) < 1e-3
      return " - \(entry.name): " + (small ? String(format: "%.4e", entry.value) : fixed(entry.value, 4))
    }.joined()
  }

  private func overwrite(_ text: String) {
    let padding = String(repeating: " ", count: max(0, state.width - text.count))
    state.width = text.count
    write("\r" + text + padding)
  }

  private func write(_ text: String) {
    print(text, terminator: "")
    fflush(nil)
  }
}

