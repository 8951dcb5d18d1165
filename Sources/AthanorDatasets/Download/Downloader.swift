import Athanor
import Foundation

/// Downloads the files of a set: from one mirror after another, resumed where they broke off, verified by their sums.
package struct Downloader: Sendable {
  /// Whether and how to download.
  package let options: DownloadOptions
  /// How often a broken transfer is resumed at the same server, as long as each brings something.
  private static let maximumResumptions = 20

  package init(options: DownloadOptions) { self.options = options }

  /// Makes sure that a folder holds every file of a set.
  ///
  /// Each file grows as `NAME.gz.part` and gets its name only when its SHA-256 sum is right. Files that are there stay.
  ///
  /// - Throws: `AthanorError` of kind `.network` when no mirror gives a file, of kind `.file` when the folder cannot be
  ///   written; `CancellationError` when the task is cancelled.
  package func fetch(_ dataset: ImageDataset, into folder: String) async throws {
    guard options.isAllowed else {
      throw AthanorError(.network, at: dataset.title, "is not on this machine, and downloading is not allowed")
    }
    guard !dataset.mirrors.isEmpty else {
      throw AthanorError(.network, at: dataset.title, "is not on this machine, and there is no server to get it from")
    }
    try FileBytes.makeFolder(folder)
    for (index, file) in dataset.files.all.enumerated() {
      let destination = FileBytes.join(folder, file.name + ".gz")
      guard !FileBytes.isFile(destination) else { continue }
      try await fetch(file, number: index + 1, of: dataset, to: destination)
    }
  }

  private func fetch(
    _ file: ImageDataset.File, number: Int, of dataset: ImageDataset, to destination: String
  ) async throws {
    let part = try PartFile(of: destination)
    // Another download may have finished while this one waited for its turn.
    if FileBytes.isFile(destination) { return part.remove() }
    var reasons: [String] = []
    for mirror in dataset.mirrors {
      let address = mirror + file.name + ".gz"
      guard let url = URL(string: address), let host = url.host, ["http", "https"].contains(url.scheme ?? "") else {
        reasons.append("\(mirror): is not an address of the web")
        continue
      }
      let transfer = Transfer(
        url: url, host: host, file: file, part: part, options: options, title: dataset.title, number: number,
        count: dataset.files.all.count)
      if let reason = try await transfer.run(resumptions: Downloader.maximumResumptions) {
        reasons.append("\(host): \(reason)")
      } else {
        return try part.move(to: destination)
      }
    }
    if part.count == 0 { part.remove() }
    throw AthanorError(
      .network, at: dataset.title,
      "is not on this machine, and \(file.name).gz could not be downloaded (\(reasons.joined(separator: "; ")))")
  }
}

/// The download of one file from one server.
private struct Transfer {
  let url: URL
  let host: String
  let file: ImageDataset.File
  let part: PartFile
  let options: DownloadOptions
  let title: String
  let number: Int
  let count: Int

  /// More than a gzip file of the known content can have.
  private var limit: Int { file.byteCount + file.byteCount / 100 + 65_536 }

  /// Runs until the part is complete and right.
  ///
  /// - Returns: Why it failed; nil when it did not.
  func run(resumptions: Int) async throws -> String? {
    if part.count > limit { try part.clear() }
    // An earlier run may have ended between the last byte and the check.
    if part.count > 0, try fault() == nil { return nil }
    var resumptions = resumptions
    while true {
      let before = part.count
      do {
        try await get()
      } catch let failure as HTTPTransfer.Failure {
        if before > 0, part.count == 0 {
          // The server has other contents than the part, or cannot resume: begin afresh, once.
          resumptions = 0
          continue
        }
        guard failure.isInterruption, part.count > before, resumptions > 0 else { return failure.reason }
        resumptions -= 1
        continue
      }
      guard let fault = try fault() else { return nil }
      try part.clear()
      // A part left by an earlier run may belong to other contents: begin afresh, once.
      guard before > 0 else { return fault }
      resumptions = 0
    }
  }

  /// Gets what is still missing.
  private func get() async throws {
    let offset = part.count
    var total: Int?
    try await HTTPTransfer.get(url, from: offset, timeout: options.timeout) { event in
      switch event {
      case .head(let head):
        try accept(head, offset: offset)
        total = head.total
        report(total)
      case .bytes(let data):
        guard part.count + data.count <= limit else {
          try part.clear()
          throw HTTPTransfer.Failure(reason: "the file is larger than it should be", isInterruption: false)
        }
        try part.append(data)
        report(total)
      }
    }
    if let total, part.count < total {
      throw HTTPTransfer.Failure(reason: "the connection broke off", isInterruption: true)
    }
  }

  /// Decides by an answer's first lines how its bytes are used.
  private func accept(_ head: HTTPTransfer.Head, offset: Int) throws {
    switch head.status {
    case 206 where head.rangeStart == offset: return
    case 200:
      // The server does not resume: the whole file follows.
      try part.clear()
    case 206, 416:
      try part.clear()
      throw HTTPTransfer.Failure(reason: "it cannot resume this download (HTTP \(head.status))", isInterruption: false)
    default:
      throw HTTPTransfer.Failure(reason: "it answered HTTP \(head.status)", isInterruption: false)
    }
  }

  /// What is wrong with a complete part; nil when its sum is right.
  private func fault() throws -> String? {
    let bytes = try FileBytes.read(part.path, limit: limit)
    do {
      var content = bytes
      if Gzip.isGzip(bytes) {
        let output = try Gzip.inflate(bytes, path: url.absoluteString, limit: file.byteCount)
        guard output.isComplete else { return "the content is longer than \(file.byteCount) bytes" }
        content = output.bytes
      }
      let sum = Checksum.sha256(content)
      return sum == file.sha256 ? nil : "the content has the SHA-256 sum \(sum), expected \(file.sha256)"
    } catch let error as AthanorError {
      return error.problem
    }
  }

  private func report(_ total: Int?) {
    options.progress?(
      DownloadProgress(
        title: title, file: file.name + ".gz", fileNumber: number, fileCount: count, host: host,
        receivedByteCount: part.count, totalByteCount: total))
  }
}
