import Athanor
import Foundation

/// Checks the attributes of an HDF5 file, and its texts of variable length, before libhdf5 reads them.
///
/// An attribute says how long its name, type and shape are; libhdf5 1.10 finds its value behind them without asking whether that is still
/// in the attribute, and takes what lies there in memory for texts' lengths, of gigabytes. Headers of both versions are checked: HDF5 2.0
/// writes the second (`HDF5Headers`).
///
/// A text of variable length is kept in a global heap, and an attribute holds its length (4 bytes), the heap's address (8) and the text's number within the
/// heap (4). libhdf5 1.10 takes all three on trust: damage there makes it read and write beyond its memory. Source: HDF5 File Format
/// Specification 3.0, sections III.E (global heap), IV.A.2.d (variable-length types) and IV.A.2.m (attributes).
enum HDF5DamageCheck {
  /// - Throws: `AthanorError` when a heap, or what refers to one, is damaged.
  static func check(_ bytes: UnsafeRawBufferPointer, _ path: String) throws {
    let heaps = heaps(bytes)
    let damage: String
    if !attributesAreWhole(bytes) || !HDF5Headers.areWhole(bytes, heaps) {
      damage = "an attribute is damaged"
    } else if !heaps.isEmpty, !references(bytes, into: heaps) {
      damage = "the heap that holds its texts is damaged"
    } else {
      return
    }
    throw AthanorError(.data, at: path, damage, fix: "Use another copy of the file, or the checkpoint before.")
  }

  /// Whether the attributes in headers of version 1, which Keras writes, are whole.
  ///
  /// A header's message begins at a multiple of 8: kind 12 (2 bytes), length (2), flags (1), three zeros; then the attribute.
  private static func attributesAreWhole(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 24 else { return true }
    for place in stride(from: 0, through: bytes.count - 24, by: 8)
    where bytes.number(place, as: UInt16.self) == 12 && bytes.number(place + 4, as: UInt32.self) < 256
      && bytes.number(place + 8, as: UInt16.self) == 1
    {
      let nameLength = Int(bytes.number(place + 10, as: UInt16.self))
      let name = place + 16
      // Other bytes may look like this; a name makes it sure.
      guard nameLength > 1, name + nameLength <= bytes.count, bytes[name + nameLength - 1] == 0,
        bytes[name..<name + nameLength - 1].allSatisfy({ $0 >= 32 })
      else { continue }
      let end = place + 8 + Int(bytes.number(place + 2, as: UInt16.self))
      guard end <= bytes.count, HDF5Attribute(bytes, place + 8..<end) != nil else { return false }
    }
    return true
  }

  /// The sizes of a heap's objects by number, for each address that has a heap's signature; empty for a damaged heap.
  private static func heaps(_ bytes: UnsafeRawBufferPointer) -> [UInt64: [UInt32: UInt64]] {
    var result: [UInt64: [UInt32: UInt64]] = [:]
    let signature: UInt32 = 0x4C4F_4347  // "GCOL", the first letter in the lowest byte
    guard bytes.count >= 32 else { return result }
    for place in 0...bytes.count - 32 where bytes.number(place, as: UInt32.self) == signature {
      result[UInt64(place)] = objects(bytes, place) ?? [:]
    }
    return result
  }

  /// A heap's objects: number (2 bytes), count of references (2), unused (4), size (8), and the bytes up to a multiple of 8.
  private static func objects(_ bytes: UnsafeRawBufferPointer, _ heap: Int) -> [UInt32: UInt64]? {
    let length = bytes.number(heap + 8, as: UInt64.self)
    guard bytes[heap + 4] == 1, length >= 4096, length <= UInt64(bytes.count - heap) else { return nil }
    let end = heap + Int(length)
    var result: [UInt32: UInt64] = [:]
    var place = heap + 16
    while place + 16 <= end {
      let index = bytes.number(place, as: UInt16.self)
      let size = bytes.number(place + 8, as: UInt64.self)
      // Number 0 is the free space, whose size counts its own header.
      if index == 0 { return size == UInt64(end - place) ? result : nil }
      guard size <= UInt64(end - place - 16), result.updateValue(size, forKey: UInt32(index)) == nil else { return nil }
      place += 16 + (Int(size) + 7) / 8 * 8
    }
    return place <= end ? result : nil
  }

  /// Whether everything that looks like a reference to a heap names one of its objects with its size.
  private static func references(_ bytes: UnsafeRawBufferPointer, into heaps: [UInt64: [UInt32: UInt64]]) -> Bool {
    guard bytes.count >= 16 else { return true }
    let (first, last) = (heaps.keys.min() ?? 0, heaps.keys.max() ?? 0)
    // Objects' headers, and so attributes within them, begin at multiples of 8.
    for place in stride(from: 4, through: bytes.count - 12, by: 8) {
      let address = bytes.number(place, as: UInt64.self)
      guard address >= first, address <= last, let objects = heaps[address] else { continue }
      let length = bytes.number(place - 4, as: UInt32.self)
      guard objects[bytes.number(place + 8, as: UInt32.self)] == UInt64(length) else { return false }
    }
    return true
  }
}
