import Foundation

/// The terminal on standard output.
package enum TerminalSize {
  /// How many characters a line has; nil where standard output is no terminal.
  package static var columns: Int? {
    var size = winsize()
    guard isatty(1) == 1, ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }
}

/// Prints the progress of a training as Keras does.
///
/// A bar is drawn again and again on its line, which it must not leave: where the terminal is too narrow for it, the bar gets shorter and the
/// last figures are left out.
package struct ProgressPrinter {
  private let verbosity: Verbosity
  private let columns: () -> Int?
  private let write: (String) -> Void
  private let state = State()

  private final class State {
    /// nil where it is not known.
    var batches: Int?
    var width = 0
    var lastPrint = -1.0
  }

  package init(
    _ verbosity: Verbosity, isTerminal: Bool = isatty(1) == 1,
    write: @escaping (String) -> Void = ProgressPrinter.standardOutput,
    columns: @escaping () -> Int? = { TerminalSize.columns }
  ) {
    self.verbosity = verbosity == .auto ? (isTerminal ? .bar : .line) : verbosity
    self.columns = columns
    self.write = write
  }

  /// Prints a line; a bar that is being drawn stays above it.
  package func say(_ text: String) {
    guard verbosity != .silent else { return }
    endLine()
    write(text + "\n")
  }

  package func beginEpoch(_ epoch: Int, of epochs: Int, batches: Int?) {
    state.batches = batches
    state.lastPrint = -1
    say("Epoch \(epoch)/\(epochs)")
  }

  package func batch(_ batch: Int, _ logs: Logs, _ seconds: Double) {
    // Ten times a second is enough for the eye and costs nothing.
    guard verbosity == .bar, seconds - state.lastPrint >= 0.1 else { return }
    state.lastPrint = seconds
    let perStep = seconds / Double(batch)
    // What is left of the epoch; the time so far where that is not known.
    let time = state.batches.map { clock(Int(perStep * Double(max(0, $0 - batch)))) } ?? "\(Int(seconds.rounded()))s"
    overwrite(line(batch, " \(time) " + timing(perStep), figures(logs)))
  }

  /// - Parameter batches: How many batches the epoch had.
  package func endEpoch(_ logs: Logs, _ seconds: Double, batches: Int) {
    state.batches = batches
    let perStep = seconds / Double(max(batches, 1))
    let elapsed = "\(Int(seconds.rounded()))s"
    let rest = timing(perStep) + figures(logs).joined()
    switch verbosity {
    case .bar:
      overwrite(bar(batches) + " \(elapsed) " + rest)
      endLine()
    case .line: say("\(batches)/\(batches) - \(elapsed) - " + rest)
    case .silent, .auto: break
    }
  }

  /// Leaves the line of the bar, when one is being drawn.
  package func endLine() {
    guard state.width > 0 else { return }
    write("\n")
    state.width = 0
  }

  /// The line of a bar as long as the terminal's at most, whose last place stays free.
  private func line(_ batch: Int, _ time: String, _ figures: [String]) -> String {
    let room = columns().map { $0 - 1 } ?? .max
    func line(_ bar: Int, _ figures: [String]) -> String { self.bar(batch, length: bar) + time + figures.joined() }
    for count in stride(from: figures.count, through: 0, by: -1) {
      let shown = Array(figures.prefix(count))
      let excess = line(20, shown).count - room
      if excess <= 0 { return line(20, shown) }
      if excess <= 15, state.batches != nil { return line(20 - excess, shown) }
    }
    return String(line(5, []).prefix(room))
  }

  private func bar(_ batch: Int, length: Int = 20) -> String {
    guard let batches = state.batches else {
      return String(repeating: " ", count: max(0, 7 - String(batch).count)) + "\(batch)/Unknown"
    }
    let total = String(batches)
    let number = String(repeating: " ", count: max(0, total.count - String(batch).count)) + String(batch)
    let filled = min(length, length * batch / max(batches, 1))
    return "\(number)/\(total) " + String(repeating: "━", count: filled)
      + String(repeating: "─", count: length - filled)
  }

  /// `42s`, `1:05` or `2:00:07`, as Keras prints the time that is left.
  private func clock(_ seconds: Int) -> String {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
    if seconds <= 60 { return "\(seconds)s" }
    if seconds <= 3600 { return "\(seconds / 60):" + two(seconds % 60) }
    return "\(seconds / 3600):" + two(seconds % 3600 / 60) + ":" + two(seconds % 60)
  }

  private func timing(_ seconds: Double) -> String {
    seconds >= 1
      ? "\(Int(seconds.rounded()))s/step"
      : seconds >= 1e-3 ? "\(Int((seconds * 1e3).rounded()))ms/step" : "\(Int((seconds * 1e6).rounded()))us/step"
  }

  private func figures(_ logs: Logs) -> [String] {
    logs.entries.map { entry in
      let small = abs(entry.value) > 0 && abs(entry.value) < 1e-3
      return " - \(entry.name): " + (small ? String(format: "%.4e", entry.value) : fixed(entry.value, 4))
    }
  }

  private func overwrite(_ text: String) {
    let padding = String(repeating: " ", count: max(0, min(state.width, columns().map { $0 - 1 } ?? .max) - text.count))
    state.width = text.count
    write("\r" + text + padding)
  }

  /// Prints at once, also when the output is a pipe.
  package static func standardOutput(_ text: String) {
    print(text, terminator: "")
    fflush(nil)
  }
}
