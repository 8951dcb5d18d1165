import Athanor
import AthanorDatasets
import Foundation
import Testing

/// The model of digits that comes with the library.
struct BundledModelsTests {
  @Test func itIsSmallAndSaysWhatItReads() throws {
    let url = try BundledModels.digits()
    #expect(FileBytes.size(url.path) < 450_000)
    let model = try Model(contentsOf: url.path, threads: 1)
    #expect(model.warnings.isEmpty && model.training == nil)
    #expect(model.picturePreparation == .digit)
    #expect(model.classNames == (0...9).map(String.init))
    #expect(model.inputShape == [28, 28, 1] && model.outputShape.lengths == [nil, 10])
  }

  @Test func itReadsTheExamplesAndTheSample() throws {
    let model = try Model(contentsOf: BundledModels.digits().path)
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Examples/digits").path
    for path in try Picture.files(at: [folder]) {
      let input = try model.input(for: Picture(contentsOf: path), preparation: model.picturePreparation)
      let row = try model.predict(input).floats
      let name = URL(fileURLWithPath: path).lastPathComponent
      #expect(row.indices.max { row[$0] < row[$1] } == name.first { $0.isNumber }?.wholeNumberValue, "\(name): \(row)")
    }
    let test = try Digits.load().test.prefix(300)
    let rows = try model.predict(test).floats
    let right = test.targets.floats.enumerated().count { number, digit in
      let row = rows[number * 10..<number * 10 + 10]
      return row.indices.max { row[$0] < row[$1] } == number * 10 + Int(digit)
    }
    #expect(right >= 296)
  }

  @Test func whatIsMissingIsNamed() throws {
    let folder = try TemporaryFolder()
    for place in [nil, folder.path] {
      #expect(
        folder.error { try BundledModels.url(of: "digits", in: place) }
          == "the bundled model \"digits\": the library's own files are not beside the program, where the folder "
          + "\(BundledResources.folderName) belongs. Copy that folder beside the program, or set ATHANOR_RESOURCES to the folder "
          + "that holds it.")
    }
  }
}
