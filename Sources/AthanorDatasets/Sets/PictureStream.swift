import Athanor
import Foundation

/// Pictures of a folder that are read while a model learns from them, for folders that do not fit into memory.
///
/// Threads in the background decode and resize the next batches while the present one is computed; at most `batchesAhead` of them wait.
/// The order follows from the seed and the number of the pass, and is that of a `Dataset` of the same pictures, so that a training from a
/// stream gives the same weights, bit for bit. A training can be resumed in the middle of an epoch.
///
/// - Example:
///   ```swift
///   let folder = try PictureFolder("photos")
///   let split = try ExampleSplit(classes: folder.classNumbers, validation: 0.1, seed: 1)
///   let stream = try PictureStream(folder, split.train, height: 224, width: 224)
///   try model.fit(stream, epochs: 10, validation: PictureStream(folder, split.validation, height: 224, width: 224))
///   ```
public struct PictureStream: DataSource, Sendable {
  /// Inputs `[N, H, W, C]` bytes; targets `[N]` class numbers.
  public let ports: DataPorts
  /// The names of the classes.
  public let classNames: [String]?
  /// The number of pictures.
  public var exampleCount: Int? { reader.classes.count }

  private let reader: PictureReader
  private let threads: Int
  private let batchesAhead: Int

  /// Describes a stream; files are opened when it is read.
  ///
  /// - Parameters:
  ///   - folder: A folder that was looked at.
  ///   - places: Which pictures, by their places in `folder.entries`; nil for all.
  ///   - height: The rows of each example, H.
  ///   - width: The columns of each example, W.
  ///   - channels: 1 for shades of gray, 3 for red, green and blue, C.
  ///   - batchesAhead: How many batches are prepared at most before they are needed; each takes N * H * W * C bytes.
  ///   - threads: How many pictures are decoded at once; nil for one on each core.
  /// - Throws: `AthanorError` when a number is out of range.
  public init(
    _ folder: PictureFolder, _ places: [Int]? = nil, height: Int, width: Int, channels: Int = 3, batchesAhead: Int = 3,
    threads: Int? = nil
  ) throws {
    guard batchesAhead > 0, threads ?? 1 > 0 else {
      throw AthanorError(
        .argument, at: "PictureStream", "batchesAhead is \(batchesAhead) and threads \(threads ?? 1)",
        fix: "Both must be at least 1.")
    }
    reader = try PictureReader(
      folder, places ?? Array(folder.entries.indices), height: height, width: width, channels: channels)
    classNames = folder.classNames
    ports = DataPorts(
      inputs: [Port(dtype: .uint8, lengths: [.batch, .fixed(height), .fixed(width), .fixed(channels)])],
      targets: [Port(dtype: .int32, lengths: [.batch])])
    self.batchesAhead = batchesAhead
    self.threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
  }

  /// A cursor whose threads begin with the first batch, and end with the cursor.
  public func cursor(_ pass: DataPass) -> any DataCursor {
    PictureCursor(reader, pass, batchesAhead: batchesAhead, threads: threads)
  }
}

/// Reads one pass of a stream.
private final class PictureCursor: DataCursor {
  private let reader: PictureReader
  private let pass: DataPass
  private let order: [Int]
  private let batchCount: Int
  private let batchesAhead: Int
  private let threads: Int
  /// The next batch's number, among those of all shares.
  private var batch: Int
  private var work: ReadAhead?

  init(_ reader: PictureReader, _ pass: DataPass, batchesAhead: Int, threads: Int) {
    (self.reader, self.pass, self.batchesAhead, self.threads) = (reader, pass, batchesAhead, threads)
    order = pass.order(of: reader.classes.count)
    batchCount = pass.batchCount(of: order.count)
    batch = pass.share
  }

  deinit { work?.stop() }

  func fill(_ target: Batch) throws -> Int {
    guard batch < batchCount else { return 0 }
    let work = work ?? begin()
    let count = try work.next { rows, pixels in
      try target.withElements(.input, as: UInt8.self) { elements in
        guard elements.count >= pixels.count else { throw PictureCursor.tooSmall }
        UnsafeMutableRawBufferPointer(elements).copyMemory(from: pixels)
      }
      try target.withElements(.target, as: Int32.self) { elements in
        guard elements.count >= rows.count else { throw PictureCursor.tooSmall }
        for (place, row) in rows.enumerated() { elements[place] = reader.classes[row] }
      }
      return rows.count
    }
    batch += pass.shareCount
    return count
  }

  private static let tooSmall = AthanorError(
    .data, at: "", "the pictures do not fit into the batch",
    fix: "Fill batches of the size for which the cursor was made.")

