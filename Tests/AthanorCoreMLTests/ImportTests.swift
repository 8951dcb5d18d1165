import Athanor
import AthanorCore
import AthanorCoreML
import Foundation
import Testing

struct GoldenArray: Decodable {
  let shape: [Int]
  let values: [Float]
}

/// Models that coremltools converted from PyTorch, with PyTorch's numbers.
struct ImportGolden: Decodable {
  let inputs: GoldenArray
  let outputs: GoldenArray

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Goldens")
  static let all: [String: ImportGolden] = {
    guard let data = try? Data(contentsOf: folder.appendingPathComponent("goldens.json")) else { return [:] }
    return (try? JSONDecoder().decode([String: ImportGolden].self, from: data)) ?? [:]
  }()
}

func largestDifference(_ left: [Float], _ right: [Float]) -> Float {
  left.count == right.count ? zip(left, right).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
}

final class TemporaryFolder {
  let path = NSTemporaryDirectory() + "athanor-coreml-\(UUID().uuidString)"
  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

func errorText(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch {
    return "\(error)"
  }
}

@Suite struct ImportTests {
  private func path(_ name: String) -> String { ImportGolden.folder.appendingPathComponent(name).path }

  private func results(_ name: String) throws -> [Float] {
    let golden = try #require(ImportGolden.all[name])
    let model = try Model(contentsOf: path(name), threads: 1)
    // Pictures go in as bytes, channels last; numbers as the file has them.
    let isPicture = name.hasPrefix("classifier")
    let inputs =
      try isPicture
      ? Tensor(shape: golden.inputs.shape, bytes: golden.inputs.values.map { UInt8($0) })
      : Tensor(shape: golden.inputs.shape, golden.inputs.values)
    return try model.predict(inputs).floats
  }

