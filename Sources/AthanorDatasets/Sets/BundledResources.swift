import Athanor
import Foundation

/// Finds the files that come with the library.
///
/// The accessor that the package manager generates stops the program when the folder is gone; this one says nil, so
/// that a program that was moved without its resources can report it.
package enum BundledResources {
  private final class Marker {}

  /// The name that the package manager gives the folder.
  package static var folderName: String {
    #if canImport(Darwin)
      "Athanor_AthanorDatasets.bundle"
    #else
      "Athanor_AthanorDatasets.resources"
    #endif
  }

  /// The folder that holds `digits` and `models`; nil when it is nowhere to be found.
  ///
  /// Looked for, in order: `ATHANOR_RESOURCES`, beside the program, in its app's or test bundle's resources, and where an
  /// installation puts it (`../share/athanor` and `../lib/athanor` seen from the program).
  package static let folder: String? = find(in: candidates(environment: ProcessInfo.processInfo.environment))

  /// The first folder that holds the bundled sample, either by itself or in the package manager's folder.
  package static func find(in candidates: [String]) -> String? {
    for candidate in candidates {
      let folders = [candidate, FileBytes.join(candidate, folderName)]
      for folder in folders + folders.map({ FileBytes.join($0, "Contents/Resources") })
      where FileBytes.isFolder(FileBytes.join(folder, "digits")) { return folder }
    }
    return nil
  }

  /// The error of a program that was moved without its resources.
  package static func missing(at place: String) -> AthanorError {
    AthanorError(
      .file, at: place,
      "the library's own files are not beside the program, where the folder \(folderName) belongs",
      fix: "Copy that folder beside the program, or set ATHANOR_RESOURCES to the folder that holds it.")
  }

  private static func candidates(environment: [String: String]) -> [String] {
    var folders: [String] = []
    if let folder = environment["ATHANOR_RESOURCES"], !folder.isEmpty { folders.append(folder) }
    let program = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent().path
    if let program { folders.append(program) }
    for bundle in [Bundle.main, Bundle(for: Marker.self)] {
      if let resources = bundle.resourceURL?.path { folders.append(resources) }
      folders.append(bundle.bundleURL.path)
      folders.append(bundle.bundleURL.deletingLastPathComponent().path)
    }
    if let program {
      folders.append(FileBytes.join(program, "../share/athanor"))
      folders.append(FileBytes.join(program, "../lib/athanor"))
    }
    return folders
  }
}
