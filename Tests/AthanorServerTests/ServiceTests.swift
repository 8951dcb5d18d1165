import Athanor
import AthanorDatasets
import Foundation
import Testing

@testable import AthanorServer

@Suite struct ServiceTests {
  private static let numbers =
    "Arrays may lie 128 deep within each other, and numbers must fit 64-bit floating point."
  private static let forms = "Send a PNG or JPEG picture, or JSON: {\"inputs\": [...]}."

  /// A picture of 8 x 8 in a PNG file, and its pixels.
  private static func picture(_ side: Int = 8) throws -> (file: [UInt8], pixels: [UInt8]) {
    let pixels = (0..<side * side).map { UInt8($0 * 37 % 251) }
    let rows = (0..<side).map { Array(pixels[$0 * side..<($0 + 1) * side]) }
    return (png(width: side, rows, .gray), pixels)
  }

  /// Runs a test against a service with the small model.
  private func serve(
    _ limits: ServiceLimits = patient, seed: UInt64 = 1,
    _ body: @escaping @Sendable (Connection, Model) async throws -> Void
  ) async throws {
    let folder = try TestFolder()
    let file = folder.file("small.safetensors")
    try makeModel(seed: seed).save(to: file)
    try await withServer(file, limits: limits) { _, port in
      try await body(Connection(port: port), Model(contentsOf: file))
    }
  }

  @Test func aPictureIsAnsweredWithItsLabelAndAllProbabilities() async throws {
    try await serve { connection, model in
      let (file, pixels) = try ServiceTests.picture()
      let answer = try await connection.ask("POST", "/v1/predict", file)
      let numbers = try model.predict(Tensor(shape: [1, 8, 8, 1], bytes: pixels)).floats
      let expected = try ClassAnswer(of: model, names: nil, at: "test").fields(numbers)
      #expect(answer.status == 200)
      #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
      #expect(try JSONValue(parsing: answer.body, at: "test") == .object(expected))
      guard case .object(let probabilities) = expected["probabilities"] else { throw POSIXError(.EINVAL) }
      #expect(probabilities.keys.sorted() == ["0", "1", "2"])
    }
  }