  @Test func goldensAreComplete() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: ImportGolden.folder.path).filter {
      $0.contains(".ml")
    }
    #expect(Set(names) == Set(ImportGolden.all.keys) && names.count >= 10)
  }

  @Test(arguments: ImportGolden.all.keys.sorted().filter { !$0.contains("int8") && !$0.contains("palette") })
  func numbersOfPyTorch(_ name: String) throws {
    let expected = try #require(ImportGolden.all[name]).outputs.values
    #expect(largestDifference(try results(name), expected) <= (name.contains("half") ? 5e-3 : 1e-5))
  }

  /// Compressed weights are those that coremltools itself spreads out.
  @Test(arguments: ["int8", "palette4"])
  func compressedWeights(_ kind: String) throws {
    let compressed = try results("pictures-\(kind).mlpackage")
    #expect(largestDifference(compressed, try results("pictures-\(kind)-spread.mlpackage")) <= 1e-6)
    let whole = try #require(ImportGolden.all["pictures.mlpackage"]).outputs.values
    #expect(largestDifference(compressed, whole) > 1e-6)
  }

  /// A read model can be trained further and handed on.
  @Test func readModelsAreModels() throws {
    let folder = try TemporaryFolder()
    let model = try Model(contentsOf: path("pictures.mlpackage"), threads: 1)
    #expect(model.inputShape == [3, 16, 16] && model.outputShape == [nil, 5])
    let golden = try #require(ImportGolden.all["pictures.mlpackage"]).inputs
    let inputs = try Tensor(shape: golden.shape, golden.values)
    try model.export(to: "\(folder.path)/again.mlpackage", as: .coreML())
    let again = try Model(contentsOf: "\(folder.path)/again.mlpackage", threads: 1)
    #expect(largestDifference(try again.predict(inputs).floats, try model.predict(inputs).floats) <= 1e-6)
    try model.compile(optimizer: .adam(), loss: .categoricalCrossentropy, metrics: [.accuracy])
    let data = try Dataset(inputs: inputs, targets: Tensor(shape: [2], integers: [0, 3]))
    let history = try model.fit(data, epochs: 60, batchSize: 2, verbose: .silent)
    let losses = history.epochs.compactMap { $0.logs["loss"] }
    #expect(losses.count == 60 && losses[59] < losses[0] / 2)
  }

  /// What Keras' applications are made of.
  @Test func layersOfApplications() throws {
    let folder = try TemporaryFolder()
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
    let report = try model.export(to: "\(folder.path)/a.mlpackage", as: .coreML(CoreMLOptions(precision: .float32)))
    #expect(report.largestDifference <= 2e-6)
  }

  @Test func predictorOfAReadModel() throws {
    let model = try Model(contentsOf: path("classifier.mlpackage"), threads: 1)
    #expect(model.classNames == ["a", "b", "c", "d", "e"])
    #expect(model.inputShape == [16, 16, 3] && abs(model.pixelScale - 1 / 127.5) < 1e-9)
    let golden = try #require(ImportGolden.all["classifier.mlpackage"])
    let inputs = try Tensor(shape: golden.inputs.shape, bytes: golden.inputs.values.map { UInt8($0) })
    #expect(try model.predictor().predict(inputs).floats == model.predict(inputs).floats)
  }

  // MARK: Our own files

  /// Every file that is exported is read again by `export` itself; here with many kinds of layers, both formats and all ways of
  /// making weights smaller.
  @Test func roundTrips() throws {
    let folder = try TemporaryFolder()
    let pictures = try Sequential(input: [13, 11, 3], seed: 3, threads: 1) {
      Rescaling(2, offset: [-1])
      ZeroPadding2D(1)
      Conv2D(8, kernelSize: 3, strides: 2, padding: .same, activation: .relu)
      BatchNormalization()
      Conv2D(8, kernelSize: 3, padding: .same, groups: 8, activation: .elu)
      AveragePooling2D(3, strides: 2, padding: .same)
      LeakyReLU(slope: 0.2)
      MaxPooling2D(2, padding: .same)
      Flatten()
      Dense(300, activation: .sigmoid)
      Dense(10, activation: .softmax)
    }
    let rows = try Sequential(input: [12], seed: 4, threads: 1) {
      Normalization(mean: [0.5], variance: [0.1])
      Dense(16, activation: .gelu)
      Reshape([4, 2, 2])
      GlobalAveragePooling2D(keepAxes: true)
      Activation(.silu)
      Flatten()
      Dense(3, activation: .tanh)
    }
    for (model, ending) in [(pictures, "mlpackage"), (pictures, "mlmodel"), (rows, "mlpackage")] {
      for compression in [nil, Compression.int8, .palette(bits: 8), .palette(bits: 6), .palette(bits: 4)] {
        for precision in CoreMLOptions.Precision.allCases {
          var options = CoreMLOptions(precision: precision, compression: compression)
          if ending == "mlmodel" || model === pictures { options.input = .picture() }
          let path = "\(folder.path)/\(UUID().uuidString).\(ending)"
          let report = try model.export(to: path, as: .coreML(options))
          #expect(report.largestDifference <= report.limit && report.examples == 32)
          #expect((report.compression == nil) == (compression == nil))
          let read = try Model(contentsOf: path, threads: 1)
          #expect(read.inputShape == model.inputShape && read.outputShape == model.outputShape)
          if case .picture = options.input { #expect(abs(read.pixelScale - 1 / 255) < 1e-7) }
        }
      }
    }
  }

  /// In 32 bits the same bits come out: the kernels see the same numbers in the same order.
  @Test func theTutorialsNetworkComesBackExactly() throws {
    let folder = try TemporaryFolder()
    let model = try NetworkTemplate.malireddi.model(seed: 5)
    let options = CoreMLOptions(input: .picture(), labels: .integers(Array(0...9)))
    for ending in ["mlpackage", "mlmodel"] {
      let report = try model.export(to: "\(folder.path)/a.\(ending)", as: .coreML(options))
      #expect(report.largestDifference == 0 && report.sameFirstChoice == 32)
    }
  }

  /// What the pixels were multiplied by in training is what the export bakes in.
  @Test func theScaleOfTrainingIsBakedIn() throws {
    let folder = try TemporaryFolder()
    let model = try Sequential(input: [4, 4, 3], threads: 1) {
      Flatten()
      Dense(3, activation: .softmax)
    }
    try model.compile(optimizer: .sgd(), loss: .categoricalCrossentropy)
    let bytes = try Tensor(shape: [6, 4, 4, 3], bytes: (0..<288).map { UInt8($0 % 256) })
    let data = try Dataset(
      inputs: bytes, targets: Tensor(shape: [6], integers: [0, 1, 2, 0, 1, 2]), inputScale: 1 / 127.5)
    _ = try model.fit(data, verbose: .silent)
    #expect(model.pixelScale == Float(1) / 127.5)
    let path = "\(folder.path)/a.mlpackage"
    try model.export(to: path, as: .coreML(CoreMLOptions(input: .picture())), samples: data)
    #expect(try Model(contentsOf: path).pixelScale == Float(1) / 127.5)
    // Another scale is another model, and the comparison with the training data says so.
    let other = errorText {
      try model.export(to: path, as: .coreML(CoreMLOptions(input: .picture(scale: 1))), samples: data)
    }
    #expect(other.hasPrefix("\(path): what was to be written computes something else: it differs by "))
    #expect(try Model(contentsOf: path).pixelScale == Float(1) / 127.5)
    // By colour: each channel has its own bias, in both formats.
    for ending in ["mlpackage", "mlmodel"] {
      let path = "\(folder.path)/b.\(ending)"
      let options = CoreMLOptions(input: .picture(scale: 0.02, bias: [-2, -1, 0.5]))
      let report = try model.export(to: path, as: .coreML(options), samples: data)
      #expect(report.largestDifference <= 1e-6 && report.usesRealData)
    }
  }

  @Test func compressionIsCounted() throws {
    let folder = try TemporaryFolder()
    let model = try NetworkTemplate.malireddi.model(seed: 2, threads: 2)
    let inputs = try Tensor(shape: [40, 28, 28, 1], bytes: (0..<31360).map { UInt8($0 * 7 % 251) })
    let data = try Dataset(inputs: inputs, targets: Tensor(shape: [40], integers: (0..<40).map { Int32($0 % 10) }))
    let whole = try model.export(to: "\(folder.path)/whole.mlpackage", as: .coreML(), samples: data)
    var sizes: [Int] = []
    for compression in [Compression.int8, .palette(bits: 8), .palette(bits: 6), .palette(bits: 4)] {
      let path = "\(folder.path)/small.mlpackage"
      let report = try model.export(
        to: path, as: .coreML(CoreMLOptions(input: .picture(), compression: compression)), samples: data)
      let cost = try #require(report.compression)
      #expect(cost.accuracy != nil && cost.sameFirstChoice >= 30 && cost.uncompressedByteCount == 4 * 94_602)
      #expect(try CoreMLFile(path).facts.requires == "iOS 16, macOS 13 or newer")
      sizes.append(report.byteCount)
    }
    let shares = sizes.map { Double($0) / Double(whole.byteCount) }
    #expect(shares[0] < 0.32 && shares[1] < 0.32 && shares[2] < 0.26 && shares[3] < 0.2)
    #expect(
      errorText { try model.checkExport(as: .coreML(CoreMLOptions(compression: .palette(bits: 3)))) }
        == "compression: a palette of 3 bits was asked for. Core ML has 4, 6 and 8 bits.")
  }

  /// What cannot be compressed is an error, not a trap.
  @Test func weightsThatAreNotFinite() throws {
    let folder = try TemporaryFolder()
    let model = try Sequential(input: [60], threads: 1) { Dense(50, name: "wide") }
    let kernel = [Float.nan, .infinity] + [Float](repeating: 1, count: 2998)
    try model.setWeights(["wide/kernel": Tensor(shape: [60, 50], kernel)])
    for compression in [Compression.int8, .palette(bits: 4)] {
      let format = ExportFormat.coreML(CoreMLOptions(compression: compression))
      try model.checkExport(as: format)
      #expect(
        errorText { try model.export(to: "\(folder.path)/a.mlpackage", as: format) }
          == "wide/kernel: it holds numbers that are not finite, which cannot be compressed. "
          + "Train with TerminateOnNaN, or export without compression.")
    }
  }

  /// A file that computes something else is never left behind.
  @Test func mismatchesAreRefused() throws {
    let folder = try TemporaryFolder()
    let model = try Sequential(input: [3], seed: 1) { Dense(2) }
    let other = try Sequential(input: [3], seed: 2) { Dense(2) }
    let (layers, weights) = (other.layers, Dictionary(uniqueKeysWithValues: other.weights.map { ($0.name, $0.tensor) }))
    let path = "\(folder.path)/a"
    let format = ExportFormat(
      openLengths: { _ in [] },
      contents: { _, _ in
        ExportFormat.Contents(
          byteCount: 1,
          recipe: {
            var network = try Network(input: Input([3]))
            for layer in layers { try network.append(layer) }
            var recipe = ModelRecipe(network, name: "other")
            recipe.weights = weights
            return recipe
          }, write: { try Data().write(to: URL(fileURLWithPath: $0)) })
      }, check: { _, _ in })
    #expect(errorText { try model.export(to: path, as: format) }.contains("computes something else"))
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  // MARK: Damage

  @Test func damagedPackages() throws {
    let folder = try TemporaryFolder()
    let source = path("rows.mlpackage")
    func damaged(_ change: (String) throws -> Void) throws -> String {
      let copy = "\(folder.path)/a.mlpackage"
      try? FileManager.default.removeItem(atPath: copy)
      try FileManager.default.copyItem(atPath: source, toPath: copy)
      try change(copy)
      return errorText { _ = try Model(contentsOf: copy) }.replacingOccurrences(of: copy, with: "PACKAGE")
    }
    let manifest = { (path: String) in URL(fileURLWithPath: "\(path)/Manifest.json") }
    #expect(
      try damaged { try FileManager.default.removeItem(at: manifest($0)) }
        == "PACKAGE/Manifest.json: is missing from the package. Export it again.")
    #expect(
      try damaged { try Data("{}".utf8).write(to: manifest($0)) }
        == "PACKAGE/Manifest.json: names no model. A .mlpackage's manifest has version 1 and names its root.")
    #expect(
      try damaged {
        let text = try String(contentsOf: manifest($0), encoding: .utf8)
        try text.replacingOccurrences(of: "com.apple.CoreML/model.mlmodel", with: "../../secret")
          .write(to: manifest($0), atomically: true, encoding: .utf8)
      } == "PACKAGE/Manifest.json: the path \"../../secret\" leads out of the package.")
    let model = "Data/com.apple.CoreML/model.mlmodel"
    #expect(
      try damaged {
        try FileManager.default.removeItem(atPath: "\($0)/\(model)")
        try FileManager.default.createSymbolicLink(atPath: "\($0)/\(model)", withDestinationPath: "../gone")
      }
        == "PACKAGE/\(model): is a link to ../gone, which does not exist. Download or copy the package again.")
    #expect(
      try damaged {
        try FileManager.default.removeItem(atPath: "\($0)/\(model)")
        try FileManager.default.createSymbolicLink(atPath: "\($0)/\(model)", withDestinationPath: "/etc/hostname")
      }
        == "PACKAGE/\(model): is a link that leads out of the package, which is not followed. "
        + "Copy the package with the files themselves: cp -RL.")
    #expect(
      try damaged {
        try FileManager.default.moveItem(atPath: "\($0)/\(model)", toPath: "\($0)/Data/model")
        try FileManager.default.createSymbolicLink(atPath: "\($0)/\(model)", withDestinationPath: "../model")
      } == "no error")
    #expect(
      try damaged {
        try Data("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".utf8)
          .write(to: URL(fileURLWithPath: "\($0)/\(model)"))
      }
        == "PACKAGE/\(model): it is a Git LFS pointer, a short text in the place of the file. "
        + "Run git lfs pull in its repository to fetch the file itself.")
    let weights = "Data/com.apple.CoreML/weights/weight.bin"
    #expect(
      try damaged {
        try Data("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".utf8)
          .write(to: URL(fileURLWithPath: "\($0)/\(weights)"))
      }
        == "PACKAGE/\(weights): it is a Git LFS pointer, a short text in the place of the file. "
        + "Run git lfs pull in its repository to fetch the file itself.")
    #expect(
      try damaged { try Data([1, 2, 3]).write(to: URL(fileURLWithPath: "\($0)/\(model)")) }
        == "PACKAGE/\(model): is no Core ML model, or a damaged one. Export it again.")
    #expect(
      try damaged {
        try Data(count: 64).write(to: URL(fileURLWithPath: "\($0)/Data/com.apple.CoreML/weights/weight.bin"))
      }.contains("there is no array of the right size at byte 64"))
    #expect(
      errorText { _ = try Model(contentsOf: "\(folder.path)/none.mlmodel") }.hasSuffix(
        "does not exist. Check the name."))
  }

  /// An argument that is not read is an error that names it.
  @Test func nothingIsDropped() throws {
    let folder = try TemporaryFolder()
    let copy = "\(folder.path)/a.mlpackage"
    try FileManager.default.copyItem(atPath: path("pictures.mlpackage"), toPath: copy)
    let file = URL(fileURLWithPath: "\(copy)/Data/com.apple.CoreML/model.mlmodel")
    let original = try ProtoModel(serializedBytes: Data(contentsOf: file))
    let function = try #require(original.program.functions["main"])
    let operations = try #require(function.blocks[function.opset]).operations
    var changed = 0
    for (index, operation) in operations.enumerated() where operation.type != "const" {
      var model = original
      let binding = try #require(operation.inputs.values.first)
      model.program.functions["main"]?.blocks[function.opset]?.operations[index].inputs["surprise"] = binding
      try model.serializedData().write(to: file)
      let text = errorText { _ = try Model(contentsOf: copy) }
      #expect(
        text.hasPrefix(
          "\(copy): \(operation.outputs[0].name) (\(operation.type)): its argument \"surprise\" is not known. "))
      changed += 1
    }
    #expect(changed > 5)
    // An attribute too, of constants as well.
    for (index, operation) in operations.enumerated() {
      var model = original
      model.program.functions["main"]?.blocks[function.opset]?.operations[index].attributes["surprise"] = ProtoValue()
      try model.serializedData().write(to: file)
      #expect(
        errorText { _ = try Model(contentsOf: copy) }
          == "\(copy): \(operation.outputs[0].name) (\(operation.type)): its attribute \"surprise\" is not known.")
    }
  }

  /// Bytes changed at random: a model or an error, never a crash.
  @Test(arguments: [
    ("rows.mlpackage", 7000), ("pictures-palette4.mlpackage", 3000), ("rows.mlmodel", 7000),
    ("classifier.mlmodel", 3000),
  ])
  func fuzz(_ name: String, rounds: Int) throws {
    let package = "\(path(name))/Data/com.apple.CoreML/"
    let places = name.hasSuffix("package") ? ["\(package)model.mlmodel", "\(package)weights/weight.bin"] : [path(name)]
    let files = try places.map { try [UInt8](Data(contentsOf: URL(fileURLWithPath: $0))) }
    var random = RandomStream(seed: 5, stream: 1)
    func number(below bound: Int) -> Int { Int(random.nextUniform() * Double(bound)) }
    var refused = 0
    for round in 0..<rounds {
      var damaged = files
      var bytes = files[round % files.count]
      for _ in 0...number(below: 8) {
        let place = number(below: bytes.count)
        bytes[place] = UInt8(number(below: 256))
      }
      if round % 7 == 0 { bytes = Array(bytes.prefix(number(below: bytes.count))) }
      damaged[round % files.count] = bytes
      do {
        let file = try CoreMLFile(model: damaged[0], weights: damaged.count > 1 ? damaged[1] : [], path: name)
        let model = try Model(file.recipe(), threads: 1)
        if model.inputShape.reduce(1, *) < 10_000 { _ = try model.predict(Tensor(zeros: [1] + model.inputShape)) }
      } catch is AthanorError {
        refused += 1
      }
    }
    #expect(refused > 0 && refused < rounds)
  }
}

