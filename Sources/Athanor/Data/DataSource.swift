/// Where `fit`, `evaluate` and `predict` take examples from, batch by batch: a `Dataset` in memory, or a stream of your own that
/// need not fit into memory nor know its length.
///
/// A source describes its arrays and makes cursors; a cursor fills one batch after another. Everything that reads a source asks for a
/// cursor of its own, so a source holds no position itself.
///
/// - Example:
///   ```swift
///   struct Squares: DataSource {
///     let ports = DataPorts(inputs: [Port(lengths: [.batch, 1])], targets: [Port(lengths: [.batch, 1])])
///
///     func cursor(_ pass: DataPass) -> any DataCursor { SquaresCursor() }
///   }
///
///   final class SquaresCursor: DataCursor {
///     var next = 0
///
///     func fill(_ batch: Batch) throws -> Int {
///       let count = min(batch.capacity, 1000 - next)
///       for example in 0..<count {
///         let x = Float(next + example) / 1000
///         try batch.set(.input, example, to: [x])
///         try batch.set(.target, example, to: [x * x])
///       }
///       next += count
///       return count
///     }
///   }
///   ```
public protocol DataSource {
  /// The names, element types and lengths of its arrays.
  var ports: DataPorts { get }
  /// The number of examples of one pass; nil when it is not known.
  var exampleCount: Int? { get }
  /// Factor applied to float32 inputs as they enter the model; nil for the model's `pixelScale` on bytes and 1 on everything else.
  var scale: Float? { get }
  /// The source as a data set, where all of it lies in memory; nil for a stream. `fit` checks it as a whole before training begins, and
  /// takes the examples of `validationSplit` from it.
  var dataset: Dataset? { get }
  /// The names of the classes, by number, which a model takes over that learns from the source; nil when they have none.
  var classNames: [String]? { get }
  /// How the pictures were prepared, which a model takes over that learns from the source; nil when that is not known or nothing was done.
  var picturePreparation: PicturePreparation? { get }

  /// A cursor at the beginning of a pass. Cursors of equal passes give the same batches.
  ///
  /// - Throws: when the source cannot be read.
  func cursor(_ pass: DataPass) throws -> any DataCursor
}

extension DataSource {
  /// Not known.
  public var exampleCount: Int? { nil }
  /// The model's.
  public var scale: Float? { nil }
  /// None: a stream.
  public var dataset: Dataset? { nil }
  /// None.
  public var classNames: [String]? { nil }
  /// None.
  public var picturePreparation: PicturePreparation? { nil }
}

/// Reads one pass through a source.
public protocol DataCursor: AnyObject {
  /// Fills a batch with the next examples, from its place 0.
  ///
  /// - Returns: How many there are, at most `batch.capacity`; 0 at the end of the pass.
  /// - Throws: when the source cannot be read.
  func fill(_ batch: Batch) throws -> Int

  /// What is needed to go on behind the last batch, for checkpoints; nil for a cursor that cannot be moved. A training that is resumed
  /// then reads the batches again that the interrupted one had read.
  var position: [String: Int]? { get }

  /// Moves a cursor that was made for the same pass to a position.
  ///
  /// - Throws: when there is no such position.
  func move(to position: [String: Int]) throws
}

extension DataCursor {
  /// None: the cursor cannot be moved.
  public var position: [String: Int]? { nil }

  /// Refuses.
  ///
  /// - Throws: `AthanorError`.
  public func move(to position: [String: Int]) throws {
    throw AthanorError(
      .unsupported, at: "", "the data source cannot go on at a saved position, but the checkpoint has one",
      code: "Resume with the data of the interrupted training, or implement DataCursor.move(to:).",
      command: "Resume with the data of the interrupted training.")
  }
}

/// One way through a source: what a cursor is made for.
public struct DataPass: Hashable, Sendable {
  /// The number of the pass, from 1; the number of the epoch unless `stepsPerEpoch` cuts epochs.
  public let number: Int
  /// The seed of whatever is random, an order for example. It is the same for all passes of a training.
  public let seed: UInt64
  /// Whether the order should change from pass to pass.
  public let shuffle: Bool
  /// The number of examples of a batch.
  public let batchSize: Int
  /// Which share of the pass is wanted, from 0. Share k of n is each n-th batch from batch k on, so that all shares together are the
  /// whole pass: for training on several machines.
  public let share: Int
  /// The number of shares.
  public let shareCount: Int

  /// Describes a pass.
  ///
  /// - Throws: `AthanorError` when a number is out of range.
  public init(
    number: Int = 1, seed: UInt64 = 0, shuffle: Bool = false, batchSize: Int = 32, share: Int = 0, shareCount: Int = 1
  ) throws {
    guard number >= 1, batchSize >= 1, shareCount >= 1, (0..<shareCount).contains(share) else {
      throw AthanorError(
        .argument, at: "DataPass", "number is \(number), batchSize \(batchSize) and share \(share) of \(shareCount)",
        code: "number, batchSize and shareCount must be at least 1, and share at least 0 and below shareCount.")
    }
    self.number = number
    self.seed = seed
    self.shuffle = shuffle
    self.batchSize = batchSize
    self.share = share
    self.shareCount = shareCount
  }
}

extension DataPass {
  /// The places of all examples in the order of the pass, all shares together.
  package func order(of count: Int) -> [Int] {
    guard shuffle else { return Array(0..<count) }
    var random = RandomStream(seed: seed, stream: 2 << 32 | UInt64(number))
    return random.permutation(count)
  }

  /// The number of batches of all shares together.
  package func batchCount(of count: Int) -> Int { count / batchSize + (count % batchSize == 0 ? 0 : 1) }

  /// The batch that a cursor's saved position names.
  ///
  /// - Throws: `AthanorError` when the pass has no such batch.
  package func batch(at position: [String: Int], of batchCount: Int) throws -> Int {
    guard let place = position["batch"], place >= 0, place % shareCount == share, place - shareCount < batchCount else {
      throw AthanorError(
        .argument, at: "", "the checkpoint is at position \(position) of a data set of \(batchCount) batches",
        fix: "Resume with the data and the batch size of the interrupted training.")
    }
    return place
  }
}

/// The arrays of a source. The first axis of each is `.batch`; a single input or target needs no name.
public struct DataPorts: Hashable, Sendable {
  /// One for each input of the model, by its name.
  public var inputs: [Port]
  /// One for each output that has a loss or a metric, by its name. Targets are class numbers (int32 or uint8) or numbers.
  public var targets: [Port]
  /// The weights in the loss, by output, `[N]` or `[N, T]` (one for each time step); without a name for all outputs.
  public var sampleWeights: [Port]
  /// What counts in loss and metrics, by output, `[N]` or `[N, T]`: 0 for what does not; without a name for all outputs.
  public var masks: [Port]

  /// Lists the arrays.
  public init(inputs: [Port], targets: [Port] = [], sampleWeights: [Port] = [], masks: [Port] = []) {
    self.inputs = inputs
    self.targets = targets
    self.sampleWeights = sampleWeights
    self.masks = masks
  }

  var all: [(part: BatchPart, port: Port)] {
    inputs.map { (.input($0.name), $0) } + targets.map { (.target($0.name), $0) }
      + sampleWeights.map { (.sampleWeights($0.name), $0) } + masks.map { (.mask($0.name), $0) }
  }
}