  private func begin() -> ReadAhead {
    let batches = stride(from: batch, to: batchCount, by: pass.shareCount).map { number in
      Array(order[number * pass.batchSize..<min((number + 1) * pass.batchSize, order.count)])
    }
    let work = ReadAhead(reader, batches, limit: batchesAhead)
    work.begin(threads: threads)
    self.work = work
    return work
  }

  var position: [String: Int]? { ["batch": batch] }

  func move(to position: [String: Int]) throws {
    batch = try pass.batch(at: position, of: batchCount)
    work?.stop()
    work = nil
  }
}

/// Batches of pictures that threads prepare in order, some ahead of the one that is asked for.
private final class ReadAhead: @unchecked Sendable {  // what varies is guarded by `condition`
  private struct Slot {
    /// Memory for a whole batch, of which the last one fills a part.
    let pixels: UnsafeMutableRawBufferPointer
    let count: Int
    /// How many pictures threads have begun.
    var begun = 0
    /// How many are not ready yet.
    var missing: Int
    /// Why a picture cannot be read; the first of the batch.
    var failure: (picture: Int, error: AthanorError)?
  }

  /// One picture to be read.
  private struct Piece {
    let batch: Int
    let picture: Int
    let memory: UnsafeMutableRawBufferPointer
  }

  private let reader: PictureReader
  private let batches: [[Int]]
  private let limit: Int
  private let condition = NSCondition()
  /// The batches that are being prepared or wait, from batch `first` on.
  private var slots: [Slot] = []
  private var first = 0
  /// Memory of batches that were handed out, for the next ones: of large blocks that come and go, allocators keep more and more.
  private var spare: [UnsafeMutableRawBufferPointer] = []
  private var isStopped = false

  init(_ reader: PictureReader, _ batches: [[Int]], limit: Int) {
    (self.reader, self.batches, self.limit) = (reader, batches, limit)
  }

  deinit { for pixels in slots.map(\.pixels) + spare { pixels.deallocate() } }

  /// Starts the threads, which keep this object until they end.
  func begin(threads: Int) {
    for _ in 0..<threads {
      let thread = Thread { [self] in
        while let piece = claim() {
          do throws(AthanorError) {
            try reader.read(batches[piece.batch][piece.picture], into: piece.memory)
            finish(piece, nil)
          } catch {
            finish(piece, error)
          }
        }
      }
      thread.stackSize = 1 << 20
      thread.start()
    }
  }

  /// Lets the threads end after the pictures that they have begun.
  func stop() {
    condition.withLock {
      isStopped = true
      condition.broadcast()
    }
  }

  /// Waits for the next batch and hands out its pixels.
  ///
  /// - Throws: what reading one of its pictures threw; what `body` throws.
  func next<Result>(_ body: (_ rows: [Int], _ pixels: UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    let (rows, slot) = condition.withLock {
      while slots.first?.missing != 0 { condition.wait() }
      let slot = slots.removeFirst()
      first += 1
      condition.broadcast()
      return (batches[first - 1], slot)
    }
    defer { condition.withLock { spare.append(slot.pixels) } }
    if let failure = slot.failure { throw failure.error }
    return try body(rows, UnsafeRawBufferPointer(rebasing: slot.pixels[..<(slot.count * reader.byteCount)]))
  }

  /// The next picture to be read, of a batch for which there is room; nil when there is nothing left to do.
  private func claim() -> Piece? {
    condition.withLock {
      while !isStopped {
        if let index = slots.firstIndex(where: { $0.begun < $0.count }) {
          let picture = slots[index].begun
          slots[index].begun += 1
          let place = picture * reader.byteCount
          return Piece(
            batch: first + index, picture: picture,
            memory: UnsafeMutableRawBufferPointer(rebasing: slots[index].pixels[place..<place + reader.byteCount]))
        }
        guard first + slots.count < batches.count else { return nil }
        guard slots.count < limit else {
          condition.wait()
          continue
        }
        let count = batches[first + slots.count].count
        let pixels =
          spare.popLast()
          ?? UnsafeMutableRawBufferPointer.allocate(byteCount: batches[0].count * reader.byteCount, alignment: 64)
        slots.append(Slot(pixels: pixels, count: count, missing: count))
      }
      return nil
    }
  }

  private func finish(_ piece: Piece, _ error: AthanorError?) {
    condition.withLock {
      let index = piece.batch - first
      slots[index].missing -= 1
      if let error, piece.picture < slots[index].failure?.picture ?? .max {
        slots[index].failure = (piece.picture, error)
      }
      if slots[index].missing == 0 { condition.broadcast() }
    }
  }
}
