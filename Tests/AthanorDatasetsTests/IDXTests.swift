import Athanor
import AthanorDatasets
import Foundation
import Testing

/// IDX files, compressed or not, whole and damaged.
struct IDXTests {
  private let folder: TemporaryFolder
  private let pictures = idxPictures(TinySet.trainPictures, height: 2, width: 3)
  private let labels = idxLabels(TinySet.trainLabels)
  private let pictureContent = IDX.Content.pictures(height: 2, width: 3)
  private let labelContent = IDX.Content.labels(classCount: 3)

  init() throws { folder = try TemporaryFolder() }

  private func pictureError(_ bytes: [UInt8]) throws -> String {
    let path = try folder.write(bytes, "pictures")
    return folder.error { try IDX.read(path, pictureContent) }
  }

  private func labelError(_ bytes: [UInt8]) throws -> String {
    let path = try folder.write(bytes, "labels")
    return folder.error { try IDX.read(path, labelContent) }
  }

  @Test(arguments: [false, true]) func readsPicturesAndLabels(isCompressed: Bool) throws {
    let picturePath = try folder.write(isCompressed ? gzip(pictures) : pictures, "pictures")
    let (bytes, count) = try IDX.read(picturePath, pictureContent)
    #expect(count == 5)
    #expect(bytes == TinySet.trainPictures.flatMap { $0 })
    #expect(try IDX.count(picturePath, pictureContent) == 5)
    let labelPath = try folder.write(isCompressed ? gzip(labels) : labels, "labels")
    #expect(try IDX.read(labelPath, labelContent).bytes == TinySet.trainLabels)
  }

  @Test func readsSeveralGzipMembersAndPadding() throws {
    let path = try folder.write(
      gzip(Array(pictures.prefix(20))) + gzip(Array(pictures.dropFirst(20))) + [0, 0, 0], "x")
    #expect(try IDX.read(path, pictureContent).bytes == TinySet.trainPictures.flatMap { $0 })
  }

