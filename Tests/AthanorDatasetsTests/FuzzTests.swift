import Athanor
import AthanorDatasets
import Foundation
import Testing

/// Every truncation and thousands of damaged copies of each kind of file: reading throws, or gives something sound, and
/// never sets aside more memory than a small file can be worth.
@Suite(.serialized) struct FuzzTests {
  private static let flips = 4000
  private static let memoryLimit = 1 << 30

  private func check(
    _ isSound: (_ file: [UInt8]) throws -> Bool, _ file: [UInt8]
  ) -> (read: Int, refused: Int) {
    var (read, refused) = (0, 0)
    for mutation in mutations(of: file, flips: Self.flips) {
      do {
        #expect(try isSound(mutation), "\(mutation)")
        read += 1
      } catch {
        #expect(error is AthanorError, "\(error)")
        refused += 1
      }
    }
    #expect(ProcessMemory.peakByteCount <= Self.memoryLimit)
    return (read, refused)
  }

  @Test(arguments: [false, true]) func idxPictures(isCompressed: Bool) throws {
    let file = AthanorDatasetsTests.idxPictures(TinySet.trainPictures, height: 2, width: 3)
    let (read, refused) = check(
      { file in
        let (bytes, count) = try IDX.read(file, path: "x", .pictures(height: 2, width: 3))
        return count > 0 && bytes.count == 6 * count
      }, isCompressed ? gzip(file) : file)
    #expect(read > 50)
    #expect(refused > 500)
  }

  @Test(arguments: [false, true]) func idxLabels(isCompressed: Bool) throws {
    let file = AthanorDatasetsTests.idxLabels(TinySet.trainLabels)
    let (read, refused) = check(
      { file in
        let (bytes, count) = try IDX.read(file, path: "x", .labels(classCount: 3))
        return count > 0 && bytes.count == count && bytes.allSatisfy { $0 < 3 }
      }, isCompressed ? gzip(file) : file)
    #expect(read > 5)
    #expect(refused > 500)
  }

  /// Real deflate streams: the labels of the bundled digits.
  @Test func deflate() throws {
    let resources = try #require(BundledResources.folder)
    let file = try FileBytes.read("\(resources)/digits/digits-test-labels-idx1-ubyte.gz")
    let (read, refused) = check(
      { file in
        let output = try Gzip.inflate(file, path: "x", limit: 2000)
        return output.isComplete
          ? Array(output.bytes.dropFirst(8).prefix(10)) == [UInt8](0..<10) : output.bytes.count == 2000
      }, file)
    #expect(read > 0)
    #expect(refused > 500)
  }

  @Test(arguments: [
    npyHeader("<i8", [4]), "{'descr': '>i8', 'fortran_order': True, 'shape': (2, 2), }",
    "{'descr': '>f2', 'fortran_order': True, 'shape': (4, 2, 2), }",
  ])
  func numpyArrays(_ header: String) {
    let content = (0..<4).flatMap { number in
      header.contains(">") ? bigEndian(Int64(number)) : littleEndian(Int64(number))
    }
    let (read, refused) = check(
      { file in
        let tensor = try NumPyArray(file, path: "x.npy").tensor(for: .int32, path: "x.npy")
        return tensor.count <= 32 && tensor.shape.reduce(1, *) == tensor.count
      }, npy(header, content))
    #expect(read > 50)
    #expect(refused > 500)
  }

  @Test(arguments: ArchiveFixture.allCases) func numpyArchives(_ archive: ArchiveFixture) {
    let (read, refused) = check(
      { file in
        let archive = try NumPyArchive(file, path: "x.npz")
        let arrays = try ["x_train", "y_train", "x_test", "y_test"].map { try archive.array($0) }
        return arrays.allSatisfy { $0.bytes.count % $0.shape.reduce(1, *) == 0 && $0.bytes.count < 1 << 16 }
      }, archive.file)
    #expect(read > 50)
    #expect(refused > 500)
  }

  @Test(arguments: [PNGColor.gray, .rgba, .palette]) func pngPictures(_ color: PNGColor) {
    let file =
      switch color {
      case .palette: png(width: 8, [[0b1010_0101]], .palette, depth: 1, extra: [("PLTE", [0, 0, 0, 255, 0, 0])])
      default: png(width: 2, [[255, 0, 0, 128, 0, 255, 0, 0]], color)
      }
    let (read, refused) = check(isSoundPicture, file)
    #expect(read > 0)
    #expect(refused > 500)
  }

  @Test(arguments: JPEGFixture.allCases) func jpegPictures(_ fixture: JPEGFixture) {
    let (read, refused) = check(isSoundPicture, fixture.file)
    #expect(read > 50)
    #expect(refused > 500)
  }

  private func isSoundPicture(_ file: [UInt8]) throws -> Bool {
    let picture = try Picture(data: Data(file), name: "x")
    return picture.height > 0 && picture.width > 0 && [1, 3].contains(picture.channels)
      && picture.pixels.count == picture.height * picture.width * picture.channels
  }
}
