import Athanor
import Foundation

/// The folders of this machine in which data sets are looked for.
package struct DatasetPlaces: Hashable, Sendable {
  /// Where downloads are kept, one folder for each set below it.
  package let cacheFolder: String
  /// The home folder.
  package let home: String
  /// Where Keras keeps its files.
  package let kerasFolder: String
  /// Where the library's own files lie; nil when they cannot be found.
  package let resourceFolder: String?
  /// Whether folders of the whole machine (`/usr/share/...`) count.
  package let includesSystem: Bool
  /// Whether `ATHANOR_OFFLINE` forbids downloads.
  package let isOffline: Bool

  /// Finds the folders from environment variables.
  ///
  /// The cache is `ATHANOR_CACHE`, or `athanor` below `XDG_CACHE_HOME`, or else `~/.cache/athanor` on Linux and
  /// `~/Library/Caches/athanor` on Apple's systems.
  package init(
    environment: [String: String] = ProcessInfo.processInfo.environment, home: String? = nil,
    resourceFolder: String? = BundledResources.folder, includesSystem: Bool = true
  ) {
    func folder(_ variable: String) -> String? {
      environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    }
    let home = home ?? folder("HOME") ?? NSHomeDirectory()
    #if canImport(Darwin)
      let usualCache = "Library/Caches"
    #else
      let usualCache = ".cache"
    #endif
    // The XDG base directory specification says that relative paths are to be ignored.
    let xdg = folder("XDG_CACHE_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
    self.cacheFolder =
      folder("ATHANOR_CACHE") ?? FileBytes.join(xdg ?? FileBytes.join(home, usualCache), "athanor")
    self.home = home
    self.kerasFolder = folder("KERAS_HOME") ?? FileBytes.join(home, ".keras")
    self.resourceFolder = resourceFolder
    self.includesSystem = includesSystem
    isOffline = folder("ATHANOR_OFFLINE").map { $0 != "0" } ?? false
  }

  /// The cache folder of one set.
  package func cache(of dataset: ImageDataset) -> String { FileBytes.join(cacheFolder, dataset.name) }

  /// The folders in which other programs keep a set, with `~` and Keras' own folder put in.
  package func known(of dataset: ImageDataset) -> [String] {
    dataset.knownFolders.compactMap { folder in
      if folder.hasPrefix("~/.keras/") {
        return FileBytes.join(kerasFolder, String(folder.dropFirst("~/.keras/".count)))
      }
      if folder.hasPrefix("~/") { return FileBytes.join(home, String(folder.dropFirst(2))) }
      return includesSystem ? folder : nil
    }
  }

  /// A path with a leading `~` made the home folder.
  package func expand(_ path: String) -> String {
    if path == "~" { return home }
    return path.hasPrefix("~/") ? FileBytes.join(home, String(path.dropFirst(2))) : path
  }
}
