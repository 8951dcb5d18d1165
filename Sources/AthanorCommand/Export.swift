import ArgumentParser
import Athanor
import AthanorCoreML
import AthanorKeras
import AthanorONNX
import Foundation

struct Export: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a trained model for Core ML (apps on iOS and macOS) or ONNX, and prove that it computes the same.",
    discussion: """
      What was written is read again and run beside the model, and held against FILE opened anew, by what both files declare of pictures and \
      classes; a mismatch is an error and leaves nothing behind. With --dataset it is run on test pictures, and the accuracy that --quantize costs is shown. Of the options only those and the names concern ONNX.
      """)

  @Argument(help: "A trained model: .h5, .safetensors, .mlpackage, .mlmodel or .onnx.", completion: .file()) var file:
    String
  @Argument(
    help: "What to write: NAME.mlpackage for iOS 15 or newer, NAME.mlmodel for iOS 11 or newer, NAME.onnx.",
    completion: .file())
  var output: String
  @Option(
    help:
      "The classes' names in order: a,b,c, or a file with one in a line; by default those that the model has, \"none\" for no classifier.",
    completion: .file())
  var classLabels: String?
  @Flag(help: "The model ends without softmax: the classifier makes probabilities of its numbers.") var fromLogits =
    false
  @Option(help: "Pictures go in and not numbers, gray or rgb; their bytes are scaled as in training.")
  var imageInput: ImageInput?
  @Option(parsing: .unconditional, help: "What is multiplied with the pictures' bytes; by default what training did.")
  var imageScale: Float?
  @Option(parsing: .unconditional, help: "What is added after that: one number, or one for each channel: r,g,b.")
  var imageBias: String?
  @Option(help: "Accept batches too, FROM-TO examples at a time: 1-64.") var batchRange: String?
  @Option(help: "Accept pictures of these sizes too, HEIGHTxWIDTH: 28x28,56x56.") var imageSizes: String?
  @Option(help: "Accept pictures of all sizes from the first to the second: 28x28-112x112.") var imageSizeRange: String?
  @Option(
    name: .customLong("length-range"),
    help: "Accept an open length within a range, NAME=FROM-TO: length_1=1-512; may be given several times.")
  var lengthRanges: [String] = []
  @Option(help: "Of weights and arithmetic: float32, or float16 for half the size.") var precision = CoreMLOptions
    .Precision.float32
  @Option(help: "Make kernels smaller (iOS 16 or newer): int8, palette8, palette6 or palette4.") var quantize:
    Quantization?
  @Option(help: "Who made it.") var author = ""
  @Option(help: "Under which terms.") var license = ""
  @Option(help: "Which version of the model it is.") var modelVersion = ""
  @Option(help: "What it does, in a sentence.") var summary = ""
  @Option(name: .customLong("describe"), help: "What an input or output means: NAME=TEXT; may be given several times.")
  var descriptions: [String] = []
  @Option(help: "A further fact: NAME=TEXT; may be given several times.") var metadata: [String] = []
  @Option(
    help: "A Swift file to write with a type of that name, by which an app uses the model: DigitClassifier.swift.",
    completion: .file())
  var wrapper: String?
  @OptionGroup(title: "Data whose test examples the exported model is run on") var data: DataOptions
  @OptionGroup(title: "Part of the data") var selection: PartOptions
  @Flag(help: "Print one JSON object: file, bytes and what the comparison found.") var json = false

  enum ImageInput: String, ExpressibleByArgument, CaseIterable {
    case gray, rgb
  }

  enum Quantization: String, ExpressibleByArgument, CaseIterable {
    case int8, palette8, palette6, palette4

    var compression: Compression {
      switch self {
      case .int8: .int8
      case .palette8: .palette(bits: 8)
      case .palette6: .palette(bits: 6)
      case .palette4: .palette(bits: 4)
      }
    }
  }

  func validate() throws {
    for (option, pairs) in [("--describe", descriptions), ("--metadata", metadata)] {
      if let pair = pairs.first(where: { !$0.contains("=") }) {
        throw ValidationError("\(option) \(pair): write NAME=TEXT.")
      }
    }
    let skips = data.skipUnreadable ? "--skip-unreadable" : nil
    if data.dataset == nil, let option = data.givenWithoutDataset ?? selection.given ?? skips {
      throw ValidationError("\(option) goes with --dataset.")
    }
    if let wrapper, !wrapper.hasSuffix(".swift") {
      throw ValidationError("--wrapper \(wrapper): give a name that ends with .swift.")
    }
    guard imageInput != nil || (imageScale == nil && imageBias == nil) else {
      throw ValidationError("--image-scale and --image-bias go with --image-input.")
    }
    guard [batchRange, imageSizes, imageSizeRange, lengthRanges.first].compactMap(\.self).count <= 1 else {
      throw ValidationError("Give one of --batch-range, --image-sizes, --image-size-range and --length-range.")
    }
    guard output.hasSuffix(".onnx") else { return }
    guard !fromLogits else { throw ValidationError("--from-logits is for Core ML.") }
    guard [classLabels, batchRange, imageSizes, imageSizeRange, wrapper, lengthRanges.first].allSatisfy({ $0 == nil }),
      imageInput == nil,
      precision == .float32, quantize == nil, descriptions.isEmpty
    else {
      throw ValidationError(
        "ONNX files take --dataset, --author, --license, --model-version, --summary and --metadata; the other options are for "
          + "Core ML.")
    }
  }

  func run() async throws {
    let type = wrapper.map { String(($0 as NSString).lastPathComponent.dropLast(".swift".count)) } ?? ""
    if wrapper != nil { try SwiftWrapper.checkName(type, of: output) }
    let model = try NetworkSource.read(file)
    guard wrapper == nil || (model.tableEncoding == nil && model.inputs.count == 1) else {
      throw AthanorError(
        .unsupported, at: "--wrapper",
        "it is for models of one picture or array, and \(file) takes several values by name",
        fix: "Leave it out: Xcode makes a type with these names by itself.")
    }
    let format = output.hasSuffix(".onnx") ? ExportFormat.onnx(metadata: facts) : .coreML(try coreMLOptions(model))
    var samples: Dataset?
    if data.dataset != nil {
      let found = try await data.open(for: model)
      let test = try found.dataset(selection.examples(of: found).examples)
      // With pictures in, channels come last.
      samples = imageInput == nil ? model.arranged(test) : test
    }
    let report = try model.export(to: output, as: format, samples: samples, original: file)
    if let wrapper { try Terminal.write(SwiftWrapper.source(name: type, of: output), to: wrapper) }
    let bytes = try Inspect.byteCount(output)
    if json { return try Terminal.json(object(report, bytes)) }
    let kind =
      switch (output as NSString).pathExtension {
      case "onnx": "an ONNX model"
      case "mlmodel":
        "a Core ML model for \(quantize == nil ? "iOS 11 and macOS 10.13" : "iOS 12 and macOS 10.14") or newer"
      default: "a Core ML model for \(quantize == nil ? "iOS 15 and macOS 12" : "iOS 16 and macOS 13") or newer"
      }
    Terminal.print("\(output): \(kind), \((bytes + 500) / 1000) KB")
    Terminal.print(report)
    if let preparation = model.picturePreparation {
      let how =
        wrapper != nil && imageInput != nil
        ? "The wrapper prepares pictures so." : "Prepare pictures so before they go in."
      Terminal.print("\(preparation.advice) \(how)")
    }
    if let wrapper { Terminal.print("\(wrapper): for app code, `try \(type)().predict(...)`") }
  }

  private func object(_ report: ExportReport, _ bytes: Int) -> [String: Any?] {
    report.object.merging(["file": output, "bytes": bytes]) { $1 }
  }

  private func pairs(_ texts: [String]) -> [String: String] {
    Dictionary(
      texts.map { text in
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(parts[0]), String(parts.last ?? ""))
      }, uniquingKeysWith: { $1 })
  }

  private var facts: [String: String] {
    ["author": author, "license": license, "version": modelVersion, "summary": summary].filter { !$0.value.isEmpty }
      .merging(pairs(metadata)) { $1 }
  }

  private func coreMLOptions(_ model: Model) throws -> CoreMLOptions {
    var options = CoreMLOptions(
      precision: precision, compression: quantize?.compression, author: author, license: license, version: modelVersion,
      summary: summary, featureDescriptions: pairs(descriptions), metadata: pairs(metadata))
    options.labels = try labels()
    options.fromLogits = fromLogits
    options.flexibility = try flexibility()
    if let imageInput {
      let channels = imageInput == .gray ? 1 : 3
      guard model.pictureShape?[2] == channels else {
        throw AthanorError(
          .argument, at: "--image-input", "the model takes \(model.inputShape) and no \(imageInput.rawValue) pictures",
          fix: "Its last length, or with PyTorch's its first, is the number of channels: 1 is gray, 3 is rgb.")
      }
      options.input = .picture(scale: imageScale, bias: try bias())
    }
    return options
  }

  private func flexibility() throws -> CoreMLOptions.Flexibility? {
    func refuse(_ option: String, _ text: String, _ example: String) -> AthanorError {
      AthanorError(.argument, at: option, "\"\(text)\" is not understood", fix: "Write for example \(example).")
    }
    func size(_ text: Substring) -> Size2D? {
      let parts = text.split(separator: "x").compactMap { Int($0) }
      return parts.count == 2 ? Size2D(parts[0], parts[1]) : nil
    }
    func range(_ text: Substring) -> ClosedRange<Int>? {
      let ends = text.split(separator: "-").compactMap { Int($0) }
      return ends.count == 2 && ends[0] <= ends[1] ? ends[0]...ends[1] : nil
    }
    if let batchRange {
      guard let range = range(batchRange[...]) else { throw refuse("--batch-range", batchRange, "1-64") }
      return .batch(range)
    }
    guard lengthRanges.isEmpty else {
      let ranges = try lengthRanges.map { text in
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let range = range(parts[1]) else {
          throw refuse("--length-range", text, "length_1=1-512")
        }
        return (String(parts[0]), range)
      }
      return .lengths(Dictionary(ranges) { $1 })
    }
    if let imageSizes {
      let sizes = imageSizes.split(separator: ",").map(size)
      guard !sizes.isEmpty, !sizes.contains(nil) else { throw refuse("--image-sizes", imageSizes, "28x28,56x56") }
      return .sizes(sizes.compactMap(\.self))
    }
    if let imageSizeRange {
      let ends = imageSizeRange.split(separator: "-").compactMap(size)
      guard ends.count == 2 else { throw refuse("--image-size-range", imageSizeRange, "28x28-112x112") }
      return .sizeRange(ends[0], ends[1])
    }
    return nil
  }

  private func bias() throws -> [Float] {
    guard let imageBias else { return [] }
    let numbers = imageBias.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    guard numbers.allSatisfy({ $0 != nil }) else {
      throw AthanorError(.argument, at: "--image-bias", "\"\(imageBias)\" is no list of numbers", fix: "Write r,g,b.")
    }
    return numbers.compactMap(\.self)
  }

  /// Whole numbers stay numbers, as a classifier of digits wants them.
  private func labels() throws -> CoreMLOptions.Labels? {
    guard let classLabels else { return nil }
    return classLabels == "none"
      ? .texts([]) : CoreMLOptions.Labels(try ClassOptions.names(classLabels, "--class-labels"))
  }
}

extension CoreMLOptions.Precision: ExpressibleByArgument {}

extension ExportReport {
  /// For JSON.
  var object: [String: Any?] {
    var object: [String: Any?] = [
      "examples": examples, "largest_difference": largestDifference, "limit": limit,
      "same_first_choice": sameFirstChoice,
    ]
    object["original_difference"] = declared?.largestDifference
    if let cost = compression {
      object["uncompressed_same_first_choice"] = cost.sameFirstChoice
      object["accuracy_before"] = cost.accuracy?.before
      object["accuracy_after"] = cost.accuracy?.after
    }
    return object
  }
}
