import Foundation

/// Where training stands, to be saved beside the weights.
package struct TrainingProgress: Hashable, Sendable, Codable {
  package var seed: UInt64
  /// Steps taken in all.
  package var step = 0
  /// Forward passes in training mode in all: what random numbers are counted by.
  package var pass = 0
  /// Epochs completed, and batches of the next one that are done.
  package var epoch = 0
  package var batch = 0
  /// The number of batches of the last whole epoch, for sources that do not know it.
  package var epochBatches: Int?
  /// Where the data source stands; nil before the first batch of a pass that begins with the epoch.
  package var source: SourceProgress?
  /// The running sums of the unfinished epoch.
  package var totals: [[Double]] = []
  package var count = 0.0
  package var history = History()
  /// A learning rate that replaces the optimizer's.
  package var fixedRate: Double?
  /// What each callback remembers, by its key.
  package var callbacks: [String: [String: Double]] = [:]
  /// The arrays that each callback remembers; not part of the text, but tensors of the files that can hold them.
  package var callbackArrays: [String: [String: [Float]]] = [:]

  package init(seed: UInt64) { self.seed = seed }

  private enum CodingKeys: String, CodingKey {
    case seed, step, pass, epoch, batch, epochBatches, source, totals, count, history, fixedRate, callbacks
  }

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    seed = try values.decode(UInt64.self, forKey: .seed)
    step = try values.decode(Int.self, forKey: .step)
    // Older files had one pass for each step.
    pass = try values.decodeIfPresent(Int.self, forKey: .pass) ?? step
    epoch = try values.decode(Int.self, forKey: .epoch)
    batch = try values.decode(Int.self, forKey: .batch)
    epochBatches = try values.decodeIfPresent(Int.self, forKey: .epochBatches)
    source = try values.decodeIfPresent(SourceProgress.self, forKey: .source)
    totals = try values.decode([[Double]].self, forKey: .totals)
    count = try values.decode(Double.self, forKey: .count)
    history = try values.decode(History.self, forKey: .history)
    fixedRate = try values.decodeIfPresent(Double.self, forKey: .fixedRate)
    callbacks = try values.decode([String: [String: Double]].self, forKey: .callbacks)
  }
}

/// How far a training has read its data source.
package struct SourceProgress: Hashable, Sendable, Codable {
  /// The number of the pass, from 1.
  package var pass: Int
  /// How many of its batches are done.
  package var batches = 0
  /// Where its cursor stands; nil for one that cannot be moved.
  package var position: [String: Int]?
}

extension TrainingProgress {
  /// The text in JSON, numbers that are not finite as `"nan"`, `"inf"` and `"-inf"`.
  package var text: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  /// Reads the text at a place of a file.
  ///
  /// - Throws: `AthanorError` when it is damaged.
  package init(parsing text: String, at location: String) throws {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      self = try decoder.decode(TrainingProgress.self, from: Data(text.utf8))
    } catch {
      throw AthanorError(
        .data, at: location, "the state of training cannot be read",
        fix: "Go on from another checkpoint, or train anew.")
    }
  }

  /// Checks a state that was read.
  ///
  /// - Throws: `AthanorError` when its numbers are impossible, or it belongs to a training with other losses or metrics.
  package func check(for training: Training, at location: String) throws {
    let numbers = [step, pass, epoch, batch, epochBatches ?? 0, source?.batches ?? 0, (source?.pass ?? 1) - 1]
    guard numbers.allSatisfy({ (0...1 << 52).contains($0) }), count >= 0, count.isFinite,
      fixedRate.map({ $0 >= 0 && $0.isFinite }) ?? true
    else {
      throw AthanorError(
        .data, at: location, "the state of training has impossible numbers",
        fix: "Go on from another checkpoint, or train anew.")
    }
    // One row of sums for each loss and metric, or none at an epoch's beginning.
    guard totals.isEmpty || training.accepts(totals.map(\.count)) else {
      throw AthanorError(
        .argument, at: location,
        "the unfinished epoch has sums \(totals.map(\.count)) of losses and metrics but the model is compiled for "
          + "\(training.sumCounts)",
        fix: "Compile with the losses and metrics of the interrupted training.")
    }
  }
}
