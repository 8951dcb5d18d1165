import Foundation

/// Ends training when the loss becomes NaN or infinite, instead of throwing an error. Source:
/// `keras.callbacks.TerminateOnNaN`.
public final class TerminateOnNaN: Callback {
  /// Ends training at the first loss that is not finite.
  public init() {}
}

/// Runs closures: a callback for small things. Source: `keras.callbacks.LambdaCallback`.
///
/// - Example:
///   ```swift
///   ClosureCallback(epochDidEnd: { epoch, logs, _ in print(epoch, logs["loss"] ?? .nan) })
///   ```
public final class ClosureCallback: Callback {
  private let epochEnd: ((Int, Logs, TrainingContext) throws -> Void)?
  private let batchEnd: ((Int, Logs, TrainingContext) throws -> Void)?

  /// - Parameters:
  ///   - batchDidEnd: Run after each batch.
  ///   - epochDidEnd: Run after each epoch.
  public init(
    batchDidEnd: ((Int, Logs, TrainingContext) throws -> Void)? = nil,
    epochDidEnd: ((Int, Logs, TrainingContext) throws -> Void)? = nil
  ) {
    batchEnd = batchDidEnd
    epochEnd = epochDidEnd
  }

  public func batchDidEnd(_ batch: Int, _ logs: Logs, _ context: TrainingContext) throws {
    try batchEnd?(batch, logs, context)
  }

  public func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {
    try epochEnd?(epoch, logs, context)
  }
}

/// Writes the figures of each epoch into a CSV file. Source: `keras.callbacks.CSVLogger`.
///
/// The columns are fixed when training begins: epoch, each figure that can be monitored, learning_rate, seconds. A missing figure is an
/// empty cell. The file is replaced whole after each epoch, so it is never half written; when training resumes, rows of
/// epochs that are trained again are dropped and there is still one header.
///
/// - Example:
///   ```swift
///   CSVLogger("history.csv")
///   ```
public final class CSVLogger: Callback {
  private let path: String
  private let append: Bool
  private var lines: [String] = []

  /// - Parameters:
  ///   - path: Where the file is.
  ///   - append: Whether rows of an existing file with the same columns are kept when training does not resume.
  public init(_ path: String, append: Bool = false) {
    self.path = path
    self.append = append
  }

  public func trainingDidBegin(_ context: TrainingContext) throws {
    let header = (["epoch"] + context.monitors + ["learning_rate", "seconds"]).joined(separator: ",")
    lines = [header]
    if append || context.isResuming, let text = try? String(contentsOfFile: path, encoding: .utf8) {
      let old = text.split(whereSeparator: \.isNewline).map(String.init)
      guard old.isEmpty || old[0] == header else {
        throw AthanorError(
          .file, at: path, "its columns are \(old[0]) but this training has \(header)",
          fix: "Give another file name or remove the file.")
      }
      lines += old.dropFirst().filter { line in
        !context.isResuming || (Int(line.prefix { $0 != "," }) ?? .max) <= context.model.progress.epoch
      }
    }
    try write()
  }

  public func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {
    let record = context.model.progress.history.epochs.last
    let figures = context.monitors.map { logs[$0].map { String($0) } ?? "" }
    let rest = [record.map { String($0.learningRate) } ?? "", record.map { fixed($0.seconds, 3) } ?? ""]
    lines.append(([String(epoch)] + figures + rest).joined(separator: ","))
    try write()
  }

  private func write() throws {
    try FileBytes.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: path)
  }
}

/// A number with so many digits after the point, as C's `%.*f` prints it.
package func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }
