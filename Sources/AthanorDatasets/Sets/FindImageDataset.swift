import Athanor

/// The files of a set as they were found in a folder.
package enum DatasetFinding: Hashable, Sendable {
  /// Four IDX files: training pictures, training labels, test pictures, test labels.
  case idx(folder: String, paths: [String])
  /// A NumPy archive.
  case archive(path: String)

  /// The folder or the archive.
  package var path: String {
    switch self {
    case .idx(let folder, _): folder
    case .archive(let path): path
    }
  }

  /// How many bytes the files have together.
  package var byteCount: Int {
    switch self {
    case .idx(_, let paths): paths.reduce(0) { $0 + FileBytes.size($1) }
    case .archive(let path): FileBytes.size(path)
    }
  }
}

/// Where the files of a set were found.
public enum DatasetOrigin: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
  /// The data directory that was given.
  case dataDirectory = "data directory"
  /// The cache folder, from an earlier download.
  case cache = "cache folder"
  /// A folder in which another program keeps them.
  case known = "known folder"
  /// The sample that comes with the library.
  case bundled = "bundled sample"
  /// They were downloaded just now.
  case download = "download"

  /// The place in words: `cache folder`.
  public var description: String { rawValue }
}

extension ImageDataset {
  /// The set's files in a folder, or nil when it does not hold all of them.
  ///
  /// Of a file that is there both compressed and not, the compressed one counts.
  package func find(in folder: String) -> DatasetFinding? {
    let paths = files.all.compactMap { path(of: $0, in: folder) }
    if paths.count == files.all.count { return .idx(folder: folder, paths: paths) }
    guard let archiveName else { return nil }
    let archive = FileBytes.join(folder, archiveName)
    return FileBytes.isFile(archive) ? .archive(path: archive) : nil
  }

  /// Where a set lies among the cache, the known folders and the library's own files; nil when it is in none.
  package func find(_ places: DatasetPlaces) -> (finding: DatasetFinding, origin: DatasetOrigin)? {
    for (folder, origin) in folders(places) {
      if let finding = find(in: folder) { return (finding, origin) }
    }
    return nil
  }

  /// The folders in which a set is looked for when no data directory is given, in order.
  package func folders(_ places: DatasetPlaces) -> [(folder: String, origin: DatasetOrigin)] {
    var result: [(folder: String, origin: DatasetOrigin)] = [(places.cache(of: self), .cache)]
    result += places.known(of: self).map { ($0, .known) }
    if isBundled, let resources = places.resourceFolder { result.append((FileBytes.join(resources, name), .bundled)) }
    return result
  }

  /// The set's files in a data directory or a subfolder of it that is usual for the set.
  ///
  /// - Throws: `AthanorError` listing what was looked for and what of it is there.
  package func find(dataDirectory: String) throws -> DatasetFinding {
    guard FileBytes.isFolder(dataDirectory) else {
      throw AthanorError(
        .file, at: dataDirectory, "there is no such folder of data", fix: "Give the folder that holds \(title)'s files."
      )
    }
    let folders = [dataDirectory] + subfolders.map { FileBytes.join(dataDirectory, $0) }
    for folder in folders {
      if let finding = find(in: folder) { return finding }
    }
    let present = folders.flatMap { folder in files.all.compactMap { path(of: $0, in: folder) } }
    let wanted = files.all.map { "\($0.name)[.gz]" }.joined(separator: ", ")
    let archive = archiveName.map { ", nor \($0)" } ?? ""
    let found = present.isEmpty ? "none of them is there" : "only \(present.joined(separator: ", ")) is there"
    let also = subfolders.isEmpty ? "" : " (nor in its subfolders \(subfolders.joined(separator: ", ")))"
    throw AthanorError(
      .file, at: dataDirectory, "does not hold all of \(wanted)\(archive)\(also); \(found)",
      fix: "Give another folder, or none so that the set is looked for elsewhere and downloaded.")
  }

  private func path(of file: File, in folder: String) -> String? {
    for name in [file.name] + file.otherNames {
      for ending in [".gz", ""] {
        let path = FileBytes.join(folder, name + ending)
        if FileBytes.isFile(path) { return path }
      }
    }
    return nil
  }
}
