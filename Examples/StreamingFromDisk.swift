import Athanor
import Foundation

/// A file of numbers that is never in memory as a whole: rows of `features` inputs and one target, in 32-bit floating point.
public struct NumberFile: DataSource {
  let path: String
  let features: Int

  /// Describes a file.
  public init(path: String, features: Int) {
    self.path = path
    self.features = features
  }

  /// Rows come one after another, so nobody knows how many there are.
  public var ports: DataPorts {
    DataPorts(inputs: [Port(lengths: [.batch, .fixed(features)])], targets: [Port(lengths: [.batch, 1])])
  }

  /// Opens the file anew for each pass.
  public func cursor(_ pass: DataPass) throws -> any DataCursor { try NumberFileCursor(self, pass) }
}

/// Reads the batches of one share of a pass.
final class NumberFileCursor: DataCursor {
  private let file: FileHandle
  private let features: Int
  private let pass: DataPass
  /// The next batch's number, among those of all shares.
  private var batch: Int

  private var byteCount: Int { pass.batchSize * (features + 1) * 4 }

  init(_ source: NumberFile, _ pass: DataPass) throws {
    file = try FileHandle(forReadingFrom: URL(fileURLWithPath: source.path))
    features = source.features
    self.pass = pass
    batch = pass.share
  }

  func fill(_ target: Batch) throws -> Int {
    try file.seek(toOffset: UInt64(batch * byteCount))
    let bytes = try file.read(upToCount: byteCount) ?? Data()
    let width = features + 1
    let count = bytes.count / (width * 4)
    try bytes.withUnsafeBytes { bytes in
      for row in 0..<count {
        let numbers = (row * width..<(row + 1) * width).map {
          bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self)
        }
        try target.set(.input, row, to: Array(numbers.dropLast()))
        try target.set(.target, row, to: [numbers[features]])
      }
    }
    batch += pass.shareCount
    return count
  }

  /// A checkpoint keeps the place in the file, so that a resumed training does not read what it has seen.
  var position: [String: Int]? { ["batch": batch] }

  func move(to position: [String: Int]) throws { batch = position["batch"] ?? batch }
}

/// Trains on a file that is read batch by batch.
public enum StreamingFromDisk {
  /// Returns the loss of each epoch.
  ///
  /// - Parameter folder: Where the file is written.
  public static func run(in folder: URL) throws -> [Double] {
    let file = folder.appendingPathComponent("numbers.bin")
    try write(rows: 2000, to: file)
    let model = try Sequential(input: [4], seed: 21) {
      Dense(16, activation: .tanh)
      Dense(1)
    }
    try model.compile(optimizer: .adam(learningRate: 0.01), loss: .meanSquaredError)
    let history = try model.fit(NumberFile(path: file.path, features: 4), epochs: 5, batchSize: 64)
    return history["loss"]
  }

  /// Writes rows of four numbers and `a * b + c - d`.
  static func write(rows: Int, to file: URL) throws {
    var random = RandomStream(seed: 22, stream: 0)
    var bytes = Data()
    for _ in 0..<rows {
      let numbers = (0..<4).map { _ in Float(random.nextUniform()) * 2 - 1 }
      for number in numbers + [numbers[0] * numbers[1] + numbers[2] - numbers[3]] {
        withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
      }
    }
    try bytes.write(to: file)
  }
}
