import ArgumentParser
import Athanor
import AthanorCoreML
import AthanorKeras
import AthanorONNX
import Foundation

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a trained model for Core ML (apps on iOS and macOS) or ONNX.",
    discussion: "Of the options only the names and --json concern ONNX.")

  @Argument(help: "The .h5 file of a trained model.") var file: String
  @Argument(help: "What to write: NAME.mlpackage for iOS 15 or newer, NAME.mlmodel for iOS 11 or newer, NAME.onnx.")
  var output: String
  @Option(help: "The classes' names in the order of the outputs: a,b,c, or a file with one in a line.")
  var classLabels: String?
  @Option(help: "Pictures go in and not numbers, gray or rgb; their bytes are scaled as in training.")
  var imageInput: ImageInput?
  @Option(help: "Of weights and arithmetic: float32, or float16 for half the size.") var precision = CoreMLOptions
    .Precision.float32
  @Option(help: "Who made it.") var author = ""
  @Option(help: "Under which terms.") var license = ""
  @Option(help: "Which version of the model it is.") var modelVersion = ""
  @Option(help: "What it does, in a sentence.") var summary = ""
  @Flag(help: "Print one JSON object: file and bytes.") var json = false

  enum ImageInput: String, ExpressibleByArgument, CaseIterable {
    case gray, rgb
  }

  func validate() throws {
    guard output.hasSuffix(".onnx") else { return }
    guard classLabels == nil, imageInput == nil, precision == .float32 else {
      throw ValidationError(
        "--class-labels, --image-input and --precision are for Core ML; ONNX has nothing like them.")
    }
  }

  func run() throws {
    let model = try Model(contentsOf: file)
    let format = output.hasSuffix(".onnx") ? ExportFormat.onnx(metadata: facts) : .coreML(try coreMLOptions(model))
    try model.export(to: output, as: format)
    let bytes = try size()
    if json { return try Terminal.json(["file": output, "bytes": bytes]) }
    let kind =
      switch (output as NSString).pathExtension {
      case "onnx": "an ONNX model"
      case "mlmodel": "a Core ML model for iOS 11 and macOS 10.13 or newer"
      default: "a Core ML model for iOS 15 and macOS 12 or newer"
      }
    print("\(output): \(kind), \((bytes + 500) / 1000) KB")
  }

  private var facts: [String: String] {
    ["author": author, "license": license, "version": modelVersion, "summary": summary].filter { !$0.value.isEmpty }
  }

  private func coreMLOptions(_ model: Model) throws -> CoreMLOptions {
    var options = CoreMLOptions(
      precision: precision, author: author, license: license, version: modelVersion, summary: summary)
    options.labels = try labels()
    if let imageInput {
      let channels = imageInput == .gray ? 1 : 3
      guard model.inputShape.last == channels else {
        throw AthanorError(
          .argument, at: "--image-input", "the model takes \(model.inputShape) and no \(imageInput.rawValue) pictures",
          fix: "Its last length is the number of channels: 1 is gray, 3 is rgb.")
      }
      options.input = .picture()
    }
    return options
  }

  /// The bytes of all that was written.
  private func size() throws -> Int {
    let files = FileManager.default
    let paths =
      [output] + (files.enumerator(atPath: output)?.compactMap { $0 as? String } ?? []).map { "\(output)/\($0)" }
    return try paths.map { try files.attributesOfItem(atPath: $0) }.filter {
      $0[.type] as? FileAttributeType == .typeRegular
    }
    .reduce(0) { $0 + ($1[.size] as? Int ?? 0) }
  }

  /// Whole numbers stay numbers, as a classifier of digits wants them.
  private func labels() throws -> CoreMLOptions.Labels? {
    guard let classLabels else { return nil }
    var texts = classLabels.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    if texts.count == 1, FileManager.default.fileExists(atPath: classLabels) {
      texts = String(decoding: try FileBytes.read(classLabels, limit: 1 << 20), as: UTF8.self)
        .split(whereSeparator: \.isNewline).map(String.init)
    }
    let numbers = texts.compactMap { Int($0) }
    return numbers.count == texts.count ? .integers(numbers) : .texts(texts)
  }
}

extension CoreMLOptions.Precision: ExpressibleByArgument {}
