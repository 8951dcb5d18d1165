import Athanor
import CHDF5
import Foundation

/// A group of an HDF5 file in memory: text attributes, arrays, and further groups; what Keras' legacy format is made of.
///
/// It is read without libhdf5 (`HDF5Reader`), which crashes or loops on damaged files, and written with it.
package struct HDF5Group {
  /// A text or several.
  package enum Attribute: Equatable {
    case text(String)
    case texts([String])
  }

  package var attributes: [String: Attribute] = [:]
  package var arrays: [String: Tensor] = [:]
  package var groups: [String: HDF5Group] = [:]

  /// A group that has attributes alone, or nothing.
  package init(attributes: [String: Attribute] = [:]) { self.attributes = attributes }

  /// The texts of an attribute, which Keras cuts into numbered pieces when they are many; nil when there is none.
  package func texts(_ name: String) -> [String]? {
    if case .texts(let values) = attributes[name] { return values }
    var result: [String] = []
    var number = 0
    while case .texts(let values) = attributes["\(name)\(number)"] {
      result += values
      number += 1
    }
    return number > 0 ? result : nil
  }

  /// The most texts of one attribute: a reference to a text takes 16 bytes, and an attribute may have 64 KB.
  private static let textLimit = 4000

  /// Sets the texts of an attribute, in pieces where they are too many.
  package mutating func setTexts(_ name: String, _ values: [String]) {
    guard values.count > HDF5Group.textLimit else {
      attributes[name] = .texts(values)
      return
    }
    for (number, start) in stride(from: 0, to: values.count, by: HDF5Group.textLimit).enumerated() {
      attributes["\(name)\(number)"] = .texts(Array(values[start..<min(start + HDF5Group.textLimit, values.count)]))
    }
  }

  /// All arrays with their paths, sorted by group.
  package var tensors: [(name: String, tensor: Tensor)] {
    arrays.sorted { $0.key < $1.key }.map { (name: $0.key, tensor: $0.value) }
      + groups.sorted { $0.key < $1.key }.flatMap { group in
        group.value.tensors.map { (name: "\(group.key)/\($0.name)", tensor: $0.tensor) }
      }
  }

  /// The group at a path of groups.
  package func group(at path: String) -> HDF5Group? {
    path.split(separator: "/").reduce(Optional(self)) { $0?.groups[String($1)] }
  }

  /// The array at a path of groups, for example `sequential/dense/kernel`.
  package func array(at path: String) -> Tensor? {
    let parts = path.split(separator: "/")
    return parts.last.flatMap { group(at: parts.dropLast().joined(separator: "/"))?.arrays[String($0)] }
  }

  /// Puts an array at a path, making groups on the way; nil takes it away.
  package mutating func setArray(_ tensor: Tensor?, at path: String) {
    setArray(tensor, path.split(separator: "/").map(String.init)[...])
  }

  private mutating func setArray(_ tensor: Tensor?, _ path: ArraySlice<String>) {
    guard let first = path.first else { return }
    if path.count == 1 {
      arrays[first] = tensor
    } else {
      groups[first, default: HDF5Group()].setArray(tensor, path.dropFirst())
    }
  }

  /// Reads a whole file.
  ///
  /// - Throws: `AthanorError` that names the file and the object, when it cannot be read, is damaged or holds what is not supported.
  package static func read(_ path: String) throws -> HDF5Group {
    guard FileManager.default.fileExists(atPath: path) else {
      throw AthanorError(.file, at: path, "there is no such file", fix: "Check the name and the folder.")
    }
    let size = FileBytes.size(path)
    // Devices have no size, and no end.
    guard size > 0, let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe) else {
      throw unreadable(path, size)
    }
    return try data.withUnsafeBytes { try read($0, path) }
  }

  /// Reads a file of which the bytes are in memory; `path` is its name for errors.
  ///
  /// - Throws: as above.
  package static func read(_ bytes: [UInt8], path: String) throws -> HDF5Group {
    try bytes.withUnsafeBytes { try read($0, path) }
  }

  private static func read(_ bytes: UnsafeRawBufferPointer, _ path: String) throws -> HDF5Group {
    guard let root = try HDF5Reader(bytes, path: path).root() else { throw unreadable(path, bytes.count) }
    return root
  }

  private static func unreadable(_ path: String, _ size: Int) -> AthanorError {
    AthanorError(
      .data, at: path, "it is not an HDF5 file, is truncated, or cannot be read (\(size) bytes)",
      fix: "Give a .h5 file that Keras or Athanor wrote; if writing it was interrupted, use the one before.")
  }

  /// libhdf5 need not be thread-safe: its calls, which write alone, happen one after another.
  private static let lock = NSLock()

  /// Writes a whole file, atomically and durably.
  ///
  /// libhdf5 writes into memory only: on a full disk it would not let go of the file and crash the program at its end.
  ///
  /// - Throws: `AthanorError` when it cannot be written; an older file of this name is then untouched.
  package func write(_ path: String) throws {
    try FileBytes.write(bytes(path), to: path)
  }

  /// The bytes of the file; `path` is its name for errors.
  ///
  /// - Throws: `AthanorError` when memory is not available.
  package func bytes(_ path: String) throws -> [UInt8] {
    guard let image = HDF5Group.lock.withLock(image) else {
      throw AthanorError(.file, at: path, "libhdf5 cannot lay it out in memory", fix: "Free some memory and try again.")
    }
    return image
  }

  private func image() -> [UInt8]? {
    ath_h5_prepare()
    let access = ath_h5_memory_access()
    guard access >= 0 else { return nil }
    defer { H5Pclose(access) }
    let file = H5Fcreate("athanor.h5", ath_h5_truncate(), ath_h5_default(), access)
    guard file >= 0 else { return nil }
    defer { H5Fclose(file) }
    guard HDF5Writer.write(self, to: file), H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0 else { return nil }
    let size = H5Fget_file_image(file, nil, 0)
    guard size > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: size)
    return H5Fget_file_image(file, &bytes, size) == size ? bytes : nil
  }
}

