/// Whether and how a data set may be downloaded.
///
/// - Example:
///   ```swift
///   let options = DownloadOptions { progress in print(progress.receivedByteCount, progress.file) }
///   ```
public struct DownloadOptions: Sendable {
  /// Whether the network may be used at all.
  public var isAllowed: Bool
  /// The longest silence of a server before the download goes on elsewhere.
  public var timeout: Duration
  /// Called with every piece that arrives, from any task.
  public var progress: (@Sendable (DownloadProgress) -> Void)?

  /// Makes options.
  ///
  /// - Parameters:
  ///   - isAllowed: Whether the network may be used at all.
  ///   - timeout: The longest silence of a server.
  ///   - progress: Called with every piece that arrives.
  public init(
    isAllowed: Bool = true, timeout: Duration = .seconds(20), progress: (@Sendable (DownloadProgress) -> Void)? = nil
  ) {
    self.isAllowed = isAllowed
    self.timeout = timeout
    self.progress = progress
  }

  /// The network stays untouched: a set that is not here is an error of kind `.network`.
  public static let never = DownloadOptions(isAllowed: false)
}

/// How far the download of one file has come.
public struct DownloadProgress: Hashable, Sendable {
  /// The title of the set: `MNIST`.
  public let title: String
  /// The name of the file: `train-images-idx3-ubyte.gz`.
  public let file: String
  /// The file's number, beginning with 1.
  public let fileNumber: Int
  /// How many files the set has.
  public let fileCount: Int
  /// The server that it comes from.
  public let host: String
  /// The bytes that are here, those of an earlier, interrupted download included.
  public let receivedByteCount: Int
  /// The bytes that the whole file has; nil when the server does not say.
  public let totalByteCount: Int?
}
