import Athanor
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Answers requests: the page, predictions, and what the service says of itself.
struct ServiceResponder: HTTPResponder {
  /// A request's channel, to end a connection of which the rest is not read.
  struct Context: InitializableFromSource {
    let channel: any Channel
    let logger: Logger

    init(source: ApplicationRequestContextSource) { (channel, logger) = (source.channel, source.logger) }
  }

  private typealias Handler = @Sendable (ServiceResponder, Request) async throws -> Response
  private let holder: ModelHolder
  private let limits: ServiceLimits
  private let metrics: ServiceMetrics
  private let exporter: PrometheusMetrics
  private let gate: Gate

  init(_ holder: ModelHolder, _ limits: ServiceLimits, _ metrics: ServiceMetrics, _ exporter: PrometheusMetrics) {
    (self.holder, self.limits, self.metrics, self.exporter) = (holder, limits, metrics, exporter)
    gate = Gate(limit: limits.requestCount)
  }

  /// What is answered, by path and method.
  private static let routes: [String: [HTTPRequest.Method: Handler]] = {
    var routes: [String: [HTTPRequest.Method: Handler]] = [
      "/health": [.get: { _, _ in Response(json: .object(["status": .text("ok")])) }],
      "/metrics": [
        .get: { service, _ in
          Response(.ok, "text/plain; version=0.0.4; charset=utf-8", Array(service.exporter.text.utf8))
        }
      ],
      "/v1/model": [.get: { service, _ in Response(json: service.holder.model.description) }],
      "/v1/predict": [.post: { service, request in try await service.predict(request) }],
      "/v1/explain": [.post: { service, request in try await service.explain(request) }],
    ]
    for file in PageFile.all { routes[file.path] = [.get: { _, _ in file.response }] }
    return routes
  }()

  func respond(to request: Request, context: Context) async throws -> Response {
    let start = ContinuousClock.now
    let methods = ServiceResponder.routes[request.uri.path]
    metrics.began()
    var response: Response
    do {
      let method = request.method == .head ? .get : request.method
      guard let handler = methods?[method] else { throw try await refusal(of: request, methods) }
      if method == .get { _ = try await body(of: request, isKept: false) }
      response = try await handler(self, request)
      if request.method == .head { response = response.createHeadResponse() }
    } catch {
      let error = ServiceError(error, logger: context.logger)
      response = error.response
      if error.endsConnection {
        // The answer goes out first; what else the sender has to say is not waited for.
        let channel = context.channel
        channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
      }
    }
    let time = ContinuousClock.now - start
    metrics.answered(response.status, route: methods == nil ? "other" : request.uri.path, in: time)
    context.logger.info(
      "\(request.method.rawValue) \(request.uri.path) \(response.status.code)", metadata: ["time": "\(time)"])
    return response
  }

  // MARK: Predictions

  private func predict(_ request: Request) async throws -> Response {
    try await answer(request) { body in
      let model = holder.model
      switch try RequestContents(body, for: model, limits) {
      case .picture(let picture):
        let pictures = try model.requirePictures()
        let input = try pictures.input.tensor(of: picture, preparation: pictures.preparation)
        return { .object(try await model.answer(to: input, pictures)) }
      case .numbers(let tensors, let count):
        return { .object(["predictions": try await model.predictions(tensors, count: count)]) }
      }
    }
  }

  private func explain(_ request: Request) async throws -> Response {
    try await answer(request) { body in
      let model = holder.model
      let pictures = try model.requirePictures()
      guard case .picture(let picture) = try RequestContents(body, for: model, limits) else {
        throw ServiceError(.unsupportedMediaType, "the body is no picture", fix: "Send a PNG or JPEG picture.")
      }
      let input = try pictures.input.tensor(of: picture, preparation: pictures.preparation)
      return { .object(try await Explanation(of: input, model, pictures).fields) }
    }
  }

