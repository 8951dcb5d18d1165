import AthanorDatasets
import Foundation
import Testing

/// NumPy's arrays and archives, whole and damaged.
struct NumPyTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func arrayError(_ file: [UInt8]) -> String { folder.error { try NumPyArray(file, path: "x.npy") } }

  private func loadError(_ archive: [UInt8]) async throws -> String {
    try folder.write(archive, "data/tiny.npz")
    return await folder.error { try await TinySet.dataset().load(dataDirectory: folder["data"]) }
  }

  @Test(arguments: ArchiveFixture.allCases) func readsArchivesAsKerasKeepsThem(_ archive: ArchiveFixture) async throws {
    let path = try folder.write(archive.file, "data/tiny.npz")
    let loaded = try await TinySet.dataset().load(dataDirectory: folder["data"])
    #expect(loaded.path == path)
    #expect(loaded.train.inputs.shape == [5, 2, 3, 1])
    #expect(loaded.train.inputs.storage == .uint8(TinySet.trainPictures.flatMap { $0 }))
    #expect(loaded.train.targets.storage == .int32([0, 1, 2, 1, 0]))
    #expect(loaded.test.inputs.storage == .uint8(TinySet.testPictures.flatMap { $0 }))
    #expect(loaded.test.targets.storage == .int32([2, 1]))
    #expect(loaded.test.classNames == ["a", "b", "c"])
  }

  @Test(arguments: [UInt8(1), 2, 3]) func readsEveryVersion(_ version: UInt8) throws {
    let array = try NumPyArray(npy(npyHeader("<i4", [2, 2]), [UInt8](0..<16), version: version), path: "x.npy")
    #expect(array.shape == [2, 2])
    #expect(array.element == .int32)
    #expect(array.bytes == [UInt8](0..<16))
    #expect(array.integer(at: 1) == 0x0706_0504)
  }

  @Test func readsWholeNumbersOfEverySize() throws {
    func first(_ type: String, _ bytes: [UInt8]) throws -> Int? {
      try NumPyArray(npy(npyHeader(type, [1]), bytes), path: "x.npy").integer(at: 0)
    }
    let ones = [UInt8](repeating: 255, count: 8)
    #expect(try first("|u1", [200]) == 200)
    #expect(try first("|i1", [200]) == -56)
    #expect(try first("<u2", [1, 2]) == 513)
    #expect(try first("<i2", [0, 128]) == -32768)
    #expect(try first("<u4", Array(ones.prefix(4))) == 4_294_967_295)
    #expect(try first("<i4", Array(ones.prefix(4))) == -1)
    #expect(try first("<i8", ones) == -1)
    #expect(try first("<u8", ones) == nil)
  }

  @Test func otherHeadersThatNumPyWrites() throws {
    let dense = try NumPyArray(npy("{\"shape\":(2,1),'fortran_order':False,'descr':'|u1'}", [5, 6]), path: "x.npy")
    #expect(dense.shape == [2, 1])
    let scalar = try NumPyArray(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", [9]), path: "x.npy")
    #expect(scalar.shape == [])
    let column = try NumPyArray(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2,), }", [5, 6]), path: "x.npy")
    #expect(column.bytes == [5, 6])
  }

  @Test func refusesOtherArrays() {
    #expect(
      arrayError(npy(npyHeader("<f4", [1]), [0, 0, 0, 0]))
        == "x.npy: its elements are \"<f4\" but only whole numbers are read (|u1, |i1, <u2, <i2, <u4, <i4, <u8, <i8). "
        + "Save the array with .astype(\"uint8\").")
    #expect(
      arrayError(npy(npyHeader("|O", [1]), [0])).contains("its elements are \"|O\" but only whole numbers are read"))
    #expect(
      arrayError(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1), }", [5, 6]))
        == "x.npy: its elements are in Fortran order but row-major order is needed. "
        + "Save the array with numpy.ascontiguousarray.")
    #expect(
      arrayError(Array("PK and no array".utf8))
        == "x.npy: bytes 0 to 5 are not NumPy's magic text. Check that it is an array that NumPy saved.")
    #expect(
      arrayError(npy(npyHeader("|u1", [1]), [0], version: 4))
        == "x.npy: byte 6 says version 4 but versions 1 to 3 are known.")
  }

  @Test func damagedHeadersNameTheByte() {
    let file = npy(npyHeader("|u1", [2, 3]), [1, 2, 3, 4, 5, 6])
    let start = file.count - 6
    #expect(
      arrayError(file.dropLast(2))
        == "x.npy: ends at byte \(start + 4) but its header promises an end at byte \(start) + 6 (shape [2, 3], |u1). "
        + "The file is damaged; get it again.")
    #expect(
      arrayError(Array(file.prefix(20)))
        == "x.npy: byte 8 promises a header of \(start - 10) bytes but 10 bytes follow. The file is damaged; get it again."
    )
    #expect(
      arrayError(npy("{'descr': '|u1', 'shape': (2 3)}", []))
        == "x.npy: byte 29 of its header's text is not \")\". The file is damaged; get it again.")
    #expect(
      arrayError(npy("{'descr: 1", []))
        == "x.npy: byte 1 of its header's text is not a text in quotes. The file is damaged; get it again.")
    #expect(
      arrayError(npy("{'descr': '|u1', 'fortran_order': False}", []))
        == "x.npy: its header has no shape. The file is damaged; get it again.")
    #expect(
      arrayError(npy("{'descr': '|u1', 'shape': (1,)}", [0]))
        == "x.npy: its header does not say in which order elements are. The file is damaged; get it again.")
  }

  @Test func impossibleShapesAreRefused() {
    #expect(
      arrayError(npy(npyHeader("<i8", [4_000_000_000, 4_000_000_000]), []))
        == "x.npy: its shape [4000000000, 4000000000] is impossible. The file is damaged; get it again.")
    #expect(
      arrayError(npy(npyHeader("|u1", [4_294_967_295, 28, 28]), [1]))
        == "x.npy: ends at byte 86 but its header promises an end at byte 85 + 3367254359280 "
        + "(shape [4294967295, 28, 28], |u1). The file is damaged; get it again.")
  }

  @Test func archivesThatAreNone() async throws {
    #expect(
      try await loadError([1, 2, 3])
        == "data/tiny.npz: is not a readable zip archive (Not a zip archive). Remove the file and get it again.")
    #expect(
      folder.error { try NumPyArchive(path: folder["none.npz"]) }
        == "none.npz: cannot be opened for reading (No such file or directory). Check the spelling of the path.")
    let empty = zipArchive([])
    #expect(
      try await loadError(empty)
        == "data/tiny.npz: holds no x_train.npy but nothing. Keras' archives hold x_train, y_train, x_test and y_test.")
    #expect(
      try await loadError(zipArchive([("x_train", []), ("other.txt", [])]))
        == "data/tiny.npz: holds no x_train.npy but x_train, other.txt. "
        + "Keras' archives hold x_train, y_train, x_test and y_test.")
  }

  @Test func archivesOfOtherContents() async throws {
    let remedy = "Check that the file belongs to this data set."
    #expect(
      try await loadError(TinySet.archive(trainShape: [5, 3, 2]))
        == "data/tiny.npz: x_train.npy: has shape [5, 3, 2] of |u1 but [N, 2, 3] of |u1 is needed. \(remedy)")
    #expect(
      try await loadError(TinySet.archive(imageType: "|i1"))
        == "data/tiny.npz: x_train.npy: has shape [5, 2, 3] of |i1 but [N, 2, 3] of |u1 is needed. \(remedy)")
    #expect(
      try await loadError(TinySet.archive(labels: [0, 1, 2, 1]))
        == "data/tiny.npz: y_train.npy: has shape [4] but x_train.npy holds 5 pictures. \(remedy)")
    #expect(
      try await loadError(TinySet.archive(labels: [0, 1, 3, 1, 0]))
        == "data/tiny.npz: y_train.npy: example 2 has label 3 but labels go from 0 to 2. \(remedy)")
  }

  @Test func corruptMembersAreFoundByTheirCheckSum() async throws {
    var archive = TinySet.archive()
    let place = try #require(archive.firstRange(of: TinySet.trainPictures[3])).lowerBound
    archive[place] ^= 255
    let text = try await loadError(archive)
    #expect(
      text == "data/tiny.npz: x_train.npy: is damaged after byte 104 of its content. Remove the file and get it again.")
  }
}
