import Athanor
import AthanorDatasets
import Foundation
import Testing

/// Downloads from servers on this machine: whole, broken, wrong, refused.
struct DownloadTests {
  private typealias Answer = LoopbackServer.Answer
  private typealias Request = LoopbackServer.Request

  private let folder: TemporaryFolder
  private var cache: String { folder["home/.cache/athanor/tiny"] }
  private static let names = TinySet.files.map { $0.name + ".gz" }

  init() throws { folder = try TemporaryFolder() }

  /// What lies at an address of a sound server.
  private static func content(_ path: String) -> [UInt8]? {
    TinySet.files.first { "/\($0.name).gz" == path }.map { gzip($0.content) }
  }

  /// A server that has everything and resumes.
  private static func soundServer() throws -> LoopbackServer {
    try LoopbackServer { request in
      content(request.path).map { .file($0, from: request.start) } ?? .notFound
    }
  }

  /// A server of which the first file is out of the ordinary.
  private static func server(_ first: @escaping @Sendable (Request, [UInt8]) -> LoopbackServer.Answer) throws
    -> LoopbackServer
  {
    try LoopbackServer { request in
      guard let content = content(request.path) else { return .notFound }
      return request.path == "/\(names[0])" ? first(request, content) : .file(content, from: request.start)
    }
  }

  /// Loads the set from servers, which live until it is loaded, and then from further addresses.
  private func load(
    _ servers: [LoopbackServer], addresses: [String] = [],
    _ options: DownloadOptions = DownloadOptions(timeout: .seconds(600))
  ) async throws -> LoadedDataset {
    defer { withExtendedLifetime(servers) {} }
    let places = DatasetPlaces(
      environment: ["HOME": folder["home"], "XDG_CACHE_HOME": folder["home/.cache"]], resourceFolder: nil,
      includesSystem: false)
    let mirrors = servers.map(\.address) + addresses
    return try await TinySet.dataset(mirrors: mirrors).load(download: options, places: places)
  }

  private func loadError(
    _ servers: [LoopbackServer], addresses: [String] = [],
    _ options: DownloadOptions = DownloadOptions(timeout: .seconds(600))
  ) async -> String {
    let text = await folder.error { try await load(servers, addresses: addresses, options) }
    // The advice names the first mirror, whose port differs from run to run; it has a test of its own.
    return text.replacing(/\ To get it by hand, put .*$/, with: "")
  }

  private func part(_ bytes: some Collection<UInt8>) throws {
    try folder.write(Array(bytes), "home/.cache/athanor/tiny/\(Self.names[0]).part")
  }

  private func expectWholeCache(sourceLocation: SourceLocation = #_sourceLocation) throws {
    let files = Self.names.sorted().map { "home/.cache/athanor/tiny/\($0)" }
    #expect(folder.files == files, sourceLocation: sourceLocation)
    for file in TinySet.files {
      #expect(try FileBytes.read("\(cache)/\(file.name).gz") == gzip(file.content), sourceLocation: sourceLocation)
    }
  }

  @Test func downloadsOnceAndThenReadsTheCache() async throws {
    let server = try Self.soundServer()
    let loaded = try await load([server])
    #expect(loaded.origin == .download)
    #expect(loaded.path == cache)
    #expect(loaded.train.inputs.storage == .uint8(TinySet.trainPictures.flatMap { $0 }))
    #expect(loaded.test.targets.storage == .int32([2, 1]))
    try expectWholeCache()
    #expect(try await load([server]).origin == .cache)
    #expect(server.requests.map(\.path) == Self.names.map { "/\($0)" })
  }

