import Athanor
import AthanorCore
import Foundation
import SwiftProtobuf

/// A Core ML file as it was read: its message, and the large constants of an ML Program.
package struct CoreMLFile {
  package let path: String
  package let model: ProtoModel
  let weights: WeightReader

  /// One of a pipeline's models.
  init(_ model: ProtoModel, within file: CoreMLFile) {
    self.path = file.path
    self.model = model
    weights = file.weights
  }

  /// A file that is not on the disk yet.
  package init(model: [UInt8], weights: [UInt8], path: String) throws {
    self.path = path
    self.model = try CoreMLFile.message(model, path)
    self.weights = WeightReader(bytes: weights, path: path)
  }

  /// - Throws: `AthanorError` when the file or package is missing, damaged or leads out of itself.
  package init(_ path: String) throws {
    self.path = path
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw AthanorError(.file, at: path, "does not exist", fix: "Check the name.")
    }
    let file = isFolder.boolValue ? try CoreMLFile.rootModel(of: path) : path
    let bytes = try FileBytes.read(file)
    model = try CoreMLFile.message(bytes, file)
    let weightFile = (file as NSString).deletingLastPathComponent + "/weights/weight.bin"
    let hasWeights = isFolder.boolValue && FileManager.default.fileExists(atPath: weightFile)
    if hasWeights { try CoreMLFile.requirePlain(weightFile, in: path) }
    weights = WeightReader(bytes: hasWeights ? try FileBytes.read(weightFile) : [], path: weightFile)
  }

  private static func message(_ bytes: [UInt8], _ file: String) throws -> ProtoModel {
    if let model = try? ProtoModel(serializedBytes: bytes) { return model }
    throw AthanorError(.data, at: file, "is no Core ML model, or a damaged one", fix: "Export it again.")
  }

  /// The file of the package's model, as its manifest has it.
  private static func rootModel(of path: String) throws -> String {
    struct Manifest: Decodable {
      struct Item: Decodable { let path: String }
      let fileFormatVersion: String
      let itemInfoEntries: [String: Item]
      let rootModelIdentifier: String
    }
    let place = "\(path)/Manifest.json"
    try requirePlain(place, in: path)
    let bytes = try FileBytes.read(place, limit: 1 << 20)
    guard let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(bytes)),
      manifest.fileFormatVersion.hasPrefix("1."), let item = manifest.itemInfoEntries[manifest.rootModelIdentifier]
    else {
      throw AthanorError(
        .data, at: place, "names no model", fix: "A .mlpackage's manifest has version 1 and names its root.")
    }
    let parts = item.path.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.contains(".."), !parts.contains(""), !item.path.isEmpty else {
      throw AthanorError(.data, at: place, "the path \"\(item.path)\" leads out of the package")
    }
    let file = "\(path)/Data/\(item.path)"
    try requirePlain(file, in: path)
    return file
  }

  /// Links are followed within the package alone.
  ///
  /// - Throws: `AthanorError` when the file is missing, it or what a link leads to is no plain file, or a link leads out of the package.
  private static func requirePlain(_ file: String, in package: String) throws {
    let files = FileManager.default
    let target = URL(fileURLWithPath: file).resolvingSymlinksInPath().path
    guard files.fileExists(atPath: file),
      let kind = try? files.attributesOfItem(atPath: target)[.type] as? FileAttributeType
    else {
      let link = try? files.destinationOfSymbolicLink(atPath: file)
      throw AthanorError(
        .data, at: file, link.map { "is a link to \($0), which does not exist" } ?? "is missing from the package",
        fix: link == nil ? "Export it again." : "Download or copy the package again.")
    }
    guard target.hasPrefix(URL(fileURLWithPath: package).resolvingSymlinksInPath().path + "/") else {
      // Caches keep packages of links, Hugging Face's among them.
      throw AthanorError(
        .data, at: file, "is a link that leads out of the package, which is not followed",
        fix: "Copy the package with the files themselves: cp -RL.")
    }
    guard kind == .typeRegular else {
      throw AthanorError(.data, at: file, "is no plain file", fix: "Export it again.")
    }
  }

  /// What goes in by name.
  func onlyInput() throws -> ProtoFeature {
    guard model.description_p.inputs.count == 1 else {
      throw AthanorError(
        .unsupported, at: path, "it has \(model.description_p.inputs.count) inputs, but models here have one")
    }
    return model.description_p.inputs[0]
  }

  /// The program in the exchange language.
  ///
  /// - Parameter takesPictures: Whether declared pictures go in; else the numbers that are made of them, which the file's first operation sees.
  func program(takesPictures: Bool = true) throws -> Program {
    try model.requireKnownFields(isWhole: false)
    try ColorLayout.check(outputs: model.description_p.outputs)
    func read(_ network: ProtoNeuralNetwork, isClassifier: Bool) throws -> Program {
      try NetworkReader(self, network, isClassifier: isClassifier, takesPictures: takesPictures).result
    }
    switch model.kind {
    case .program(let program): return try ProgramReader(self, program, takesPictures: takesPictures).result
    case .neuralNetwork(let network), .neuralNetworkRegressor(let network):
      return try read(network, isClassifier: false)
    case .neuralNetworkClassifier(let network): return try read(network, isClassifier: true)
    case .pipelineClassifier(let content), .pipelineRegressor(let content):
      return try CoreMLPipeline.Reader(self, content.pipeline).program()
    case .pipeline:
      throw AthanorError(
        .unsupported, at: "", "it is a pipeline of several models, which is not supported",
        fix: "Save the neural network or ML Program within it as a file of its own.")
    case .imputer, .featureVectorizer, .categoricalMapping, .arrayFeatureExtractor, nil:
      throw AthanorError(
        .unsupported, at: "", "it holds neither an ML Program nor a neural network",
        fix: "Trees and the other kinds of models cannot be read.")
    }
  }

  /// - Throws: `AthanorError` that names the file and the place.
  package func recipe() throws -> ModelRecipe {
    try recipe(takesPictures: true)
  }

  private func recipe(takesPictures: Bool) throws -> ModelRecipe {
    let name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
    do {
      var recipe = try ModelRecipe(program(takesPictures: takesPictures), name: name)
      try recipe.takePixelScale(model.description_p.metadata.userDefined[Model.pixelFileKey], at: Model.pixelFileKey)
      try recipe.takeDataFacts(at: path) { model.description_p.metadata.userDefined[$0] }
      let labels = labels
      // A classifier's numbers are probabilities, whatever computes them.
      if !labels.isEmpty { (recipe.classNames, recipe.outputKind) = (labels, .softmax) }
      return recipe
    } catch let error as AthanorError {
      throw error.location.hasPrefix(path) ? error : error.within(path)
    }
  }
}

