import Athanor
import AthanorDatasets
import Foundation
import Logging

@testable import AthanorServer

/// A model that tells three gray pictures of 8 x 8 apart.
func makeModel(seed: UInt64 = 1, classes: Int = 3) throws -> Model {
  try Sequential(input: [8, 8, 1], name: "small", seed: seed) {
    Conv2D(4, kernelSize: 3, activation: .relu)
    Flatten()
    Dense(classes, activation: .softmax)
  }
}

/// A folder that is gone with the test.
final class TestFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("athanor-server-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }
}

/// Limits for tests that are not about time: beside a thousand other tests an answer may take long.
var patient: ServiceLimits {
  var limits = ServiceLimits()
  limits.time = .seconds(600)
  return limits
}

/// Runs a service with a model file while a test asks it.
func withServer(
  _ file: String, limits: ServiceLimits = ServiceLimits(),
  _ body: @escaping @Sendable (Server, Int) async throws -> Void
) async throws {
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  let server = try Server(model: file, port: 0, limits: limits, logger: logger)
  let (ports, found) = AsyncStream<Int>.makeStream()
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await server.run { found.yield($0) } }
    group.addTask {
      for await port in ports {
        try await body(server, port)
        return
      }
    }
    // The service ends with an error alone, and then the test fails with that.
    try await group.next()
    group.cancelAll()
    do { try await group.waitForAll() } catch is CancellationError {}
  }
}

/// An answer of the service.
struct Answer: Sendable {
  let status: Int
  let headers: [String: String]
  let body: String

  /// The text of an error: `problem|remedy`.
  var error: String {
    guard case .object(let object) = try? JSONValue(parsing: body, at: "test"),
      case .object(let error) = object["error"]
    else { return body }
    func text(_ key: String) -> String { if case .text(let text) = error[key] { text } else { "" } }
    return "\(text("message"))|\(text("fix"))"
  }
}

/// A connection that sends exactly the bytes that a test gives it.
struct Connection: Sendable {
  let port: Int

  /// Sends a request and reads the whole answer.
  func ask(_ method: String, _ path: String, _ body: [UInt8] = [], headers: String = "") async throws -> Answer {
    let length = body.isEmpty ? "" : "Content-Length: \(body.count)\r\n"
    let head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(length)\(headers)\r\n"
    return try await send(Array(head.utf8) + body)
  }

  /// Sends bytes and reads until the service ends the connection.
  func send(_ bytes: [UInt8]) async throws -> Answer {
    let port = port
    return try await withCheckedThrowingContinuation { continuation in
      // A thread that may wait: not one of those that the service computes in.
      Thread.detachNewThread { continuation.resume(with: Result { try Connection.exchange(port, bytes) }) }
    }
  }

  private static func exchange(_ port: Int, _ bytes: [UInt8]) throws -> Answer {
    #if canImport(Darwin)
      let kind = SOCK_STREAM
    #else
      let kind = Int32(SOCK_STREAM.rawValue)
    #endif
    let handle = socket(AF_INET, kind, 0)
    defer { close(handle) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(handle, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw POSIXError(.ECONNREFUSED) }
    var sent = 0
    while sent < bytes.count {
      #if canImport(Darwin)
        let flags: Int32 = 0
      #else
        let flags = Int32(MSG_NOSIGNAL)
      #endif
      let count = bytes[sent...].withUnsafeBytes { Foundation.send(handle, $0.baseAddress, $0.count, flags) }
      guard count > 0 else { break }  // the service has heard enough; its answer says why
      sent += count
    }
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while case let count = recv(handle, &buffer, buffer.count, 0), count > 0 { received += buffer[..<count] }
    return parse(String(decoding: received, as: UTF8.self))
  }

  private static func parse(_ text: String) -> Answer {
    let parts = text.components(separatedBy: "\r\n\r\n")
    let lines = parts[0].components(separatedBy: "\r\n")
    let status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    let headers = lines.dropFirst().map { $0.split(separator: ":", maxSplits: 1) }.filter { $0.count == 2 }
    return Answer(
      status: status,
      headers: Dictionary(headers.map { ($0[0].lowercased(), $0[1].trimmingCharacters(in: .whitespaces)) }) { $1 },
      body: parts.dropFirst().joined(separator: "\r\n\r\n"))
  }
}