/// Writes groups as h5py does; without time stamps, so that the same model gives the same bytes.
private enum HDF5Writer {
  static func write(_ group: HDF5Group, to id: hid_t) -> Bool {
    for (name, attribute) in group.attributes.sorted(by: { $0.key < $1.key }) {
      guard write(attribute, name, to: id) else { return false }
    }
    for (name, tensor) in group.arrays.sorted(by: { $0.key < $1.key }) {
      guard write(tensor, name, to: id) else { return false }
    }
    for (name, child) in group.groups.sorted(by: { $0.key < $1.key }) {
      let properties = H5Pcreate(ath_h5_group_creation())
      H5Pset_obj_track_times(properties, false)
      let childID = H5Gcreate2(id, name, ath_h5_default(), properties, ath_h5_default())
      H5Pclose(properties)
      guard childID >= 0 else { return false }
      let isWritten = write(child, to: childID)
      guard H5Gclose(childID) >= 0, isWritten else { return false }
    }
    return true
  }

  private static func write(_ attribute: HDF5Group.Attribute, _ name: String, to id: hid_t) -> Bool {
    let values: [String]
    let space: hid_t
    switch attribute {
    case .text(let text):
      values = [text]
      space = H5Screate(H5S_SCALAR)
    case .texts(let texts):
      values = texts
      var length = hsize_t(texts.count)
      space = H5Screate_simple(1, &length, nil)
    }
    // h5py writes an empty list as an empty list of numbers.
    let type = values.isEmpty ? H5Tcopy(ath_h5_file_double()) : H5Tcopy(ath_h5_c_string())
    if !values.isEmpty {
      H5Tset_size(type, ath_h5_variable())
      H5Tset_cset(type, H5T_CSET_UTF8)
    }
    defer {
      H5Sclose(space)
      H5Tclose(type)
    }
    let attributeID = H5Acreate2(id, name, type, space, ath_h5_default(), ath_h5_default())
    guard attributeID >= 0 else { return false }
    let copies = values.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    let isWritten = values.isEmpty || H5Awrite(attributeID, type, copies) >= 0
    return H5Aclose(attributeID) >= 0 && isWritten
  }

  private static func write(_ tensor: Tensor, _ name: String, to id: hid_t) -> Bool {
    var lengths = tensor.shape.map { hsize_t($0) }
    let space = tensor.shape.isEmpty ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(lengths.count), &lengths, nil)
    let properties = H5Pcreate(ath_h5_dataset_creation())
    H5Pset_obj_track_times(properties, false)
    defer {
      H5Sclose(space)
      H5Pclose(properties)
    }
    let isInteger = tensor.dtype == .int32
    let type = isInteger ? ath_h5_file_int32() : ath_h5_file_float()
    let dataset = H5Dcreate2(id, name, type, space, ath_h5_default(), properties, ath_h5_default())
    guard dataset >= 0 else { return false }
    let status: herr_t
    if case .int32(let values) = tensor.storage {
      status = H5Dwrite(dataset, ath_h5_native_int32(), ath_h5_all(), ath_h5_all(), ath_h5_default(), values)
    } else {
      status = H5Dwrite(dataset, ath_h5_native_float(), ath_h5_all(), ath_h5_all(), ath_h5_default(), tensor.floats)
    }
    return H5Dclose(dataset) >= 0 && status >= 0
  }
}
