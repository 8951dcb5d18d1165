import CoreML
import CoreVideo
import DigitPadLogic
import Foundation

/// The network in Digits.mlpackage, which Xcode compiles into the app.
actor CoreMLClassifier: DigitClassifier {
  private let model: MLModel
  /// The names that the file gives its picture and its probabilities.
  private let input, output: String

  init() throws {
    guard let url = Bundle.main.url(forResource: "Digits", withExtension: "mlmodelc") else {
      throw PadError.modelMissing
    }
    model = try MLModel(contentsOf: url, configuration: MLModelConfiguration())
    let description = model.modelDescription
    guard let input = description.inputDescriptionsByName.keys.first else { throw PadError.model("it has no input") }
    guard let output = description.predictedProbabilitiesName else { throw PadError.model("it is no classifier") }
    (self.input, self.output) = (input, output)
  }

  func probabilities(of picture: [UInt8]) throws -> [Int64: Double] {
    let features = try MLDictionaryFeatureProvider(
      dictionary: [input: MLFeatureValue(pixelBuffer: try pixelBuffer(picture))])
    let values = try model.prediction(from: features).featureValue(for: output)?.dictionaryValue
    guard let probabilities = values as? [Int64: NSNumber] else {
      throw PadError.model("its classes have no numbers")
    }
    return probabilities.mapValues(\.doubleValue)
  }

  private func pixelBuffer(_ picture: [UInt8]) throws -> CVPixelBuffer {
    let side = DigitPreparation.side
    var created: CVPixelBuffer?
    CVPixelBufferCreate(nil, side, side, kCVPixelFormatType_OneComponent8, nil, &created)
    guard let buffer = created, CVPixelBufferLockBaseAddress(buffer, []) == kCVReturnSuccess else {
      throw PadError.picture
    }
    defer { CVPixelBufferUnlockBaseAddress(buffer, []) }
    guard let start = CVPixelBufferGetBaseAddress(buffer) else { throw PadError.picture }
    let rowLength = CVPixelBufferGetBytesPerRow(buffer)
    for (place, shade) in picture.prefix(side * side).enumerated() {
      start.storeBytes(of: shade, toByteOffset: place / side * rowLength + place % side, as: UInt8.self)
    }
    return buffer
  }
}
