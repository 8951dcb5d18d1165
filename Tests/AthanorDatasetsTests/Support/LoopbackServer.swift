import Foundation

/// A web server on this machine alone, for one test: plain sockets in threads, one request for each connection.
final class LoopbackServer: Sendable {
  struct Request: Hashable, Sendable {
    let path: String
    /// The first byte that is wanted: `Range: bytes=N-`.
    let start: Int?
  }

  struct Answer: Sendable {
    var status = 200
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    /// After so many bytes of the body the server stops; nil for all of them.
    var stopsAfter: Int?
    /// Whether a server that stopped keeps the connection open and silent, or cuts it.
    var staysSilent = false
    /// Whether not even a first line is sent.
    var saysNothing = false

    /// A file or, when a range is wanted, the rest of it.
    static func file(_ content: [UInt8], from start: Int? = nil) -> Answer {
      guard let start else { return Answer(body: content) }
      guard start < content.count else {
        return Answer(status: 416, headers: ["Content-Range": "bytes */\(content.count)"])
      }
      return Answer(
        status: 206, headers: ["Content-Range": "bytes \(start)-\(content.count - 1)/\(content.count)"],
        body: Array(content.dropFirst(start)))
    }

    static let notFound = Answer(status: 404, body: Array("nothing here".utf8))
  }

  /// The address, with a slash at its end.
  let address: String
  /// The end of a pipe whose closing ends the server's thread.
  private let end: Int32
  private let log = Log()

  /// Every request so far, in order.
  var requests: [Request] { log.requests }

  /// Listens at a free port and answers until the server is released.
  ///
  /// A released server's port may be another's at once: keep the server while its address is used.
  /// With `listens: false` the port is taken and refuses connections.
  init(listens: Bool = true, _ answer: @escaping @Sendable (Request) -> Answer) throws {
    #if canImport(Darwin)
      let socket = Foundation.socket(AF_INET, SOCK_STREAM, 0)
    #else
      let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #endif
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isReady = withUnsafeMutablePointer(to: &place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        bind(socket, place, length) == 0 && (!listens || listen(socket, 16) == 0)
          && getsockname(socket, place, &length) == 0
      }
    }
    guard socket >= 0, isReady else { throw CocoaError(.featureUnsupported) }
    address = "http://127.0.0.1:\(UInt16(bigEndian: place.sin_port))/"
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw CocoaError(.featureUnsupported) }
    let (release, end) = (ends[0], ends[1])
    self.end = end
    let log = log
    // The thread alone closes the socket: a number that is closed elsewhere may be another server's when it accepts.
    Thread.detachNewThread {
      defer {
        close(socket)
        close(release)
      }
      while true {
        var waiting = [pollfd(fd: release, events: Int16(POLLIN), revents: 0)]
        if listens { waiting.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0)) }
        guard poll(&waiting, nfds_t(waiting.count), -1) > 0, waiting[0].revents == 0 else { return }
        let connection = accept(socket, nil, nil)
        guard connection >= 0 else { continue }
        Thread.detachNewThread {
          LoopbackServer.serve(connection, log, answer)
          close(connection)
        }
      }
    }
  }

  deinit { close(end) }

  private static func serve(_ connection: Int32, _ log: Log, _ answer: @Sendable (Request) -> Answer) {
    #if canImport(Darwin)
      var on: Int32 = 1
      setsockopt(connection, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
    #endif
    guard let request = readRequest(connection) else { return }
    log.append(request)
    let answer = answer(request)
    if !answer.saysNothing {
      let headers = answer.headers.map { "\($0): \($1)\r\n" }.joined()
      let head =
        "HTTP/1.1 \(answer.status) Answer\r\nContent-Length: \(answer.body.count)\r\nContent-Type: application/json\r\nConnection: close\r\n\(headers)\r\n"
      send(Array(head.utf8) + answer.body.prefix(answer.stopsAfter ?? answer.body.count), over: connection)
    }
    // Silent until the other side goes.
    var byte: UInt8 = 0
    if answer.staysSilent || answer.saysNothing { while recv(connection, &byte, 1, 0) > 0 {} }
  }

  private static func readRequest(_ connection: Int32) -> Request? {
    var text = ""
    var chunk = [UInt8](repeating: 0, count: 4096)
    while !text.contains("\r\n\r\n") {
      let count = recv(connection, &chunk, chunk.count, 0)
      guard count > 0 else { return nil }
      text += String(decoding: chunk.prefix(count), as: UTF8.self)
    }
    let lines = text.components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count == 3, words[0] == "GET" else { return nil }
    let range = lines.first { $0.lowercased().hasPrefix("range: bytes=") }
    return Request(path: String(words[1]), start: range.flatMap { Int($0.dropFirst(13).prefix { $0 != "-" }) })
  }

  private static func send(_ bytes: [UInt8], over connection: Int32) {
    #if canImport(Darwin)
      let flags: Int32 = 0
    #else
      let flags = Int32(MSG_NOSIGNAL)
    #endif
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Foundation.send(connection, $0.baseAddress, $0.count, flags) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  private final class Log: @unchecked Sendable {  // guarded by its lock
    private let lock = NSLock()
    private var entries: [Request] = []

    var requests: [Request] { lock.withLock { entries } }
    func append(_ request: Request) { lock.withLock { entries.append(request) } }
  }
}