@Suite struct FlexibilityTests {
  private func model(_ padding: Padding, strides: Size2D = 1) throws -> Model {
    try Sequential(input: [8, 9, 3], seed: 6, threads: 1) {
      Conv2D(6, kernelSize: 3, strides: strides, padding: padding, activation: .relu)
      BatchNormalization()
      MaxPooling2D(2)
      GlobalAveragePooling2D()
      Dense(4, activation: .softmax)
    }
  }

  /// A range of batches leaves one length open, and nothing else changes.
  @Test func batches() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/a.mlpackage"
    let model = try Sequential(input: [6, 6, 1], threads: 1) {
      Conv2D(3, kernelSize: 3)
      Flatten()
      Dense(4)
    }
    try model.export(to: path, as: .coreML(CoreMLOptions(flexibility: .batch(1...64))))
    let file = try CoreMLFile(path)
    #expect(file.facts.inputs[0].type == "float32 (1, 6, 6, 1), lengths 1 to 64, 6, 6, 1")
    let function = try #require(file.model.program.functions["main"])
    let block = try #require(function.blocks["CoreML5"])
    let unknown = block.operations.flatMap(\.outputs).filter { output in
      output.type.tensor.dimensions.contains { if case .unknown = $0.kind { true } else { false } }
    }
    #expect(unknown.count == block.operations.count { $0.type != "const" })
    // Where a length is open, Core ML infers the output's shape.
    #expect(file.model.description_p.outputs.map(\.type.array.shape) == [[]])
    #expect(try Model(contentsOf: path).predict(Tensor(zeros: [5, 6, 6, 1])).shape == [5, 4])
    #expect(
      errorText { try model.export(to: path, as: .coreML(CoreMLOptions(flexibility: .batch(2...64)))) }
        == "Core ML: the batch is 2...64. It must begin with 1 and end above.")
  }

  @Test(arguments: ["mlpackage", "mlmodel"])
  func sizes(_ ending: String) throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/a.\(ending)"
    var options = CoreMLOptions(input: .picture(), flexibility: .sizeRange([6, 6], [40, 33]))
    let report = try model(.same, strides: 2).export(to: path, as: .coreML(options))
    #expect(report.largestDifference <= 1e-6)
    #expect(try CoreMLFile(path).facts.inputs[0].type == "RGB picture 8 x 9, heights 6 to 40, widths 6 to 33")
    options.flexibility = .sizes([[8, 9], [16, 20]])
    try model(.valid).export(to: path, as: .coreML(options))
    #expect(try CoreMLFile(path).facts.inputs[0].type == "RGB picture 8 x 9, or 8 x 9, 16 x 20")
  }

  /// What depends on the size is named.
  @Test func refusals() throws {
    let options = CoreMLOptions(input: .picture(), flexibility: .sizeRange([6, 6], [41, 33]))
    let dense = try Sequential(input: [8, 9, 3]) {
      Flatten()
      Dense(2)
    }
    #expect(
      errorText { try dense.checkExport(as: .coreML(options)) }
        == "dense (layer 2, Dense): the last axis of input (None, None) is open, but a kernel needs a fixed number of features. Reduce the open axis first, for example by GlobalAveragePooling2D."
    )
    #expect(
      errorText { try model(.same).checkExport(as: .coreML(CoreMLOptions(input: .picture(), flexibility: .sizes([])))) }
        == "Core ML: the sizes are []. Give sizes of pictures, with input: .picture().")
  }
}