extension CoreMLFile {
  /// What the description and the preprocessing say, and the network that sees the numbers which Core ML makes of a picture.
  package var declaration: FileDeclaration {
    let inputs = model.description_p.inputs
    let labels = labels
    var picture: FileDeclaration.Picture?
    if inputs.count == 1, case .image(let image) = inputs[0].type.kind {
      let scaler: ProtoImageScaler? =
        switch model.kind {
        case .neuralNetwork(let network), .neuralNetworkClassifier(let network), .neuralNetworkRegressor(let network):
          network.preprocessing.first?.scaler
        default: nil
        }
      let colors = [scaler?.redBias ?? 0, scaler?.greenBias ?? 0, scaler?.blueBias ?? 0]
      let order = [20: [0, 1, 2], 30: [2, 1, 0]][image.colorSpace]
      picture = FileDeclaration.Picture(
        height: Int(clamping: image.height), width: Int(clamping: image.width),
        channels: order?.map { ($0, colors[$0]) } ?? [(0, scaler?.grayBias ?? 0)], scale: scaler?.channelScale ?? 1)
    }
    return FileDeclaration(picture: picture, classNames: labels.isEmpty ? nil : labels) {
      try recipe(takesPictures: picture == nil)
    }
  }
}

extension CoreMLFiles: ModelFileReader {
  package static func declaration(_ path: String) throws -> FileDeclaration { try CoreMLFile(path).declaration }

  package static func recipe(_ path: String, custom: [any SerializableLayer.Type]) throws -> ModelRecipe {
    try CoreMLFile(path).recipe()
  }

  package static func facts(_ path: String) throws -> FileFacts { try CoreMLFile(path).facts }
}

/// Reads arrays out of a `weight.bin`.
struct WeightReader {
  let bytes: [UInt8]
  let path: String

  /// The bytes of the array whose metadata begin at an offset.
  func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    guard let start = Int(exactly: offset), start >= 64, start % 64 == 0, start <= bytes.count - 64,
      integer(start, UInt32.self) == 0xDEAD_BEEF
    else { throw damaged(offset) }
    guard let size = Int(exactly: integer(start + 8, UInt64.self)),
      let place = Int(exactly: integer(start + 16, UInt64.self)), place >= 0, size == count, place <= bytes.count,
      size <= bytes.count - place
    else { throw damaged(offset) }
    return Array(bytes[place..<place + size])
  }

  private func integer<Number: FixedWidthInteger>(_ offset: Int, _ type: Number.Type) -> Number {
    bytes[offset..<offset + Number.bitWidth / 8].reversed().reduce(0) { $0 << 8 | Number($1) }
  }

  private func damaged(_ offset: UInt64) -> AthanorError {
    AthanorError(.data, at: path, "there is no array of the right size at byte \(offset)", fix: "Export it again.")
  }
}