  /// Reads the body of a request, within the limits, and computes its answer.
  ///
  /// - Parameter read: Makes numbers of the body, which is dropped before they are computed.
  private func answer(
    _ request: Request, _ read: (ByteBuffer) throws -> @Sendable () async throws -> JSONValue
  ) async throws -> Response {
    guard gate.enter() else {
      let isRead = try await body(of: request, isKept: false) != nil
      throw ServiceError(
        .serviceUnavailable, "\(limits.requestCount) requests are being answered already", fix: "Try again later.",
        headers: [.retryAfter: "1"], endsConnection: !isRead)
    }
    defer { gate.leave() }
    guard let body = try await body(of: request) else { throw tooLarge(isRead: true) }
    let compute = try read(body)
    let slow = ServiceError(
      .serviceUnavailable, "the answer was not computed within \(limits.time)",
      fix: "Send less at once, or try again later.",
      headers: [.retryAfter: "1"])
    return Response(json: try await within(limits.time, or: slow, compute))
  }

  /// - Parameter isRead: Whether the body was read to its end all the same.
  private func tooLarge(isRead: Bool) -> ServiceError {
    ServiceError(
      .contentTooLarge, "the body is larger than \(limits.bodyByteCount) bytes",
      fix: "Send a smaller picture, or several requests.", endsConnection: !isRead)
  }

  /// The error for a path or method that is not answered.
  private func refusal(of request: Request, _ methods: [HTTPRequest.Method: Handler]?) async throws -> ServiceError {
    _ = try await body(of: request, isKept: false)
    guard let methods else {
      return ServiceError(
        .notFound, "there is nothing at \(request.uri.path.prefix(200))", fix: "See GET /v1/model.")
    }
    let names = methods.keys.map(\.rawValue).sorted().joined(separator: ", ")
    return ServiceError(
      .methodNotAllowed, "\(request.method.rawValue.prefix(20)) is not answered here", fix: "Use \(names).",
      headers: [.allow: names])
  }

  /// The body of a request, read to its end; nil where it is larger than the limit.
  ///
  /// What is too large is read all the same, up to eight times the limit, and dropped: most programs send all of a body before they read the
  /// answer.
  ///
  /// - Parameter isKept: Whether the contents are wanted.
  private func body(of request: Request, isKept: Bool = true) async throws -> ByteBuffer? {
    let (limit, last) = (limits.bodyByteCount, 8 * limits.bodyByteCount)
    if let length = request.headers[.contentLength].flatMap(Int.init), length > last { throw tooLarge(isRead: false) }
    let slow = ServiceError(
      .requestTimeout, "the body did not arrive within \(limits.time)", fix: "Send it faster.", endsConnection: true)
    return try await within(limits.time, or: slow) {
      var (contents, count) = (ByteBuffer(), 0)
      do {
        for try await part in request.body {
          count += part.readableBytes
          guard count <= last else { throw tooLarge(isRead: false) }
          if isKept, count <= limit { contents.writeImmutableBuffer(part) }
        }
      } catch let error as ServiceError {
        throw error
      } catch {
        if error is CancellationError { throw error }
        throw ServiceError(
          .badRequest, "the body ends too early, or is no valid HTTP", fix: "Send as many bytes as the head says.",
          endsConnection: true)
      }
      return count > limit ? nil : contents
    }
  }

  /// A result that comes in time, or an error.
  private func within<Result: Sendable>(
    _ time: Duration, or late: ServiceError, _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        try await Task.sleep(for: time)
        return nil
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let result = first else { throw late }
      return result
    }
  }
}

/// Counts the requests that are being answered.
private final class Gate: @unchecked Sendable {  // `lock` guards what changes
  private let lock = NSLock()
  private let limit: Int
  private var count = 0

  init(limit: Int) { self.limit = limit }

  func enter() -> Bool {
    lock.withLock {
      guard count < limit else { return false }
      count += 1
      return true
    }
  }

  func leave() { lock.withLock { count -= 1 } }
}