  @Test func reportsProgress() async throws {
    let server = try Self.soundServer()
    let record = Record<DownloadProgress>()
    _ = try await load([server], DownloadOptions { record.append($0) })
    let reports = record.values
    for (index, name) in Self.names.enumerated() {
      let size = Self.content("/\(name)")?.count
      let ofFile = reports.filter { $0.file == name }
      #expect(ofFile.last?.receivedByteCount == size)
      #expect(ofFile.map(\.receivedByteCount) == ofFile.map(\.receivedByteCount).sorted())
      #expect(
        ofFile.allSatisfy {
          $0.title == "Tiny" && $0.fileNumber == index + 1 && $0.fileCount == 4 && $0.totalByteCount == size
            && $0.host == "127.0.0.1"
        })
    }
    #expect(reports.map(\.fileNumber) == reports.map(\.fileNumber).sorted())
  }

  @Test func resumesACutConnectionWhereItBroke() async throws {
    let server = try Self.server { request, content in
      var answer = Answer.file(content, from: request.start)
      if request.start ?? 0 < 40 { answer.stopsAfter = 20 }
      return answer
    }
    #expect(try await load([server]).origin == .download)
    #expect(server.requests.prefix(4).map(\.start) == [nil, 20, 40, nil])
    try expectWholeCache()
  }

  @Test func resumesWhatAnEarlierRunLeft() async throws {
    try part(gzip(TinySet.files[0].content).prefix(33))
    let server = try Self.soundServer()
    let record = Record<DownloadProgress>()
    _ = try await load([server], DownloadOptions { record.append($0) })
    #expect(server.requests[0].start == 33)
    #expect(record.values[0].receivedByteCount == 33)
    #expect(record.values[0].totalByteCount == gzip(TinySet.files[0].content).count)
    try expectWholeCache()
  }

  @Test func keepsWhatArrivedForTheNextRun() async throws {
    let broken = try Self.server { request, content in
      var answer = Answer.file(content, from: request.start)
      answer.stopsAfter = request.start == nil ? 25 : 0
      return answer
    }
    #expect(await loadError([broken]).contains("could not be downloaded (127.0.0.1: "))
    #expect(folder.files == ["home/.cache/athanor/tiny/\(Self.names[0]).part"])
    let server = try Self.soundServer()
    #expect(try await load([server]).origin == .download)
    #expect(server.requests[0].start == 25)
    try expectWholeCache()
  }

  @Test func aWholePartNeedsNoRequest() async throws {
    try part(gzip(TinySet.files[0].content))
    let server = try Self.soundServer()
    _ = try await load([server])
    #expect(server.requests.map(\.path) == Self.names.dropFirst().map { "/\($0)" })
    try expectWholeCache()
  }

  @Test(arguments: [10, 67, 500]) func aPartOfOtherContentsIsBegunAfresh(size: Int) async throws {
    try part([UInt8](repeating: 7, count: size))
    let server = try Self.soundServer()
    #expect(try await load([server]).origin == .download)
    #expect(server.requests.prefix(2).map(\.start) == [size, nil])
    try expectWholeCache()
  }

  @Test func aPartThatIsTooLargeIsThrownAway() async throws {
    try part([UInt8](repeating: 7, count: 100_000))
    let server = try Self.soundServer()
    #expect(try await load([server]).origin == .download)
    #expect(server.requests.map(\.start) == [nil, nil, nil, nil])
    try expectWholeCache()
  }

  @Test func serversThatDoNotResumeSendTheWholeFile() async throws {
    try part(gzip(TinySet.files[0].content).prefix(33))
    let server = try Self.server { _, content in .file(content) }
    #expect(try await load([server]).origin == .download)
    #expect(server.requests.prefix(2).map(\.start) == [33, nil])
    try expectWholeCache()
  }

  @Test func uncompressedContentCountsToo() async throws {
    let server = try Self.server { _, _ in .file(TinySet.files[0].content) }
    #expect(try await load([server]).train.inputs.storage == .uint8(TinySet.trainPictures.flatMap { $0 }))
  }

  @Test func aSilentServerRunsOutOfTime() async throws {
    let server = try Self.server { _, _ in Answer(saysNothing: true) }
    let text = await loadError([server], DownloadOptions(timeout: .milliseconds(250)))
    #expect(
      text == "Tiny: is not on this machine, and tiny-train-images.gz could not be downloaded "
        + "(127.0.0.1: no answer for 0.25 s).")
    #expect(folder.files == [])
  }

  @Test func aServerThatFallsSilentIsAskedAgain() async throws {
    let server = try Self.server { request, content in
      var answer = Answer.file(content, from: request.start)
      if request.start == nil { (answer.stopsAfter, answer.staysSilent) = (30, true) }
      return answer
    }
    _ = try await load([server], DownloadOptions(timeout: .seconds(3)))
    #expect(server.requests.prefix(2).map(\.start) == [nil, 30])
    try expectWholeCache()
  }

  @Test func wrongSumsAreErrorsAndNothingIsLeft() async throws {
    let wrong = idxPictures(TinySet.trainPictures.reversed(), height: 2, width: 3)
    let server = try Self.server { request, _ in .file(gzip(wrong), from: request.start) }
    let expected = Checksum.sha256(TinySet.files[0].content)
    #expect(
      await loadError([server])
        == "Tiny: is not on this machine, and tiny-train-images.gz could not be downloaded "
        + "(127.0.0.1: the content has the SHA-256 sum \(Checksum.sha256(wrong)), expected \(expected)).")
    #expect(folder.files == [])
  }

  @Test func damagedAndOverlongFilesAreErrorsAndNothingIsLeft() async throws {
    let damaged = try Self.server { request, content in .file(content.dropLast(8) + [0, 0, 0, 0, 0, 0, 0, 0]) }
    #expect(
      await loadError([damaged]).hasSuffix(
        "the compressed content is damaged at byte 65 (incorrect data check))."))
    let long = try Self.server { _, _ in .file(gzip(TinySet.files[0].content + [0])) }
    #expect(await loadError([long]).hasSuffix("(127.0.0.1: the content is longer than 46 bytes)."))
    let endless = try Self.server { _, _ in .file([UInt8](repeating: 0x1F, count: 1 << 20)) }
    #expect(await loadError([endless]).hasSuffix("(127.0.0.1: the file is larger than it should be)."))
    #expect(folder.files == [])
  }

  @Test func theNextMirrorStepsIn() async throws {
    let empty = try LoopbackServer { _ in .notFound }
    let wrong = try LoopbackServer { _ in .file(gzip([1, 2, 3])) }
    let sound = try Self.soundServer()
    _ = try await load([empty, wrong, sound])
    #expect(empty.requests.count == 4)
    #expect(wrong.requests.count == 4)
    // A wrong file is not resumed at another server.
    #expect(sound.requests.map(\.start) == [nil, nil, nil, nil])
    try expectWholeCache()
  }

  @Test func theNextMirrorGoesOnWhereTheFirstBroke() async throws {
    let broken = try Self.server { request, content in
      var answer = Answer.file(content, from: request.start)
      answer.stopsAfter = request.start == nil ? 25 : 0
      return answer
    }
    let sound = try Self.soundServer()
    _ = try await load([broken, sound])
    #expect(sound.requests.map(\.start) == [25])
    try expectWholeCache()
  }

  @Test func everyMirrorsReasonIsTold() async throws {
    let empty = try LoopbackServer { _ in .notFound }
    let busy = try LoopbackServer { _ in Answer(status: 503) }
    let deaf = try LoopbackServer(listens: false) { _ in .notFound }
    let text = await loadError([empty, busy, deaf], addresses: ["ftp://example.org/"])
    #expect(
      text
        == "Tiny: is not on this machine, and tiny-train-images.gz could not be downloaded (127.0.0.1: it answered HTTP 404; "
        + "127.0.0.1: it answered HTTP 503; 127.0.0.1: it cannot be reached; ftp://example.org/: is not an address of the web)."
    )
  }

  @Test func adviceForGettingFilesByHand() async throws {
    #expect(
      await folder.error { try await load([], addresses: ["https://example.org/tiny/"], .never) }
        == "Tiny: is not on this machine, and downloading is not allowed. To get it by hand, put tiny-train-images.gz, "
        + "tiny-train-labels.gz, tiny-test-images.gz, tiny-test-labels.gz from https://example.org/tiny/ into "
        + "home/.cache/athanor/tiny, or name the folder that holds them as data directory.")
    #expect(
      await loadError([]) == "Tiny: is not on this machine, and there is no server to get it from.")
    #expect(folder.files == [])
  }

  @Test func cancellationStopsADownload() async throws {
    let (started, start) = AsyncStream<Void>.makeStream()
    let server = try Self.server { request, content in
      start.finish()
      return Answer(saysNothing: true)
    }
    let download = Task { try await load([server]) }
    for await _ in started {}
    download.cancel()
    await #expect(throws: CancellationError.self) { try await download.value }
  }

  @Test func aCacheThatCannotBeMade() async throws {
    let server = try Self.soundServer()
    try folder.write([1], "home/.cache")
    let text = await loadError([server])
    #expect(
      text
        == "home/.cache/athanor/tiny: the folder cannot be made (Not a directory)."
    )
    #expect(server.requests == [])
  }

  @Test func aPartThatCannotBeWritten() async throws {
    let server = try Self.soundServer()
    try folder.makeFolder("home/.cache/athanor/tiny/\(Self.names[0]).part")
    #expect(
      await loadError([server])
        == "home/.cache/athanor/tiny/tiny-train-images.gz.part: cannot be written (Is a directory).")
    #expect(server.requests == [])
  }

  @Test(.enabled(if: geteuid() != 0, "the superuser may write everywhere")) func aReadOnlyCache() async throws {
    let server = try Self.soundServer()
    let path = try folder.makeFolder("home/.cache/athanor/tiny")
    chmod(path, 0o555)
    defer { chmod(path, 0o755) }
    #expect(
      await loadError([server])
        == "home/.cache/athanor/tiny/tiny-train-images.gz.part: cannot be written (Permission denied). Check its permissions."
    )
    #expect(server.requests == [])
  }

  @Test func downloadsAtTheSameTimeDoNotDisturbEachOther() async throws {
    let server = try Self.soundServer()
    try await withThrowingTaskGroup(of: LoadedDataset.self) { group in
      for _ in 0..<4 { group.addTask { try await load([server]) } }
      for try await loaded in group { #expect(loaded.train.count == 5) }
    }
    try expectWholeCache()
  }
}

/// What callbacks said, in order.
private final class Record<Value: Sendable>: @unchecked Sendable {  // guarded by its lock
  private let lock = NSLock()
  private var entries: [Value] = []

  var values: [Value] { lock.withLock { entries } }
  func append(_ value: Value) { lock.withLock { entries.append(value) } }
}
