import Athanor
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// A request that is not answered: the status and what the body says of it.
struct ServiceError: Error {
  var status: HTTPResponse.Status
  var problem: String
  var remedy = ""
  var headers: HTTPFields = [:]
  /// Whether the connection ends with the answer, because the rest of the request is not read.
  var endsConnection = false

  init(
    _ status: HTTPResponse.Status, _ problem: String, fix remedy: String = "", headers: HTTPFields = [:],
    endsConnection: Bool = false
  ) {
    (self.status, self.problem, self.remedy) = (status, problem, remedy)
    (self.headers, self.endsConnection) = (headers, endsConnection)
  }

  /// What any error means to whoever sent the request.
  init(_ error: any Error, logger: Logger) {
    switch error {
    case let error as ServiceError: self = error
    case let error as AthanorError:
      // Nothing but the request can be at fault: the model was checked when it was read.
      self.init(.unprocessableContent, "\(error.location): \(error.problem)", fix: error.commandRemedy)
    case is CancellationError: self.init(.serviceUnavailable, "the service is stopping", endsConnection: true)
    default:
      logger.error("A request failed", metadata: ["error": "\(error)"])
      self.init(.internalServerError, "the service failed", fix: "Its log says more.")
    }
  }

  /// `{"error": {"fix": ..., "message": ..., "status": ...}}`
  var response: Response {
    var fields: [String: JSONValue] = ["status": .integer(status.code), "message": .text(problem)]
    if !remedy.isEmpty { fields["fix"] = .text(remedy) }
    var response = Response(status, json: .object(["error": .object(fields)]))
    for field in headers { response.headers[field.name] = field.value }
    if endsConnection { response.headers[.connection] = "close" }
    return response
  }
}

extension Response {
  /// An answer in JSON.
  init(_ status: HTTPResponse.Status = .ok, json: JSONValue) {
    self.init(status, "application/json; charset=utf-8", Array("\(json)\n".utf8))
  }

  /// An answer of any type, which no program may take for another type, or keep.
  init(_ status: HTTPResponse.Status = .ok, _ type: String, _ bytes: [UInt8]) {
    self.init(
      status: status,
      headers: [.contentType: type, .cacheControl: "no-store", .xContentTypeOptions: "nosniff"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}