  @Test func truncatedFilesNameTheByte() throws {
    #expect(
      try pictureError(Array(pictures.prefix(40)))
        == "pictures: ends at byte 40 but its header promises 46 bytes (5 pictures of 2 x 3). "
        + "The file is incomplete; remove it and get it again.")
    #expect(
      try pictureError(Array(pictures.prefix(11)))
        == "pictures: ends at byte 11, within the header of 16 bytes. The file is incomplete; remove it and get it again."
    )
    #expect(
      try pictureError(Array(pictures.prefix(2)))
        == "pictures: ends at byte 2, within the header of 16 bytes. The file is incomplete; remove it and get it again."
    )
    #expect(
      try labelError([])
        == "labels: is empty but an IDX file begins with a header of 8 bytes. Remove the file and get it again.")
  }

  @Test func truncatedCompressedFilesNameTheByte() throws {
    let file = gzip(pictures)
    #expect(
      try pictureError(Array(file.prefix(40)))
        == "pictures: the compressed content is cut off at byte 40, the file's end. "
        + "The file is incomplete; remove it and get it again.")
    // Whole as a gzip file, but its content ends early.
    #expect(
      try pictureError(gzip(Array(pictures.prefix(40))))
        == "pictures: ends at byte 40 of the decompressed content but its header promises 46 bytes "
        + "(5 pictures of 2 x 3). The file is incomplete; remove it and get it again.")
  }

  @Test func corruptCompressedFilesNameTheByte() throws {
    var sum = gzip(pictures)
    sum[sum.count - 8] ^= 1
    #expect(
      try pictureError(sum)
        == "pictures: the compressed content is damaged at byte \(sum.count - 4) (incorrect data check). "
        + "Remove the file and get it again.")
    #expect(
      try pictureError(gzip(pictures) + [7])
        == "pictures: the compressed content ends at byte 69 but other bytes follow it. Remove the file and get it again."
    )
  }

  @Test func wrongMagicNumbersSayWhatTheFileIs() throws {
    #expect(
      try pictureError(labels)
        == "pictures: bytes 0 to 3 hold the magic number 0x00000801 but 0x00000803 was expected. "
        + "It holds labels; check that the two files are not swapped.")
    #expect(
      try labelError(gzip(pictures))
        == "labels: bytes 0 to 3 of the decompressed content hold the magic number 0x00000803 but 0x00000801 was expected. "
        + "It holds pictures; check that the two files are not swapped.")
    #expect(
      try labelError(Array("<!DOCTYPE html>".utf8))
        == "labels: bytes 0 to 3 hold the magic number 0x3c21444f but 0x00000801 was expected. "
        + "It looks like a web page; get the file again.")
    #expect(
      try labelError(Array("hello world".utf8))
        == "labels: bytes 0 to 3 hold the magic number 0x68656c6c but 0x00000801 was expected. "
        + "Check that it is an IDX file.")
  }

  @Test func contentsThatDoNotFitTheHeader() throws {
    #expect(
      try pictureError(pictures + [0])
        == "pictures: goes on after byte 46, where its header says that it ends (5 pictures of 2 x 3). "
        + "Remove the file and get it again.")
    #expect(
      try labelError(gzip(labels + [0, 0]))
        == "labels: goes on after byte 13 of the decompressed content, where its header says that it ends (5 labels). "
        + "Remove the file and get it again.")
    #expect(
      try pictureError(idxPictures(TinySet.trainPictures, height: 3, width: 2))
        == "pictures: bytes 8 to 15 say that pictures have 3 rows and 2 columns but 2 and 3 were expected. "
        + "Check that the file belongs to this data set.")
    #expect(try labelError(idxLabels([])) == "labels: bytes 4 to 7 say that there are no examples. Get the file again.")
    #expect(
      try labelError(idxLabels([0, 1, 3]))
        == "labels: byte 10 holds label 3 (example 2) but labels go from 0 to 2. "
        + "Check that the file belongs to this data set.")
  }

  @Test(arguments: [false, true]) func claimsOfFourBillionPicturesAreRefused(isCompressed: Bool) throws {
    var claim = pictures
    claim.replaceSubrange(4..<8, with: [255, 255, 255, 255])
    let place = isCompressed ? " of the decompressed content" : ""
    #expect(
      try pictureError(isCompressed ? gzip(claim) : claim)
        == "pictures: bytes 4 to 7\(place) promise 4294967295 examples, more than the 2147483648 bytes that are read. "
        + "Check that the file belongs to this data set.")
    // Just within the limit: believed, but nothing of that size is set aside.
    claim.replaceSubrange(4..<8, with: bigEndian(UInt32(350_000_000)))
    let text = try pictureError(isCompressed ? gzip(claim) : claim)
    #expect(
      text
        == "pictures: ends at byte 46\(place) but its header promises 2100000016 bytes (350000000 pictures of 2 x 3). "
        + "The file is incomplete; remove it and get it again.")
  }

  @Test func missingFilesAndFolders() throws {
    #expect(
      folder.error { try IDX.read(folder["none"], labelContent) }
        == "none: cannot be opened for reading (No such file or directory). Check the spelling of the path.")
    #expect(folder.error { try IDX.read(folder.path, labelContent) } == "FOLDER: is a folder but a file is needed.")
  }

  @Test func filesAreWrittenWholeOrNotAtAll() throws {
    try FileBytes.write([1, 2, 3], to: folder["a"])
    try FileBytes.write([4], to: folder["a"])
    #expect(try FileBytes.read(folder["a"]) == [4])
    #expect(
      folder.error { try FileBytes.read(folder["a"], limit: 0) }
        == "a: is larger than 0 bytes, the most that is read here.")
    #expect(
      folder.error { try FileBytes.write([1], to: folder["none/b"]) }
        == "none/b: cannot be written (No such file or directory). Check the spelling of the path.")
    try folder.makeFolder("taken")
    #expect(
      folder.error { try FileBytes.write([1], to: folder["taken"]) }
        == "taken: cannot be put into place (Is a directory).")
    #expect(folder.files == ["a"])
  }

  @Test func checksumsAreThoseOfTheStandard() {
    // FIPS 180-2, appendix B.1.
    #expect(
      Checksum.sha256(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}
