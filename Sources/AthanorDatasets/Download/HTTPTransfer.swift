import Athanor
import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// One GET request over http or https whose answer arrives in pieces.
///
/// The request asks for the bytes as they lie on the server (no content coding), so that a transfer can be resumed.
struct HTTPTransfer {
  /// What the first lines of an answer say.
  struct Head: Sendable {
    let status: Int
    /// The first byte of a partial answer; nil when the answer is not partial or does not say.
    let rangeStart: Int?
    /// The length of the whole file, also of a partial answer.
    let total: Int?
  }

  /// What arrives.
  enum Event: Sendable {
    case head(Head)
    case bytes(Data)
  }

  /// Why a transfer broke off.
  struct Failure: Error {
    let reason: String
    /// Whether trying again at the same server makes sense when something had arrived.
    let isInterruption: Bool
  }

  /// Runs a request to its end.
  ///
  /// - Parameters:
  ///   - url: What to get.
  ///   - offset: The first byte to get.
  ///   - timeout: The longest silence.
  ///   - receive: Called with everything that arrives, in order.
  /// - Throws: `Failure`, whatever `receive` throws, or `CancellationError`.
  static func get(_ url: URL, from offset: Int, timeout: Duration, receive: (Event) throws -> Void) async throws {
    let (stream, continuation) = AsyncThrowingStream<Event, any Error>.makeStream()
    let clock = ActivityClock()
    let seconds = Double(timeout.components.seconds) + Double(timeout.components.attoseconds) / 1e18
    let silence = Failure(reason: "no answer for \(format(seconds)) s", isInterruption: true)
    let configuration = URLSessionConfiguration.ephemeral
    configuration.httpShouldSetCookies = false
    let session = URLSession(
      configuration: configuration, delegate: Relay(continuation: continuation, clock: clock, silence: silence),
      delegateQueue: nil)
    defer { session.invalidateAndCancel() }

    var request = URLRequest(
      url: url, cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: max(seconds * 2, 10))
    request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
    if offset > 0 { request.setValue("bytes=\(offset)-", forHTTPHeaderField: "Range") }
    let task = session.dataTask(with: request)
    continuation.onTermination = { _ in task.cancel() }
    // The time-out of URLSession differs between systems, so the silence is measured here; on a busy machine that one may come first.
    let watchdog = Task {
      while !Task.isCancelled {
        let rest = timeout - clock.silence()
        if rest <= .zero {
          continuation.finish(throwing: silence)
          return
        }
        try await Task.sleep(for: rest)
      }
    }
    defer { watchdog.cancel() }
    task.resume()
    do {
      for try await event in stream { try receive(event) }
    } catch {
      try Task.checkCancellation()  // the transfer may report its own end sooner than the stream
      throw error
    }
    try Task.checkCancellation()
  }

  private static func format(_ seconds: Double) -> String {
    seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
  }

  /// When something last happened.
  private final class ActivityClock: @unchecked Sendable {
    private let lock = NSLock()
    private var last = ContinuousClock.now

    func touch() { lock.withLock { last = .now } }
    func silence() -> Duration { lock.withLock { last.duration(to: .now) } }
  }

  /// Hands on what URLSession says.
  private final class Relay: NSObject, URLSessionDataDelegate, Sendable {
    private let continuation: AsyncThrowingStream<Event, any Error>.Continuation
    private let clock: ActivityClock
    private let silence: Failure

    init(
      continuation: AsyncThrowingStream<Event, any Error>.Continuation, clock: ActivityClock, silence: Failure
    ) {
      self.continuation = continuation
      self.clock = clock
      self.silence = silence
    }

    func urlSession(
      _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
      completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
      clock.touch()
      guard let response = response as? HTTPURLResponse else {
        continuation.finish(throwing: Failure(reason: "the answer is not one of a web server", isInterruption: false))
        return completionHandler(.cancel)
      }
      continuation.yield(.head(HTTPTransfer.head(of: response)))
      completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
      clock.touch()
      continuation.yield(.bytes(data))
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
      guard let error else { return continuation.finish() }
      let isSilence = (error as? URLError)?.code == .timedOut
      continuation.finish(throwing: isSilence ? silence : HTTPTransfer.failure(of: error))
    }
  }

  private static func head(of response: HTTPURLResponse) -> Head {
    // Content-Range: bytes FIRST-LAST/TOTAL
    let range = response.value(forHTTPHeaderField: "Content-Range")?.split(whereSeparator: { " -/".contains($0) }) ?? []
    if response.statusCode == 206, range.count == 4 {
      return Head(status: 206, rangeStart: Int(range[1]), total: Int(range[3]))
    }
    let length = response.value(forHTTPHeaderField: "Content-Length").flatMap { Int($0) }
    return Head(status: response.statusCode, rangeStart: nil, total: length)
  }

  private static func failure(of error: any Error) -> Failure {
    guard let error = error as? URLError else {
      return Failure(reason: FileBytes.reason(of: error), isInterruption: true)
    }
    switch error.code {
    case .cannotFindHost, .dnsLookupFailed:
      return Failure(reason: "its address cannot be looked up", isInterruption: false)
    case .cannotConnectToHost: return Failure(reason: "it cannot be reached", isInterruption: false)
    case .notConnectedToInternet: return Failure(reason: "there is no network", isInterruption: false)
    case .networkConnectionLost: return Failure(reason: "the connection broke off", isInterruption: true)
    case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
      .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid:
      return Failure(reason: "no secure connection can be made", isInterruption: false)
    default:
      return Failure(reason: "the transfer failed (\(FileBytes.reason(of: error)))", isInterruption: true)
    }
  }
}
