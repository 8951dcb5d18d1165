import Athanor
import AthanorDatasets
import Foundation
import Testing

/// A picture in other sizes, by each filter, as Keras and Pillow make them.
struct ResizingTests {
  struct Golden: Decodable {
    struct Case: Decodable {
      let filter: String
      let height: Int
      let width: Int
      let values: [Double]
    }
    let height: Int
    let width: Int
    let channels: Int
    let pixels: [UInt8]
    let cases: [Case]
  }

  @Test func everyFilter() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Goldens/resizing.json")
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    let picture = try Picture(
      height: golden.height, width: golden.width, channels: golden.channels, pixels: golden.pixels)
    #expect(Set(golden.cases.map(\.filter)) == Set(ResizingFilter.allCases.map(\.rawValue)))
    for one in golden.cases {
      let filter = try #require(ResizingFilter(rawValue: one.filter))
      let result = try picture.resized(height: one.height, width: one.width, filter: filter)
      #expect(result.pixels.count == one.values.count)
      let worst = zip(result.pixels, one.values).map { abs(Double($0) - $1) }.max() ?? .infinity
      #expect(worst <= 0.502, "\(one.filter) \(one.height)x\(one.width)")
    }
    #expect(
      try picture.resized(height: 5, width: 7) == picture.resized(height: 5, width: 7, filter: .area))
  }
}
