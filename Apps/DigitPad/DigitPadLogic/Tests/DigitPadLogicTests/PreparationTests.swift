import DigitPadLogic
import Foundation
import Testing

@testable import DrawnDigits

/// What the network gets to see.
struct PreparationTests {
  private static let trajectories = (try? Trajectory.all()) ?? []
  private var package: URL {
    var folder = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { folder.deleteLastPathComponent() }
    return folder
  }

  /// So the app prepares as the library and the command do, whose tests hold it against goldens.
  @Test func preparationIsTheLibrarysOwnFile() throws {
    let file = package.appendingPathComponent("Sources/DigitPadLogic/DigitPreparation.swift")
    #expect(try file.resourceValues(forKeys: [.isSymbolicLinkKey]).isSymbolicLink == true)
    let original = package.appendingPathComponent("../../../Sources/Athanor/Preparation/DigitPreparation.swift")
    #expect(file.resolvingSymlinksInPath().path == original.standardizedFileURL.resolvingSymlinksInPath().path)
  }

  @Test func everyDigitIsThere() {
    let counts = Dictionary(grouping: Self.trajectories, by: \.digit).mapValues(\.count)
    #expect(counts.keys.sorted() == Array(0..<10) && counts.values.allSatisfy { $0 >= 8 }, "\(counts)")
  }

  /// Wherever and however large it is drawn: 20 pixels, in the middle by mass.
  @Test("Pen trajectories have MNIST's form", arguments: trajectories) func form(_ trajectory: Trajectory) throws {
    let drawing = trajectory.drawing(height: 0.5, slant: 0.1, centre: (0.4, 0.6))
    let picture = try #require(DrawnDigits.prepared(drawing))
    #expect(picture.count == 784)
    let inked = picture.indices.filter { picture[$0] > 25 }
    let (rows, columns) = (Set(inked.map { $0 / 28 }), Set(inked.map { $0 % 28 }))
    #expect(19...20 ~= max(rows.count, columns.count))
    let mass = picture.reduce(0.0) { $0 + Double($1) }
    let y = picture.indices.reduce(0.0) { $0 + Double(picture[$1]) * Double($1 / 28) } / mass
    let x = picture.indices.reduce(0.0) { $0 + Double(picture[$1]) * Double($1 % 28) } / mass
    #expect(abs(y - 14) <= 0.6 && abs(x - 14) <= 0.6, "\(x), \(y)")
    // The same digit 35 and -21 of the canvas' 280 pixels away is the same picture.
    let other = trajectory.drawing(height: 0.5, slant: 0.1, centre: (0.525, 0.525))
    let moved = try #require(DrawnDigits.prepared(other))
    #expect(zip(picture, moved).allSatisfy { abs(Int($0) - Int($1)) <= 2 })
  }

  @Test func nothingIsPreparedOfAnEmptyCanvas() {
    #expect(DrawnDigits.prepared(Drawing()) == nil)
    #expect(DrawnDigits.prepared(Drawing([Stroke([Point(-1, -1)])])) == nil)
  }
}
