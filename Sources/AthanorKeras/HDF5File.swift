import Athanor
import CHDF5
import Foundation

/// A group of an HDF5 file in memory: text attributes, arrays, and further groups; what Keras' legacy format is made of.
///
/// All calls of libhdf5, which need not be thread-safe, happen within `read` and `write`, one after another.
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

  private static let lock = NSLock()

  /// Reads a whole file.
  ///
  /// - Throws: `AthanorError` that names the file and the object, when it cannot be read or is damaged.
  package static func read(_ path: String) throws -> HDF5Group {
    guard FileManager.default.fileExists(atPath: path) else {
      throw AthanorError(.file, at: path, "there is no such file", fix: "Check the name and the folder.")
    }
    let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    return try read(path, file: path, size: size, access: { ath_h5_default() }) {
      guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe) else { return }
      try data.withUnsafeBytes { try HDF5DamageCheck.check($0, path) }
    }
  }

  /// Reads a file of which the bytes are in memory; `path` is its name for errors.
  ///
  /// - Throws: `AthanorError` that names the file and the object, when it cannot be read or is damaged.
  package static func read(_ bytes: [UInt8], path: String) throws -> HDF5Group {
    try bytes.withUnsafeBytes { buffer in
      // libhdf5 looks for a file of the name that it is given.
      try read(
        path, file: "athanor-\(UUID().uuidString).h5", size: buffer.count,
        access: { ath_h5_image_access(buffer.baseAddress, buffer.count) }
      ) {
        try HDF5DamageCheck.check(buffer, path)
      }
    }
  }

  private static func read(
    _ path: String, file name: String, size: Int, access: () -> hid_t, check: () throws -> Void
  ) throws -> HDF5Group {
    try lock.withLock {
      ath_h5_prepare()
      H5PLset_loading_state(0)  // a file must not make the library load code for a filter of its own
      let access = access()
      let file = access < 0 ? access : H5Fopen(name, ath_h5_read_only(), access)
      if access > 0 { H5Pclose(access) }
      guard file >= 0 else {
        throw AthanorError(
          .data, at: path, "it is not an HDF5 file, is truncated, or cannot be read (\(size) bytes)",
          fix: "Give a .h5 file that Keras or Athanor wrote; if writing it was interrupted, use the one before.")
      }
      defer { H5Fclose(file) }
      try check()
      let root = H5Gopen2(file, "/", ath_h5_default())
      guard root >= 0 else {
        throw AthanorError(.data, at: path, "its root group cannot be opened", fix: "The file is damaged.")
      }
      defer { H5Gclose(root) }
      return try HDF5Reader(path: path, byteLimit: max(64 << 20, size * 1100)).group(root, "/", depth: 0)
    }
  }

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

/// Reads groups; sizes are checked before memory is taken, and nothing outside of the file is read.
private final class HDF5Reader {
  let path: String
  /// All arrays together may take as much; links let many names stand for the same bytes of the file.
  private var bytesLeft: Int
  private var objectsLeft = 100_000

  init(path: String, byteLimit: Int) {
    self.path = path
    bytesLeft = byteLimit
  }

  private func countObject(_ name: String) throws {
    objectsLeft -= 1
    guard objectsLeft >= 0 else { throw refuse(name, "it is one of more than 100000 objects") }
  }

  func refuse(_ object: String, _ problem: String) -> AthanorError {
    AthanorError(.data, at: "\(path), \(object)", problem, fix: "The file is damaged or of another kind.")
  }

  func group(_ id: hid_t, _ name: String, depth: Int) throws -> HDF5Group {
    guard depth < 32 else { throw refuse(name, "groups are nested more than 32 deep") }
    try countObject(name)
    var result = HDF5Group()
    var information = H5G_info_t()
    guard H5Gget_info(id, &information) >= 0, information.nlinks < 1_000_000 else {
      throw refuse(name, "its list of contents cannot be read")
    }
    try readAttributes(id, name, &result)
    for index in 0..<information.nlinks {
      let child = try childName(id, index, name)
      // Soft and external links lead elsewhere, perhaps out of the file.
      guard ath_h5_is_hard_link(id, child) > 0 else { continue }
      let object = H5Oopen(id, child, ath_h5_default())
      guard object >= 0 else { throw refuse(name + child, "it cannot be opened") }
      defer { H5Oclose(object) }
      switch H5Iget_type(object) {
      case H5I_GROUP: result.groups[child] = try group(object, name + child + "/", depth: depth + 1)
      case H5I_DATASET: result.arrays[child] = try array(object, name + child)
      default: break
      }
    }
    return result
  }

