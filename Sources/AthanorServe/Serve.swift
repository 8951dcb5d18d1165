import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorServer
import Foundation
import Logging

/// The program that `athanor serve` starts, with the exit codes of `athanor`.
@main
enum Main {
  static func main() async {
    do {
      try await Serve.parse().run()
    } catch let error as AthanorError {
      FileHandle.standardError.write(Data("Error: \(error.commandDescription)\n".utf8))
      exit(1)
    } catch {
      let text = Serve.fullMessage(for: error)
      if Serve.exitCode(for: error) == .success {
        print(text)
        exit(0)
      }
      FileHandle.standardError.write(Data((text + "\n").utf8))
      exit(Serve.exitCode(for: error) == .validationFailure ? 2 : 1)
    }
  }
}

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "athanor serve",
    abstract: "Answer requests over HTTP with a model, and show a page on which one draws a digit.",
    discussion: """
      Without a model it takes athanor-demo/best.h5, which "make demo" trains, else a small network that comes with the program.

      GET / is the page. POST /v1/predict takes a PNG or JPEG picture, or JSON: {"inputs": [...]} or {"inputs": {NAME: [...]}}. GET /v1/model, \
      /health and /metrics say what runs. Ctrl-C or SIGTERM ends the service once all requests are answered; SIGHUP reads the model file \
      again.
      """)

  @Argument(help: "A model: .h5, .keras, .safetensors, .mlpackage, .mlmodel or .onnx.") var model: String?
  @Option(help: "The address to listen at; 0.0.0.0 for all of this machine, also for others.") var host = "127.0.0.1"
  @Option(parsing: .unconditional, help: "The port; 0 for one that is free.") var port = 8080
  @Option(help: "The largest body of a request, in MiB.") var maxBody = 8
  @Option(help: "The most pixels of a picture, in millions.") var maxPixels = 16
  @Option(help: "How many seconds a body may take to arrive, and an answer to be computed.") var timeout = 10
  @Option(help: "The most requests that are answered at once.") var maxRequests = 128
  @Option(
    help: "What is written to standard error: critical, error, warning, notice, info (each request), debug or trace.")
  var logLevel = "notice"

  func validate() throws {
    guard (0...65_535).contains(port) else { throw ValidationError("--port must be from 0 to 65535.") }
    for (name, value, largest) in [
      ("--max-body", maxBody, 1024), ("--max-pixels", maxPixels, 64), ("--timeout", timeout, 3600),
      ("--max-requests", maxRequests, 10_000),
    ] where !(1...largest).contains(value) {
      throw ValidationError("\(name) must be from 1 to \(largest).")
    }
    guard Logger.Level(rawValue: logLevel) != nil else {
      let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--log-level must be one of \(levels).")
    }
  }

  func run() async throws {
    var limits = ServiceLimits()
    limits.bodyByteCount = maxBody << 20
    limits.pixelCount = maxPixels * 1_000_000
    limits.time = .seconds(timeout)
    limits.requestCount = maxRequests
    var logger = Logger(label: "athanor-serve") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = Logger.Level(rawValue: logLevel) ?? .notice
    let file = try model ?? Serve.defaultModel()
    let server = try Server(model: file, host: host, port: port, limits: limits, logger: logger)
    let isLocal = ["127.0.0.1", "localhost", "::1"].contains(host)
    try await server.run { port in
      let address = host.contains(":") ? "[\(host)]" : host == "0.0.0.0" ? "127.0.0.1" : host
      print("\(file) is served at http://\(address):\(port)/ - Ctrl-C ends it.")
      if !isLocal { print("Everyone who reaches \(host) can use it: there is no password and no encryption.") }
      fflush(nil)
    }
  }

  /// The network of `make demo`, else the one that comes with the program.
  private static func defaultModel() throws -> String {
    let trained = "athanor-demo/best.h5"
    return FileBytes.isFile(trained) ? trained : try BundledModels.digits().path
  }
}
