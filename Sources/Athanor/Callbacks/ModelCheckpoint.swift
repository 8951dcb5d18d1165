/// A way to write models into files.
public protocol ModelFileFormat: Sendable {
  /// Tells before training whether the format can hold a model.
  ///
  /// - Throws: `AthanorError` that names the layer, when it cannot.
  func check(_ model: Model, weightsOnly: Bool) throws

  /// Writes a model, atomically.
  ///
  /// - Throws: `AthanorError` when the file cannot be written; an older file of this name is then untouched.
  func write(_ model: Model, to path: String, weightsOnly: Bool) throws
}

/// Saves the model after each epoch, or only when a figure has improved. Source: `keras.callbacks.ModelCheckpoint`.
///
/// The path may hold `{epoch}`, `{batch}` and any figure, with a format: `best.{epoch:02d}-{val_loss:.2f}.safetensors`; `{{` and `}}` stand for
/// braces. It is checked before the first epoch. The best value is kept in checkpoints and from one `fit` to the next, so that no training overwrites a better file.
///
/// - Example:
///   ```swift
///   ModelCheckpoint("best_model.{epoch:02d}-{val_loss:.2f}.safetensors", monitor: .validationLoss, saveBestOnly: true)
///   ```
public final class ModelCheckpoint: Callback {
  private let template: String
  private let monitor: Monitor
  private let mode: MonitorMode
  private let saveBestOnly: Bool
  private let weightsOnly: Bool
  private let everyBatches: Int?
  private let givenFormat: (any ModelFileFormat)?
  private var format: any ModelFileFormat { get throws { try givenFormat ?? ModelFormat.writer(of: template).format } }
  private var improvement: Improvement?
  private var parsed: FileTemplate?
  /// The best value so far; NaN before the first.
  public private(set) var best = Double.nan
  /// The file that was written last.
  public private(set) var lastPath: String?

  /// Saves to a path.
  ///
  /// - Parameters:
  ///   - path: Where, with places for figures.
  ///   - monitor: The figure that `saveBestOnly` looks at.
  ///   - mode: Which way is better.
  ///   - saveBestOnly: Whether only improvements are saved.
  ///   - weightsOnly: Whether the architecture and the optimizer are left out.
  ///   - everyBatches: Save after so many batches instead of after each epoch.
  ///   - format: How the file is written; nil to let the path's ending say it: `.safetensors`, or `.h5` with `AthanorKeras`.
  public init(
    _ path: String, monitor: Monitor = .validationLoss, mode: MonitorMode = .auto, saveBestOnly: Bool = false,
    weightsOnly: Bool = false, everyBatches: Int? = nil, format: (any ModelFileFormat)? = nil
  ) {
    template = path
    self.monitor = monitor
    self.mode = mode
    self.saveBestOnly = saveBestOnly
    self.weightsOnly = weightsOnly
    self.everyBatches = everyBatches
    givenFormat = format
  }

  public var savesModel: Bool { true }

  public func trainingDidBegin(_ context: TrainingContext) throws {
    // Within an epoch there are no figures of the validation yet.
    let monitors = everyBatches == nil ? context.monitors : context.monitors.filter { !$0.hasPrefix("val_") }
    parsed = try FileTemplate(template, names: ["epoch", "batch"] + monitors)
    if let everyBatches, everyBatches < 1 {
      throw AthanorError(.argument, at: "ModelCheckpoint", "everyBatches is \(everyBatches) but must be at least 1")
    }
    if saveBestOnly, everyBatches != nil, monitor.name.hasPrefix("val_") {
      throw AthanorError(
        .argument, at: "ModelCheckpoint",
        "\"\(monitor.name)\" is measured after an epoch, but files are to be saved within it",
        code: "Monitor one of \(monitors.joined(separator: ", ")), or leave everyBatches out.")
    }
    try format.check(context.model, weightsOnly: weightsOnly)
    guard saveBestOnly else { return }
    let improvement = try Improvement(monitor, mode, "ModelCheckpoint", context)
    self.improvement = improvement
    guard context.isResuming, everyBatches == nil else { return }
    // The checkpoint may have been written by another callback, before this one had looked at the epoch.
    for epoch in context.model.history.epochs {
      guard let value = epoch.logs[monitor.name] else { continue }
      if improvement.isBetter(value, than: best.isNaN ? improvement.worst : best) { best = value }
    }
  }

  public func batchDidEnd(_ batch: Int, _ logs: Logs, _ context: TrainingContext) throws {
    guard let everyBatches else { return }
    let epoch = context.model.progress.epoch + 1
    // Counted from the first epoch's first batch, so that a resumed training saves at the same places.
    let batches = (epoch - 1) * (context.batchesPerEpoch ?? 0) + batch
    if batches.isMultiple(of: everyBatches) { try save(epoch, batch, logs, context) }
  }