  private func childName(_ id: hid_t, _ index: hsize_t, _ group: String) throws -> String {
    let length = H5Lget_name_by_idx(id, ".", H5_INDEX_NAME, H5_ITER_INC, index, nil, 0, ath_h5_default())
    guard length > 0, length < 4096 else { throw refuse(group, "the name of entry \(index) cannot be read") }
    var bytes = [CChar](repeating: 0, count: length + 1)
    guard H5Lget_name_by_idx(id, ".", H5_INDEX_NAME, H5_ITER_INC, index, &bytes, length + 1, ath_h5_default()) > 0
    else {
      throw refuse(group, "the name of entry \(index) cannot be read")
    }
    return String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func shape(_ space: hid_t, _ name: String, elementSize: Int) throws -> [Int] {
    let rank = H5Sget_simple_extent_ndims(space)
    guard rank >= 0, rank <= 32 else { throw refuse(name, "its shape cannot be read") }
    var lengths = [hsize_t](repeating: 0, count: Int(rank))
    if rank > 0 { H5Sget_simple_extent_dims(space, &lengths, nil) }
    let shape = lengths.map { Int(clamping: $0) }
    guard let count = Tensor.elementCount(of: shape), count <= bytesLeft / max(elementSize, 1) else {
      throw refuse(name, "it claims shape \(Shape.text(shape)), which is more than the file can hold")
    }
    return shape
  }

  private func array(_ id: hid_t, _ name: String) throws -> Tensor {
    try countObject(name)
    let properties = H5Dget_create_plist(id)
    let type = H5Dget_type(id)
    let space = H5Dget_space(id)
    defer {
      H5Pclose(properties)
      H5Tclose(type)
      H5Sclose(space)
    }
    guard H5Pget_external_count(properties) == 0,
      [H5D_COMPACT, H5D_CONTIGUOUS, H5D_CHUNKED].contains(H5Pget_layout(properties))
    else { throw refuse(name, "its numbers are kept in another file") }
    let shape = try shape(space, name, elementSize: 4)
    let count = shape.reduce(1, *)
    bytesLeft -= count * 4
    switch H5Tget_class(type) {
    case H5T_FLOAT:
      var values = [Float](repeating: 0, count: count)
      guard H5Dread(id, ath_h5_native_float(), ath_h5_all(), ath_h5_all(), ath_h5_default(), &values) >= 0 else {
        throw refuse(name, "its numbers cannot be read")
      }
      return try Tensor(shape: shape, values)
    case H5T_INTEGER:
      var values = [Int32](repeating: 0, count: count)
      guard H5Dread(id, ath_h5_native_int32(), ath_h5_all(), ath_h5_all(), ath_h5_default(), &values) >= 0 else {
        throw refuse(name, "its numbers cannot be read")
      }
      return try Tensor(shape: shape, integers: values)
    default: throw refuse(name, "it is neither of floating-point numbers nor of integers")
    }
  }

  private func readAttributes(_ id: hid_t, _ name: String, _ result: inout HDF5Group) throws {
    let count = H5Aget_num_attrs(id)
    guard count >= 0, count < 100_000 else { throw refuse(name, "its attributes cannot be read") }
    for index in 0..<hsize_t(count) {
      let attribute = H5Aopen_by_idx(id, ".", H5_INDEX_NAME, H5_ITER_INC, index, ath_h5_default(), ath_h5_default())
      guard attribute >= 0 else { throw refuse(name, "attribute \(index) cannot be opened") }
      defer { H5Aclose(attribute) }
      var bytes = [CChar](repeating: 0, count: 1024)
      guard H5Aget_name(attribute, 1024, &bytes) > 0 else { throw refuse(name, "attribute \(index) has no name") }
      let title = String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      result.attributes[title] = try texts(attribute, "\(name), attribute \(title)")
    }
  }

  /// Texts of fixed or variable length; an empty list of any type is a list of no texts; other types are left out.
  private func texts(_ attribute: hid_t, _ name: String) throws -> HDF5Group.Attribute? {
    let type = H5Aget_type(attribute)
    let space = H5Aget_space(attribute)
    defer {
      H5Tclose(type)
      H5Sclose(space)
    }
    let size = H5Tget_size(type)
    let shape = try shape(space, name, elementSize: size)
    let count = shape.reduce(1, *)
    if count == 0 { return .texts([]) }
    guard H5Tget_class(type) == H5T_STRING else { return nil }
    var values: [String] = []
    if H5Tis_variable_str(type) > 0 {
      let memory = H5Tcopy(type)
      defer { H5Tclose(memory) }
      var pointers = [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
      guard H5Aread(attribute, memory, &pointers) >= 0 else { throw refuse(name, "its text cannot be read") }
      values = pointers.map { $0.map { String(cString: $0) } ?? "" }
      ath_h5_reclaim(memory, space, &pointers)
    } else {
      var bytes = [UInt8](repeating: 0, count: count * size)
      guard H5Aread(attribute, type, &bytes) >= 0 else { throw refuse(name, "its text cannot be read") }
      values = (0..<count).map { index in
        String(decoding: bytes[(index * size)..<((index + 1) * size)].prefix { $0 != 0 }, as: UTF8.self)
      }
    }
    return shape.isEmpty ? .text(values[0]) : .texts(values)
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
