import Athanor
import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// The model that the service answers with, and its replacement while requests go on.
final class ModelHolder: @unchecked Sendable {  // `lock` guards what changes
  private let file: String
  private let metrics: ServiceMetrics
  private let lock = NSLock()
  private var held: ServedModel

  /// - Throws: `AthanorError` when the file is no model.
  init(_ file: String, metrics: ServiceMetrics) throws {
    (self.file, self.metrics) = (file, metrics)
    held = try ModelHolder.read(file, metrics)
    metrics.loadedModel(true)
  }

  var model: ServedModel { lock.withLock { held } }

  /// Reads the file again. Requests that have begun end with the model that they began with; a file that is no model changes nothing.
  func reload(_ logger: Logger) {
    do {
      let model = try ModelHolder.read(file, metrics)
      lock.withLock { held = model }
      metrics.loadedModel(true)
      logger.notice("Took over the model anew", metadata: ["file": "\(file)"])
    } catch {
      metrics.loadedModel(false)
      let text = (error as? AthanorError)?.commandDescription ?? "\(error)"
      logger.error("Kept the model before, as the new one cannot be read: \(text)", metadata: ["file": "\(file)"])
    }
  }

  private static func read(_ file: String, _ metrics: ServiceMetrics) throws -> ServedModel {
    // Reading a pipe would wait for whoever writes it.
    let path = URL(fileURLWithPath: file).resolvingSymlinksInPath().path
    let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
    guard !file.isEmpty, type == .typeRegular || type == .typeDirectory else {
      throw AthanorError(
        .file, at: file.isEmpty ? "\"\"" : file, "there is no file or folder of this name",
        fix: "Give a model file; athanor serve takes the network of digits that comes with it when none is given.")
    }
    return try ServedModel(contentsOf: file, metrics: metrics)
  }
}

/// Reads the model file again at each SIGHUP.
struct ReloadService: Service {
  let holder: ModelHolder
  let logger: Logger

  func run() async throws {
    for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() { holder.reload(logger) }
  }
}
