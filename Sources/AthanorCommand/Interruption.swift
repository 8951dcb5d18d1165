import ArgumentParser
import Athanor
import Foundation

/// Ends training after the present batch when the user presses Ctrl-C (SIGINT) or the system asks the program to end (SIGTERM); a second time
/// ends the program at once.
final class Interruption: Callback {
  private final class Flag: @unchecked Sendable {  // guarded by its lock
    private let lock = NSLock()
    private var signals: [Int32] = []

    /// - Returns: Whether it is the first signal.
    func raise(_ signal: Int32) -> Bool {
      lock.withLock {
        signals.append(signal)
        return signals.count == 1
      }
    }
    var signal: Int32? { lock.withLock { signals.first } }
  }

  private let flag = Flag()
  private let sources: [any DispatchSourceSignal]
  private(set) var wasInterrupted = false

  init() {
    let flag = flag
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { if !flag.raise(number) { exit(Interruption.code(of: number)) } }
      source.resume()
      return source
    }
  }

  /// What a shell says of a program that a signal has ended: 130 for SIGINT, 143 for SIGTERM.
  private static func code(of signal: Int32) -> Int32 { 128 + signal }

  /// The exit code of the program that was interrupted.
  var exitCode: ExitCode { ExitCode(Interruption.code(of: flag.signal ?? SIGINT)) }

  func batchDidEnd(_ batch: Int, _ logs: Logs, _ context: TrainingContext) throws { stop(context) }

  /// A signal that came during the validation.
  func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {
    if epoch < context.epochs { stop(context) }
  }

  private func stop(_ context: TrainingContext) {
    guard flag.signal != nil else { return }
    wasInterrupted = true
    context.stopTraining = true
  }
}
