import Athanor
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
    #expect(try array.tensor(for: .float32, path: "x.npy").storage.integers?[1] == 0x0706_0504)
  }

  @Test func readsNumbersOfEverySize() throws {
    func storage(_ type: String, _ bytes: [UInt8], for dtype: DType = .float32) throws -> Tensor.Storage {
      try NumPyArray(npy(npyHeader(type, [1]), bytes), path: "x.npy").tensor(for: dtype, path: "x.npy").storage
    }
    let ones = [UInt8](repeating: 255, count: 8)
    #expect(try storage("|u1", [200]) == .uint8([200]))
    #expect(try storage("|u1", [200], for: .int32) == .uint8([200]))
    #expect(try storage("|i1", [200]) == .int32([-56]))
    #expect(try storage("<u2", [1, 2]) == .int32([513]))
    #expect(try storage(">u2", [1, 2]) == .int32([258]))
    #expect(try storage("<i2", [0, 128]) == .int32([-32768]))
    #expect(try storage("<u4", ones.prefix(3) + [0x7F]) == .int32([.max]))
    #expect(try storage("<i4", Array(ones.prefix(4))) == .int32([-1]))
    #expect(try storage("<i8", ones) == .int32([-1]))
    #expect(try storage("<u8", [9] + [UInt8](repeating: 0, count: 7)) == .int32([9]))
    #expect(try storage("<f2", [0, 0x3E]) == .float32([1.5]))
    #expect(try storage("<f4", littleEndian(Float(0.1).bitPattern)) == .float32([0.1]))
    #expect(try storage(">f4", bigEndian(Float(0.1).bitPattern)) == .float32([0.1]))
    #expect(try storage("<f8", littleEndian(0.1.bitPattern)) == .float64([0.1]))
    // Flags are numbers for an input of numbers, which would scale bytes.
    #expect(try storage("|b1", [1]) == .int32([1]))
    #expect(try storage("|b1", [1], for: .uint8) == .uint8([1]))
    #expect(try storage("<i8", [200, 0, 0, 0, 0, 0, 0, 0], for: .uint8) == .uint8([200]))
  }

  @Test func integersThatDoNotFitAreNamedWithTheirPlace() throws {
    func error(_ type: String, _ shape: [Int], _ bytes: [UInt8], for dtype: DType = .float32) -> String {
      folder.error {
        try NumPyArray(npy(npyHeader(type, shape), bytes), path: "x.npy").tensor(for: dtype, path: "x.npy")
      }
    }
    let numbers = (0..<6).map { $0 == 5 ? 3_000_000_000 : Int64($0) }
    #expect(
      error("<i8", [2, 3], numbers.flatMap(littleEndian))
        == "x.npy: element [1, 2] is 3000000000, which does not fit 32-bit integers. "
        + "Give integers from -2147483648 to 2147483647.")
    #expect(
      error("<u8", [], littleEndian(UInt64.max))
        == "x.npy: element [] is 18446744073709551615, which does not fit 32-bit integers. "
        + "Give integers from -2147483648 to 2147483647.")
    #expect(
      error("|i1", [2], [1, 255], for: .uint8)
        == "x.npy: element [1] is -1, which does not fit 8-bit integers. Give integers from 0 to 255.")
  }

  /// The bytes that NumPy 2.4 writes: the header is filled up to 128 bytes.
  private func numpy(_ header: String, version: UInt8 = 1, _ content: [UInt8]) -> [UInt8] {
    let room = version == 1 ? 117 : 115
    return npy(header.padding(toLength: room, withPad: " ", startingAt: 0), content, version: version)
  }

  /// `np.asfortranarray(np.arange(-3, 3, dtype=">i2").reshape(2, 3))`,
  /// `np.asfortranarray(np.arange(24, dtype=">u4").reshape(2, 3, 4).astype("u1"))`, and
  /// `np.array([[1.5, -2], [65504, 2**-24]], dtype="f2", order="F")`.
  @Test func readsBothOrdersOfAxesAndOfBytes() throws {
    func tensor(_ file: [UInt8]) throws -> Tensor {
      try NumPyArray(file, path: "x.npy").tensor(for: .float32, path: "x.npy")
    }
    let integers = numpy(
      "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }",
      [0xFF, 0xFD, 0, 0, 0xFF, 0xFE, 0, 1, 0xFF, 0xFF, 0, 2])
    #expect(try tensor(integers) == Tensor(shape: [2, 3], integers: [-3, -2, -1, 0, 1, 2]))
    let cube = numpy(
      "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4), }",
      [0, 12, 4, 16, 8, 20, 1, 13, 5, 17, 9, 21, 2, 14, 6, 18, 10, 22, 3, 15, 7, 19, 11, 23])
    #expect(try tensor(cube) == Tensor(shape: [2, 3, 4], bytes: [UInt8](0..<24)))
    let halves = numpy(
      "{'descr': '<f2', 'fortran_order': True, 'shape': (2, 2), }", [0, 0x3E, 0xFF, 0x7B, 0, 0xC0, 1, 0])
    #expect(try tensor(halves) == Tensor(shape: [2, 2], [1.5, -2, 65504, 0x1p-24]))
    let empty = "{'descr': '>f8', 'fortran_order': True, 'shape': (2305843009213693951, 0), }"
    #expect(try tensor(npy(empty, [])).shape == [2_305_843_009_213_693_951, 0])
  }

  /// What NumPy writes for `np.array([[1.5, -2, 3]], dtype="f4")`, `np.array([0.1])`, `np.array(7, dtype="i4")` and
  /// `np.array([], dtype="u1")`.
  @Test func writesTheBytesThatNumPyWrites() throws {
    func written(_ tensor: Tensor) throws -> [UInt8] {
      try NumPyArray.write(tensor, to: folder["x.npy"])
      return try FileBytes.read(folder["x.npy"])
    }
    #expect(
      try written(Tensor(shape: [1, 3], [1.5, -2, 3]))
        == numpy(
          "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }",
          [0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0, 0, 0, 0x40, 0x40]
        ))
    #expect(
      try written(Tensor(shape: [1], storage: .float64([0.1])))
        == numpy(
          "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", [0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F])
    )
    #expect(
      try written(Tensor(shape: [], integers: [7]))
        == numpy("{'descr': '<i4', 'fortran_order': False, 'shape': (), }", [7, 0, 0, 0]))
    #expect(
      try written(Tensor(shape: [0], bytes: []))
        == numpy("{'descr': '|u1', 'fortran_order': False, 'shape': (0,), }", []))
  }

  @Test(arguments: [
    Tensor.Storage.float32([-0.0, .infinity, .leastNonzeroMagnitude, 3, 4, 5]), .float64([0.1, -1e300, .pi, 3, 4, 5]),
    .int32([.min, -1, 0, 1, 2, .max]), .uint8([0, 1, 2, 3, 254, 255]),
  ])
  func readsWhatItWrote(_ storage: Tensor.Storage) throws {
    for shape in [[6], [2, 3], [1, 2, 3, 1], [Int](repeating: 1, count: 40) + [6]] {
      let tensor = try Tensor(shape: shape, storage: storage)
      try NumPyArray.write(tensor, to: folder["x.npy"])
      let file = try FileBytes.read(folder["x.npy"])
      #expect(file.count % 64 == tensor.count * tensor.dtype.byteCount % 64)
      #expect(try NumPyArray(file, path: "x.npy").tensor(for: tensor.dtype, path: "x.npy") == tensor)
    }
    #expect(
      folder.error { try NumPyArray.write(Tensor(shape: [6], storage: storage), to: folder["none/x.npy"]) }
        == "none/x.npy: cannot be written (No such file or directory). Check the spelling of the path.")
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
      arrayError(npy(npyHeader("<c8", [1]), [0, 0, 0, 0, 0, 0, 0, 0]))
        == "x.npy: its elements are \"<c8\" but only numbers are read "
        + "(|b1, |u1, |i1, <u2, <i2, <u4, <i4, <u8, <i8, <f2, <f4, <f8). Save the array as NumPy's astype(\"float32\") makes it."
    )
    #expect(
      arrayError(npy(npyHeader("|O", [1]), [0])).contains("its elements are \"|O\" but only numbers are read"))
    #expect(arrayError(npy(npyHeader("f4", [1]), [0, 0, 0, 0])).contains("its elements are \"f4\" but only numbers"))
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
    let numbers = zipArchive([
      ("x_train.npy", npy(npyHeader("|u1", [5, 2, 3]), TinySet.trainPictures.flatMap { $0 })),
      ("y_train.npy", npy(npyHeader("<f4", [5]), [UInt8](repeating: 0, count: 20))),
    ])
    #expect(
      try await loadError(numbers)
        == "data/tiny.npz: y_train.npy: has elements <f4 but class numbers are integers. \(remedy)")
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
