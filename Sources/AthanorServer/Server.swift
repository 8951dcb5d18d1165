import Athanor
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// A service that answers requests over HTTP with a model: predictions for programs, and a page for people.
///
/// - Example:
///   ```swift
///   let server = try Server(model: "digits.h5", port: 8080)
///   try await server.run { port in print("http://127.0.0.1:\(port)/") }
///   ```
public struct Server: Sendable {
  private let host: String
  private let port: Int
  private let limits: ServiceLimits
  private let logger: Logger
  private let holder: ModelHolder
  private let metrics: ServiceMetrics
  private let exporter: PrometheusMetrics

  /// Reads the model.
  ///
  /// - Parameters:
  ///   - model: A model file of any format that is read.
  ///   - host: The address to listen at; the loopback address unless other machines are to reach it.
  ///   - port: The port; 0 for one that is free.
  ///   - limits: What is accepted of a request.
  ///   - logger: Where the service tells what it does.
  /// - Throws: `AthanorError` when the file is no model.
  public init(
    model: String, host: String = "127.0.0.1", port: Int = 8080, limits: ServiceLimits = ServiceLimits(),
    logger: Logger = Logger(label: "athanor-serve")
  ) throws {
    (self.host, self.port, self.limits, self.logger) = (host, port, limits, logger)
    exporter = PrometheusMetrics(help: ServiceMetrics.help)
    metrics = ServiceMetrics(exporter)
    holder = try ModelHolder(model, metrics: metrics)
  }

  /// Answers requests until the task is cancelled, or SIGTERM or SIGINT arrives; requests that have begun are answered before it ends. At
  /// SIGHUP the model file is read again.
  ///
  /// - Parameter started: Is told the port once requests are answered.
  /// - Throws: `AthanorError` when the address cannot be listened at.
  public func run(started: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
    let application = Application(
      responder: ServiceResponder(holder, limits, metrics, exporter),
      server: .http1(configuration: .init(idleTimeout: .seconds(60))),
      configuration: ApplicationConfiguration(
        address: .hostname(host, port: port), serverName: "athanor",
        availableConnectionsDelegate: MaximumAvailableConnections(limits.connectionCount, logger: logger)),
      services: [ReloadService(holder: holder, logger: logger)],
      onServerRunning: { channel in started(channel.localAddress?.port ?? port) },
      logger: logger)
    do {
      try await application.runService()
    } catch let error as IOError {
      let isTaken = error.errnoCode == EADDRINUSE
      let problem =
        isTaken
        ? "another program listens at this port"
        : "it cannot be listened at: \(String(cString: strerror(error.errnoCode)))"
      throw AthanorError(
        .network, at: "\(host):\(port)", problem, code: "Give another host or port; port 0 takes a free one.",
        command: isTaken ? "Give another with --port; 0 takes a free one." : "Give another with --host or --port.")
    } catch is SocketAddressError {
      throw AthanorError(
        .network, at: host, "there is no such address", code: "Give an address of this machine.",
        command: "Give an address of this machine with --host.")
    }
  }

  /// Reads the model file again, as at SIGHUP.
  func reload() { holder.reload(logger) }
}
