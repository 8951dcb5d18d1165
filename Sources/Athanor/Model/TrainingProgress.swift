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
  /// The running sums of the unfinished epoch.
  package var totals: [[Double]] = []
  package var count = 0.0
  package var history = History()
  /// A learning rate that replaces the optimizer's.
  package var fixedRate: Double?
  /// What each callback remembers, by its key.
  package var callbacks: [String: [String: Double]] = [:]

  package init(seed: UInt64) { self.seed = seed }

  private enum CodingKeys: String, CodingKey {
    case seed, step, pass, epoch, batch, totals, count, history, fixedRate, callbacks
  }

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    seed = try values.decode(UInt64.self, forKey: .seed)
    step = try values.decode(Int.self, forKey: .step)
    // Older files had one pass for each step.
    pass = try values.decodeIfPresent(Int.self, forKey: .pass) ?? step
    epoch = try values.decode(Int.self, forKey: .epoch)
    batch = try values.decode(Int.self, forKey: .batch)
    totals = try values.decode([[Double]].self, forKey: .totals)
    count = try values.decode(Double.self, forKey: .count)
    history = try values.decode(History.self, forKey: .history)
    fixedRate = try values.decodeIfPresent(Double.self, forKey: .fixedRate)
    callbacks = try values.decode([String: [String: Double]].self, forKey: .callbacks)
  }
}
