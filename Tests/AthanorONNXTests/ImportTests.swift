import Athanor
import AthanorCore
import AthanorONNX
import Foundation
import Testing

/// Models that PyTorch (both of its exporters) and tf2onnx wrote, with PyTorch's and Keras' numbers.
struct OnnxGolden: Decodable {
  struct Array: Decodable {
    let shape: [Int]
    let values: [Float]
  }
  let inputs: Array
  let outputs: Array

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Goldens")
  static let all: [String: OnnxGolden] = {
    guard let data = try? Data(contentsOf: folder.appendingPathComponent("goldens.json")) else { return [:] }
    return (try? JSONDecoder().decode([String: OnnxGolden].self, from: data)) ?? [:]
  }()
}

@Suite struct OnnxImportTests {
  private func path(_ name: String) -> String { OnnxGolden.folder.appendingPathComponent(name).path }

  @Test func goldensAreComplete() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: OnnxGolden.folder.path).filter {
      $0.hasSuffix(".onnx")
    }
    #expect(Set(names) == Set(OnnxGolden.all.keys) && names.count >= 4)
  }

  @Test(arguments: OnnxGolden.all.keys.sorted())
  func numbersOfTheirMakers(_ name: String) throws {
    let golden = try #require(OnnxGolden.all[name])
    let model = try Model(contentsOf: path(name), threads: 1)
    let result = try model.predict(Tensor(shape: golden.inputs.shape, golden.inputs.values))
    #expect(result.shape == golden.outputs.shape)
    let worst = zip(result.floats, golden.outputs.values).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    #expect(worst <= 1e-5)
  }

  /// What training did to pixels, and what the outputs are where no operation says it.
  @Test func factsOfAModel() throws {
    let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try Sequential(input: [2], threads: 1) { Dense(2) }
    model.pixelScale = 1
    model.declaredOutputKind = .softmax
    try model.export(to: path, as: .onnx())
    let copy = try Model(contentsOf: path, threads: 1)
    #expect(copy.pixelScale == 1 && copy.outputKind == .softmax)
  }

  /// Numbers go in as the file has them; that its pictures begin with blue concerns whoever puts in a picture.
  @Test(arguments: ["Bgr8", "Rgb8"])
  func layoutOfPictures(_ format: String) throws {
    let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try Sequential(input: [4, 4, 3], threads: 1) { Conv2D(2, kernelSize: 3) }
    try model.export(to: path, as: .onnx(metadata: ["Image.BitmapPixelFormat": format]))
    #expect(
      try Model(contentsOf: path, threads: 1).warnings
        == (format == "Rgb8"
          ? []
          : [
            "\(path): it says that pictures go in as Bgr8, blue first (Image.BitmapPixelFormat), but pictures are read here as red, green, "
              + "blue. Exchange the channels of pictures before they go in."
          ]))
  }

  /// What is exported is read again by `export` itself.
  @Test func roundTrips() throws {
    let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try Sequential(input: [13, 11, 3], seed: 3, threads: 1) {
      ZeroPadding2D(1)
      Conv2D(8, kernelSize: 3, strides: 2, padding: .same, activation: .gelu)
      BatchNormalization()
      Conv2D(8, kernelSize: 3, padding: .same, groups: 8, activation: .elu)
      AveragePooling2D(3, strides: 2, padding: .same)
      Activation(.silu)
      GlobalMaxPooling2D(keepAxes: true)
      Reshape([4, 2])
      Dense(3, activation: .softplus)
      Flatten()
      Dense(4, activation: .softmax)
    }
    let report = try model.export(to: path, as: .onnx())
    #expect(report.largestDifference <= 1e-6 && report.sameFirstChoice == 32)
    #expect(try Model(contentsOf: path).outputShape == [nil, 4])
    #expect(try OnnxFiles.facts(path).format == "ONNX, operator set 17")
  }

  /// What Keras' applications are made of; a sharp edge is refused by name.
  @Test func layersOfApplications() throws {
    let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try Sequential(input: [12, 11, 3], seed: 3, threads: 1) {
      Rescaling([0.5, 1, 2], offset: [0.25])
      Cropping2D(top: 1, bottom: 0, left: 0, right: 1)
      DepthwiseConv2D(kernelSize: 3, depthMultiplier: 2, activation: .relu6)
      SeparableConv2D(4, kernelSize: 3, padding: .same, activation: .hardSilu)
      PReLU(sharedAxes: [1, 2], alphaInitializer: .constant(0.3))
      UpSampling2D([2, 1])
      ReLU(maximum: 6, slope: 0.1)
      Softmax(axis: 1)
      ELU(alpha: 0.5)
      Flatten()
      Dense(8, activation: .selu)
      Activation(.mish)
      Activation(.softsign)
      Activation(.exponential)
      Activation(.hardSigmoid)
      Dense(4, activation: .logSoftmax)
    }
    #expect(try model.export(to: path, as: .onnx()).largestDifference <= 2e-6)
    let edge = try Sequential(input: [5], threads: 1) { ReLU(threshold: 1) }
    #expect(throws: AthanorError.self) { try edge.export(to: path, as: .onnx()) }
  }

  /// Whatever a node says and the reader does not ask for is an error that names it.
  @Test(arguments: OnnxGolden.all.keys.sorted())
  func nothingIsDropped(_ name: String) throws {
    let copy = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: copy) }
    let original = try OnnxModel(serializedBytes: Data(contentsOf: URL(fileURLWithPath: path(name))))
    let input = try #require(
      original.graph.inputs.first { input in
        !original.graph.initializers.contains { $0.name == input.name }
      }
    ).name
    func refusal(_ change: (inout OnnxModel) -> Void) throws -> String {
      var model = original
      change(&model)
      try Data(model.serializedData()).write(to: URL(fileURLWithPath: copy))
      do {
        _ = try OnnxFiles.recipe(copy, custom: [])
        return "no error"
      } catch {
        return "\(error)"
      }
    }
    let remedy = "Change the network so that it does without, or run the file in onnxruntime."
    for index in original.graph.nodes.indices {
      let attribute = try refusal { model in
        model.graph.nodes[index].attributes.append(.with { ($0.name, $0.integer, $0.type) = ("surprise", 7, 2) })
      }
      #expect(
        attribute.hasSuffix("its attribute \"surprise\" is not supported. " + remedy))
      guard
        !["Concat", "Constant", "Max", "Min", "Add", "Mul", "Sub", "Div"].contains(original.graph.nodes[index].type)
      else {
        continue
      }
      let count = original.graph.nodes[index].inputs.count
      let missing = [String](repeating: "", count: max(0, 5 - count))
      let operand = try refusal { model in model.graph.nodes[index].inputs += missing + [input] }
      #expect(
        operand.hasSuffix("its input \(max(5, count) + 1), \"\(input)\", is not supported. " + remedy), "\(operand)")
    }
  }

  /// Bytes changed at random: a model or an error, never a crash.
  @Test func fuzz() throws {
    let copy = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: copy) }
    var random = RandomStream(seed: 5, stream: 1)
    func number(below bound: Int) -> Int { Int(random.nextUniform() * Double(bound)) }
    var refused = 0
    for name in OnnxGolden.all.keys.sorted() {
      let original = try Data(contentsOf: URL(fileURLWithPath: path(name)))
      for round in 0..<1430 {
        var bytes = original
        for _ in 0...number(below: 8) {
          bytes[number(below: bytes.count)] = UInt8(number(below: 256))
        }
        if round % 7 == 0 { bytes = bytes.prefix(number(below: bytes.count)) }
        try bytes.write(to: URL(fileURLWithPath: copy))
        do {
          let model = try Model(contentsOf: copy, threads: 1)
          if model.inputShape.reduce(1, *) < 10_000 { _ = try model.predict(Tensor(zeros: [1] + model.inputShape)) }
        } catch is AthanorError {
          refused += 1
        }
      }
    }
    #expect(refused > 0)
  }
}
