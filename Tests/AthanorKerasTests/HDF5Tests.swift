import Athanor
import AthanorArchives
import AthanorKeras
import Foundation
import Testing

/// Files in the forms that h5py writes, which Tools/make_hdf5_files.py made.
@Suite("HDF5 files are read as h5py reads them, or refused by name")
struct HDF5Tests {
  private struct Numbers: Decodable {
    let integers: Bool
    let shape: [Int]
    let values: [Double]
  }

  private enum Texts: Decodable, Equatable {
    case one(String)
    case list([String])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        self = .one(text)
      } else {
        self = .list(try container.decode([String].self))
      }
    }
  }

  private struct Contents: Decodable {
    var groups: Set<String> = []
    var attributes: [String: Texts] = [:]
    var arrays: [String: Numbers] = [:]
  }

  /// A file of the archive.
  private func file(_ name: String) throws -> [UInt8] {
    let path = golden("hdf5.zip")
    return try #require(try ZipArchive(FileBytes.read(path), path: path).bytes(name, limit: 1 << 20))
  }

  private func collect(_ group: HDF5Group, _ path: String, _ groups: inout Set<String>, _ texts: inout [String: Texts])
  {
    groups.insert(path)
    for (name, attribute) in group.attributes {
      switch attribute {
      case .text(let text): texts[path + name] = .one(text)
      case .texts(let list): texts[path + name] = .list(list)
      }
    }
    for (name, child) in group.groups { collect(child, path + name + "/", &groups, &texts) }
  }

  @Test(
    "Types of both byte orders, layouts, texts, links; in headers and trees of each version",
    arguments: ["earliest", "order", "v108", "latest"])
  func forms(_ name: String) throws {
    let all = try JSONDecoder().decode([String: Contents].self, from: Data(file("expected.json")))
    let expected = try #require(all[name])
    let root = try HDF5Group.read(file("\(name).h5"), path: "\(name).h5")
    var (groups, texts): (Set<String>, [String: Texts]) = ([], [:])
    collect(root, "/", &groups, &texts)
    #expect(groups == expected.groups)
    #expect(texts == expected.attributes)
    #expect(Set(root.tensors.map { "/" + $0.name }) == Set(expected.arrays.keys))
    for (path, numbers) in expected.arrays {
      let tensor = try #require(root.array(at: path))
      #expect(tensor.shape == numbers.shape && tensor.dtype == (numbers.integers ? .int32 : .float32), "\(path)")
      #expect(tensor.floats == numbers.values.map { Float($0) }, "\(path)")
    }
  }

  @Test("Integers that do not fit into 32 bits are floating-point numbers")
  func largeIntegers() throws {
    let tensor = try #require(HDF5Group.read(file("refused-large.h5"), path: "a.h5").tensors.first?.tensor)
    #expect(tensor.dtype == .float64 && tensor.floats.contains(1_099_511_627_776))
  }

  @Test("What is not read, word for word")
  func refused() throws {
    let kind = "it is neither of floating-point numbers nor of integers. The file is damaged or of another kind."
    let lzf =
      "its numbers are compressed by LZF, which is not supported. Save the file without compression, or with gzip."
    for (name, problem) in [
      ("lzf", lzf), ("texts", kind), ("flags", kind),
      (
        "chunks",
        "its numbers are kept in chunks of a form that is not supported. Save the file without chunks, or in the form that the oldest "
          + "versions of HDF5 read."
      ),
      ("external", "its numbers are kept in another file. Save it as one file."),
      ("virtual", "its numbers are kept in other arrays. Save it as one file."),
      (
        "named",
        "its type or another part is shared with other objects, which is not supported. Save it without named types."
      ),
    ] {
      let error = #expect(throws: AthanorError.self) { try HDF5Group.read(file("refused-\(name).h5"), path: "a.h5") }
      #expect(error?.description == "a.h5, /x: \(problem)")
    }
  }

  @Test(
    "3,000 damaged files of each form: bytes changed, and addresses that lead elsewhere in the file",
    arguments: ["earliest", "order", "v108", "latest"])
  func damaged(_ name: String) throws {
    let good = try file("\(name).h5")
    // Most of a file is unused, which is zero.
    let used = good.indices.filter { good[$0] != 0 }
    var random = RandomStream(seed: 21, stream: 1)
    func below(_ limit: Int) -> Int { Int(random.nextUniform() * Double(limit)) }
    var read = 0
    for _ in 0..<3000 {
      var copy = good
      for _ in 0...below(3) {
        let place = used[below(used.count)]
        copy[place] = below(2) == 0 ? UInt8(below(256)) : copy[place] ^ 1 << UInt8(below(8))
      }
      if below(4) == 0 {
        let place = min(used[below(used.count)] & ~7, good.count - 8)
        withUnsafeBytes(of: UInt64(used[below(used.count)] & ~7).littleEndian) {
          copy.replaceSubrange(place..<place + 8, with: $0)
        }
      }
      do {
        _ = try HDF5Group.read(copy, path: "a.h5")
        read += 1
      } catch is AthanorError {}
    }
    #expect(read > 100 && read < 2900)
  }

  /// Headers whose blocks continue each other, and groups that hold themselves.
  @Test("What leads in circles comes to an end")
  func circles() throws {
    let good = try file("earliest.h5")
    func address(_ place: Int) -> UInt64 { good[place..<place + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    // The root group's header, whose address is behind the begin and the length of the entry's name.
    let root = address(64)
    var loop = good
    // The first message of a header is 16 bytes behind its begin: one of kind 16, with the address and length of this very block.
    let place = Int(root) + 16
    let parts: [UInt64] = [16 | 16 << 16, root + 16, 24]
    for (index, part) in parts.enumerated() {
      withUnsafeBytes(of: part.littleEndian) {
        loop.replaceSubrange(place + 8 * index..<place + 8 * index + 8, with: $0)
      }
    }
    let error = #expect(throws: AthanorError.self) { try HDF5Group.read(loop, path: "a.h5") }
    #expect(
      error?.description
        == "a.h5, /: it leads to more than the file can hold. The file is damaged or of another kind.")
    // Every entry of a symbol table leads to the root group.
    var nested = good
    var count = 0
    for node in good.indices.dropLast(8) where good[node..<node + 4].elementsEqual("SNOD".utf8) {
      for entry in 0..<Int(good[node + 6]) {
        withUnsafeBytes(of: root.littleEndian) {
          nested.replaceSubrange(node + 16 + 40 * entry..<node + 24 + 40 * entry, with: $0)
        }
        count += 1
      }
    }
    #expect(count > 40)
    let deep = #expect(throws: AthanorError.self) { try HDF5Group.read(nested, path: "a.h5") }
    #expect(
      deep?.description.hasSuffix(
        ": groups are nested more than 32 deep. The file is damaged or of another kind.") == true)
  }
}