  @Test func numbersAreAnsweredWithTheOutputsOfEachExample() async throws {
    try await serve { connection, model in
      let numbers = (0..<128).map { Float($0) / 128 }
      let tensor = try Tensor(shape: [2, 8, 8, 1], numbers)
      let nested = JSONValue.array(
        (0..<2).map { n in
          .array(
            (0..<8).map { y in
              .array((0..<8).map { x in .array([.number(Double(numbers[(n * 8 + y) * 8 + x]))]) })
            })
        })
      let expected = try model.predict(tensor).floats.map { JSONValue.number(Double("\($0)") ?? 0) }
      let name = model.outputs[0].name
      for inputs in [nested, .object([model.inputs[0].name: nested])] {
        let body = Array("\(JSONValue.object(["inputs": inputs]))".utf8)
        let answer = try await connection.ask("POST", "/v1/predict", body)
        #expect(answer.status == 200)
        #expect(
          try JSONValue(parsing: answer.body, at: "test")
            == .object([
              "predictions": .array([
                .object([name: .array(Array(expected[..<3]))]), .object([name: .array(Array(expected[3...]))]),
              ])
            ]))
      }
    }
  }

  @Test(arguments: [
    ("", 400, "the body is empty|\(forms)"),
    ("hello", 415, "the body cannot be read: it is neither a PNG nor a JPEG picture (5 bytes)|\(forms)"),
    (
      "GIF89a...........", 415,
      "the body cannot be read: it is a GIF picture, but PNG and JPEG pictures are read|\(forms)"
    ),
    ("{\"inputs\": [1", 400, "the body: it is not valid JSON|\(forms) \(numbers)"),
    ("{\"inputs\": [1e999]}", 400, "the body: it is not valid JSON|\(forms) \(numbers)"),
    ("  \n", 400, "the body is empty|\(forms)"),
    ("[1]", 400, "the body has the keys \"\" but \"inputs\" alone is read|\(forms)"),
    (
      "{\"inputs\": {}}", 422,
      "inputs are given for nothing but the model has input_layer|Give one array for each of them."
    ),
    ("\u{FF}", 415, "the body cannot be read: it is neither a PNG nor a JPEG picture (2 bytes)|\(forms)"),
    ("{\"input\": [1]}", 400, "the body has the keys \"input\" but \"inputs\" alone is read|\(forms)"),
    (
      "{\"inputs\": [[1, 2]]}", 422,
      "input \"input_layer\" has shape (1, 2)|Give arrays of numbers within each other, of shape (None, 8, 8, 1)."
    ),
    (
      "{\"inputs\": {\"x\": [1]}}", 422,
      "inputs are given for x but the model has input_layer|Give one array for each of them."
    ),
    ("\u{89}PNG", 415, "the body cannot be read: it is neither a PNG nor a JPEG picture (5 bytes)|\(forms)"),
  ])
  func whatCannotBeReadIsRefused(body: String, status: Int, error: String) async throws {
    try await serve { connection, _ in
      let answer = try await connection.ask(
        "POST", "/v1/predict", Array(body.utf8), headers: body.isEmpty ? "Content-Length: 0\r\n" : "")
      #expect(answer.status == status)
      #expect(answer.error == error)
    }
  }

  @Test func damagedPicturesAreRefused() async throws {
    try await serve { connection, _ in
      let file = try ServiceTests.picture().file
      let answer = try await connection.ask("POST", "/v1/predict", Array(file.prefix(file.count / 2)))
      #expect(answer.status == 400)
      #expect(answer.error.hasPrefix("the picture: it is a damaged PNG picture"))
    }
  }

  @Test func tooMuchIsRefused() async throws {
    var limits = patient
    (limits.bodyByteCount, limits.pixelCount, limits.exampleCount) = (4000, 100, 2)
    try await serve(limits) { connection, _ in
      let body = try await connection.ask("POST", "/v1/predict", [UInt8](repeating: 0, count: 5000))
      #expect(body.status == 413)
      #expect(body.error == "the body is larger than 4000 bytes|Send a smaller picture, or several requests.")
      // Without saying before how long it is.
      let chunk = "1000\r\n" + String(repeating: "x", count: 0x1000) + "\r\n0\r\n\r\n"
      let chunked = try await connection.ask(
        "POST", "/v1/predict", headers: "Transfer-Encoding: chunked\r\n\r\n\(chunk)")
      #expect(chunked.status == 413)
      let picture = try await connection.ask("POST", "/v1/predict", ServiceTests.picture(11).file)
      #expect(picture.status == 413)
      #expect(picture.error == "the picture: it claims 11 x 11 pixels but at most 100 pixels are read|Make it smaller.")
      let row = "[" + Array(repeating: "[0]", count: 8).joined(separator: ",") + "]"
      let example = "[" + Array(repeating: row, count: 8).joined(separator: ",") + "]"
      let examples = try await connection.ask(
        "POST", "/v1/predict", Array("{\"inputs\":[\(example),\(example),\(example)]}".utf8))
      #expect(examples.status == 413)
      #expect(examples.error == "the request has 3 examples but at most 2 are computed|Send several requests.")
    }
  }

  @Test func theAnswerComesAlsoWhereTheWholeBodyIsSentFirst() async throws {
    var limits = patient
    limits.bodyByteCount = 1 << 20
    try await serve(limits) { connection, _ in
      let body = [UInt8](repeating: 120, count: 5 << 20)
      for (path, status) in [("/v1/predict", 413), ("/nothing", 404), ("/health", 405)] {
        let answer = try await connection.ask("POST", path, body)
        #expect(answer.status == status)
        #expect(answer.body.hasPrefix("{\"error\":"))
      }
    }
  }

  @Test func bodiesThatAreNoValidHTTPAreTheClientsFault() async throws {
    try await serve { connection, _ in
      let answer = try await connection.ask(
        "POST", "/v1/predict", headers: "Transfer-Encoding: chunked\r\n\r\nzz\r\n")
      #expect(answer.status == 400)
    }
  }

  @Test func largeNumbersAndIntegersAreExactOrRefused() async throws {
    let folder = try TestFolder()
    let file = folder.file("integers.safetensors")
    let input = Input(lengths: [2], dtype: .int32)
    try Model(inputs: [input], outputs: [Reshape([2])(input)]).save(to: file)
    try await withServer(file) { _, port in
      let answer = try await Connection(port: port).ask(
        "POST", "/v1/predict", Array("{\"inputs\":[[16777217,2147483647]]}".utf8))
      #expect(answer.body.contains("[16777217,2147483647]"))
      let broken = try await Connection(port: port).ask(
        "POST", "/v1/predict", Array("{\"inputs\":[[1.5,1]]}".utf8))
      #expect(broken.status == 422)
    }
    try await serve { connection, _ in
      let row = Array(repeating: "[1e39]", count: 8).joined(separator: ",")
      let example = Array(repeating: "[\(row)]", count: 8).joined(separator: ",")
      let answer = try await connection.ask("POST", "/v1/predict", Array("{\"inputs\":[[\(example)]]}".utf8))
      #expect(answer.status == 422)
      #expect(answer.error.hasPrefix("input \"input_layer\" takes float32 but 1e+39 was given, which is beyond it|"))
    }
  }

  @Test func aBodyThatDoesNotArriveIsNotWaitedFor() async throws {
    var limits = ServiceLimits()
    limits.time = .milliseconds(200)
    try await serve(limits) { connection, _ in
      let answer = try await connection.send(
        Array("POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{".utf8))
      #expect(answer.status == 408)
      #expect(answer.error == "the body did not arrive within 0.2 seconds|Send it faster.")
      #expect(answer.headers["connection"] == "close")
    }
  }

  @Test func moreRequestsThanTheLimitAreSentAway() async throws {
    var limits = patient
    limits.requestCount = 1
    try await serve(limits) { connection, _ in
      let head = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
      Task { try await connection.send(Array(head.utf8)) }  // ends with the service
      // Until it is being read, beside the question for metrics itself.
      while try await !connection.ask("GET", "/metrics").body.contains("athanor_requests_in_flight 2\n") {}
      let answer = try await connection.ask("POST", "/v1/predict", Array("x".utf8))
      #expect(answer.status == 503)
      #expect(answer.headers["retry-after"] == "1")
      #expect(answer.error == "1 requests are being answered already|Try again later.")
      #expect(try await connection.ask("GET", "/health").status == 200)
    }
  }

  @Test func whatIsNotThereIsRefused() async throws {
    try await serve { connection, _ in
      let missing = try await connection.ask("GET", "/../../etc/passwd")
      #expect(missing.status == 404)
      #expect(missing.error == "there is nothing at /../../etc/passwd|See GET /v1/model.")
      let method = try await connection.ask("PUT", "/v1/predict")
      #expect(method.status == 405)
      #expect(method.headers["allow"] == "POST")
      #expect(method.error == "PUT is not answered here|Use POST.")
    }
  }

  @Test func theServiceDescribesItsModelAndItself() async throws {
    try await serve { connection, model in
      guard case .object(let fields) = try await JSONValue(parsing: connection.ask("GET", "/v1/model").body, at: "test")
      else { throw POSIXError(.EINVAL) }
      #expect(fields["name"] == .text("small"))
      #expect(fields["file"] == .text("small.safetensors"))
      #expect(fields["parameters"] == .integer(model.parameterCount))
      #expect(fields["labels"] == .array(["0", "1", "2"].map(JSONValue.text)))
      #expect(
        fields["picture"]
          == .object(["height": .integer(8), "width": .integer(8), "channels": .integer(1), "preparation": .null]))
      #expect(try await connection.ask("GET", "/health").body == "{\"status\":\"ok\"}\n")
      _ = try await connection.ask("POST", "/v1/predict", ServiceTests.picture().file)
      let metrics = try await connection.ask("GET", "/metrics")
      #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
      #expect(metrics.body.contains("athanor_requests_total{route=\"/v1/predict\",status=\"200\"} 1\n"))
      #expect(metrics.body.contains("athanor_examples_total 1\n"))
      #expect(metrics.body.contains("athanor_requests_in_flight 1\n"))  // this very request
    }
  }

  @Test func thePageLoadsNothingFromElsewhere() async throws {
    try await serve { connection, _ in
      let page = try await connection.ask("GET", "/")
      #expect(page.status == 200)
      #expect(page.headers["content-type"] == "text/html; charset=utf-8")
      let policy = try #require(page.headers["content-security-policy"])
      #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self';"))
      #expect(!policy.contains("unsafe"))
      for file in PageFile.all {
        let head = try await connection.ask("HEAD", file.path)
        let whole = try await connection.ask("GET", file.path)
        #expect(head.status == 200 && head.body.isEmpty && !whole.body.isEmpty)
        #expect(head.headers["content-length"] == String(whole.body.utf8.count))
        #expect(whole.body.range(of: "https?://(?!www.w3.org/2000/svg)", options: .regularExpression) == nil)
      }
    }
  }

  @Test func aPictureIsExplainedByTheResponsesOfTheFirstLayers() async throws {
    try await serve { connection, model in
      let (file, pixels) = try ServiceTests.picture()
      guard
        case .object(let fields) = try await JSONValue(
          parsing: connection.ask("POST", "/v1/explain", file).body, at: "test"),
        case .object(let picture) = fields["picture"], case .array(let layers) = fields["layers"],
        case .object(let layer) = layers.first, case .array(let maps) = layer["maps"], case .text(let map) = maps[1]
      else { throw POSIXError(.EINVAL) }
      #expect(picture["pixels"] == .text(Data(pixels).base64EncodedString()))
      #expect(layers.count == 1 && maps.count == 4)
      #expect(layer["name"] == .text("conv2d") && layer["height"] == .integer(6) && layer["width"] == .integer(6))
      let responses = try model.truncated(after: "conv2d").predict(Tensor(shape: [1, 8, 8, 1], bytes: pixels)).floats
      let largest = try #require(responses.max())
      let expected = (0..<36).map { UInt8(min(responses[4 * $0 + 1] * (255 / largest), 255)) }
      #expect(map == Data(expected).base64EncodedString())
    }
  }

  @Test func modelsOfChannelsFirstAreExplainedToo() async throws {
    let folder = try TestFolder()
    let file = folder.file("first.safetensors")
    try Sequential(input: [1, 8, 8], seed: 1) {
      Permute([2, 3, 1])
      Conv2D(4, kernelSize: 3, activation: .relu)
      Flatten()
      Dense(3, activation: .softmax)
    }.save(to: file)
    try await withServer(file) { _, port in
      let (png, pixels) = try ServiceTests.picture()
      let connection = Connection(port: port)
      let alone = try await connection.ask("POST", "/v1/predict", png)
      guard
        case .object(let fields) = try await JSONValue(
          parsing: connection.ask("POST", "/v1/explain", png).body, at: "test"),
        case .object(let picture) = fields["picture"], case .array(let layers) = fields["layers"],
        case .object(let layer) = layers.first
      else { throw POSIXError(.EINVAL) }
      #expect(picture["pixels"] == .text(Data(pixels).base64EncodedString()))
      #expect(layers.count == 1 && layer["name"] == .text("conv2d") && layer["count"] == .integer(4))
      let numbers = try Model(contentsOf: file).predict(Tensor(shape: [1, 1, 8, 8], bytes: pixels)).floats
      let expected = try ClassAnswer(of: Model(contentsOf: file), names: nil, at: "test").fields(numbers)
      #expect(try JSONValue(parsing: alone.body, at: "test") == .object(expected))
    }
  }

  @Test func aNewFileIsTakenOverAndADamagedOneIsNot() async throws {
    let folder = try TestFolder()
    let file = folder.file("small.safetensors")
    try makeModel().save(to: file)
    try await withServer(file) { server, port in
      let connection = Connection(port: port)
      let picture = try ServiceTests.picture().file
      let before = try await connection.ask("POST", "/v1/predict", picture).body
      try makeModel(seed: 2, classes: 5).save(to: file)
      #expect(try await connection.ask("POST", "/v1/predict", picture).body == before)
      server.reload()
      let after = try await connection.ask("POST", "/v1/predict", picture)
      #expect(after.status == 200 && after.body != before && after.body.contains("\"4\":"))
      try Data("no model".utf8).write(to: URL(fileURLWithPath: file))
      server.reload()
      #expect(try await connection.ask("POST", "/v1/predict", picture).body == after.body)
      let metrics = try await connection.ask("GET", "/metrics").body
      #expect(metrics.contains("athanor_model_loads_total{result=\"read\"} 2\n"))
      #expect(metrics.contains("athanor_model_loads_total{result=\"refused\"} 1\n"))
    }
  }

  @Test func modelsOfNumbersRefusePictures() async throws {
    let folder = try TestFolder()
    let file = folder.file("rows.safetensors")
    try Sequential(input: [2], name: "rows") { Dense(1) }.save(to: file)
    try await withServer(file) { _, port in
      let answer = try await Connection(port: port).ask("POST", "/v1/predict", ServiceTests.picture().file)
      #expect(answer.status == 422)
      #expect(
        answer.error
          == "the model takes no pictures but input_layer: float32(None, 2)|Send JSON: {\"inputs\": {\"input_layer\": [...]}}."
      )
      let numbers = try await Connection(port: port).ask("POST", "/v1/predict", Array("{\"inputs\":[[1,2]]}".utf8))
      #expect(numbers.status == 200 && numbers.body.hasPrefix("{\"predictions\":[{\"dense\":["))
    }
  }

  @Test func aPortThatIsTakenIsNamed() async throws {
    let folder = try TestFolder()
    let file = folder.file("small.safetensors")
    try makeModel().save(to: file)
    try await withServer(file) { _, port in
      let error = await #expect(throws: AthanorError.self) { try await Server(model: file, port: port).run() }
      #expect(error?.problem == "another program listens at this port")
    }
  }
}