  public func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {
    if everyBatches == nil { try save(epoch, context.batchesPerEpoch ?? 0, logs, context) }
  }

  private func save(_ epoch: Int, _ batch: Int, _ logs: Logs, _ context: TrainingContext) throws {
    if let improvement {
      guard let value = logs[monitor.name], improvement.isBetter(value, than: best.isNaN ? improvement.worst : best)
      else { return }
      best = value
    }
    guard
      let path = parsed?.path({ name in
        name == "epoch" ? Double(epoch) : name == "batch" ? Double(batch) : logs[name] ?? .nan
      })
    else { return }
    context.captureState()
    try format.write(context.model, to: path, weightsOnly: weightsOnly)
    lastPath = path
  }

  public var state: [String: Double] {
    get { ["best": best] }
    set { best = newValue["best"] ?? .nan }
  }
}

/// A path with places for figures: `{epoch:02d}`, `{val_loss:.2f}`, `{val_loss}`; `{{` and `}}` stand for braces.
package struct FileTemplate {
  private enum Part {
    case text(String)
    case figure(name: String, zeroes: Bool, width: Int, decimals: Int?, isInteger: Bool)
  }
  private var parts: [Part] = []

  /// - Throws: `AthanorError` when a brace is not closed, a name is unknown or a format is not understood.
  package init(_ template: String, names: [String]) throws {
    var rest = Substring(template)
    func refuse(_ problem: String, _ suggestion: String = "") -> AthanorError {
      AthanorError(
        .argument, at: "ModelCheckpoint path \"\(template)\"", problem,
        fix: suggestion
          + "Write places such as {epoch:02d} or {val_loss:.2f}; known are \(names.joined(separator: ", ")).")
    }
    func text(_ part: Substring) -> Part { .text(String(part.replacing("}}", with: "}"))) }
    while let open = rest.firstIndex(of: "{") {
      parts.append(text(rest[..<open]))
      if rest[open...].hasPrefix("{{") {
        parts.append(.text("{"))
        rest = rest[open...].dropFirst(2)
        continue
      }
      guard let close = rest[open...].firstIndex(of: "}") else { throw refuse("a brace is not closed") }
      let field = rest[rest.index(after: open)..<close]
      let pieces = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let name = Logs.canonical(String(pieces[0]))
      guard names.contains(name) else {
        throw refuse("nothing named \"\(name)\" is measured", AthanorError.suggestion(for: name, among: names))
      }
      parts.append(try FileTemplate.figure(name, pieces.count > 1 ? pieces[1] : "") { refuse($0) })
      rest = rest[rest.index(after: close)...]
    }
    parts.append(text(rest))
  }

  /// A path in which braces are no places for figures.
  package static func escaped(_ path: String) -> String {
    path.replacing("{", with: "{{").replacing("}", with: "}}")
  }

  private static func figure(
    _ name: String, _ format: Substring, _ refuse: (String) -> AthanorError
  ) throws -> Part {
    let isCount = name == "epoch" || name == "batch"
    var digits = format
    let kind = digits.last.flatMap { $0.isLetter ? digits.removeLast() : nil }
    guard kind == nil || kind == "d" && isCount || kind == "f" && !isCount else {
      throw refuse("format \"\(format)\" is not possible for \(name)")
    }
    let pieces = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let width = pieces.first.map(String.init) ?? ""
    let decimals = pieces.count > 1 ? Int(pieces[1]) : nil
    guard width.isEmpty || Int(width).map({ (0...64).contains($0) }) == true,
      pieces.count < 2 || !isCount && decimals.map({ (0...16).contains($0) }) == true
    else { throw refuse("format \"\(format)\" is not understood") }
    return .figure(
      name: name, zeroes: width.hasPrefix("0"), width: Int(width) ?? 0, decimals: decimals ?? (kind == "f" ? 6 : nil),
      isInteger: isCount)
  }

  package func path(_ figure: (String) -> Double) -> String {
    parts.map { part in
      switch part {
      case .text(let text): return text
      case .figure(let name, let zeroes, let width, let decimals, let isInteger):
        let value = figure(name)
        let text =
          isInteger && value.isFinite
          ? String(Int(value)) : decimals.map { fixed(value, $0) } ?? String(value)
        let padding = String(repeating: zeroes ? "0" : " ", count: max(0, width - text.count))
        return zeroes && text.hasPrefix("-") ? "-" + padding + text.dropFirst() : padding + text
      }
    }.joined()
  }
}
