import DigitPadLogic
import Foundation

/// How well a model reads digits as the app draws and prepares them: `DrawnDigits ATHANOR MODEL`.
///
/// Every trajectory is drawn in three sizes, three slants and three places. The model runs in `athanor predict`, because Core ML is on
/// Apple's systems only. The status is 1 when fewer than 99 in 100 are read as the digit that was meant.
@main
enum DrawnDigits {
  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst()
    guard arguments.count == 2, let athanor = arguments.first, let model = arguments.last else {
      print("Usage: DrawnDigits ATHANOR MODEL")
      exit(2)
    }
    var (digits, pictures): ([Int], [UInt8]) = ([], [])
    for trajectory in try Trajectory.all() {
      for drawing in drawings(of: trajectory) {
        digits.append(trajectory.digit)
        pictures += prepared(drawing) ?? [UInt8](repeating: 0, count: 784)
      }
    }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("DrawnDigits-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (inputs, outputs) = (folder.appendingPathComponent("in.npy"), folder.appendingPathComponent("out.npy"))
    try npy(pictures, count: digits.count).write(to: inputs)
    let program = Process()
    program.executableURL = URL(fileURLWithPath: athanor)
    program.arguments = ["predict", model, "--inputs", inputs.path, "--outputs", outputs.path]
    program.standardOutput = FileHandle.nullDevice
    try program.run()
    program.waitUntilExit()
    guard program.terminationStatus == 0 else { exit(1) }
    let answers = try bestClasses(Data(contentsOf: outputs), count: digits.count)
    let right = zip(answers, digits).reduce(0) { $0 + ($1.0 == $1.1 ? 1 : 0) }
    let share = 100 * Double(right) / Double(max(digits.count, 1))
    print("\(right) of \(digits.count) digits drawn in the app are read as meant: \(String(format: "%.1f", share)) %")
    if share < 99 { exit(1) }
  }

  static func drawings(of trajectory: Trajectory) -> [Drawing] {
    var result: [Drawing] = []
    for height in [0.4, 0.6, 0.85] {
      for slant in [-0.2, 0, 0.2] {
        for centre in [(x: 0.5, y: 0.5), (0.42, 0.46), (0.56, 0.53)] {
          result.append(trajectory.drawing(height: height, slant: slant, centre: centre))
        }
      }
    }
    return result
  }

  static func prepared(_ drawing: Drawing) -> [UInt8]? {
    let side = DigitReader.side
    return DigitPreparation.prepared(gray: drawing.pixels(side: side), width: side, height: side)
  }

  /// A NumPy file of bytes, `[count, 28, 28, 1]`.
  private static func npy(_ bytes: [UInt8], count: Int) -> Data {
    var header = "{'descr': '|u1', 'fortran_order': False, 'shape': (\(count), 28, 28, 1), }"
    // The data begin at a multiple of 64.
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    let length = header.utf8.count
    return Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length % 256), UInt8(length / 256)]) + Data(header.utf8)
      + Data(bytes)
  }

  /// The class with the largest of ten 32-bit numbers at the end of a NumPy file.
  private static func bestClasses(_ file: Data, count: Int) throws -> [Int] {
    let numbers = [UInt8](file.suffix(count * 40))
    guard numbers.count == count * 40 else { throw CocoaError(.fileReadCorruptFile) }
    return (0..<count).map { row in
      let values = (0..<10).map { column in
        let place = (row * 10 + column) * 4
        return Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(numbers[place + $1]) << UInt32(8 * $1) })
      }
      return values.indices.max { values[$0] < values[$1] } ?? 0
    }
  }
}
