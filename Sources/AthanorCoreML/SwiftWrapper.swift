import Athanor

/// A small Swift file with which an app uses an exported model by type, as Xcode makes one.
public enum SwiftWrapper {
  /// The source of the file.
  ///
  /// - Parameters:
  ///   - name: The type's name, for example `DigitClassifier`.
  ///   - path: The `.mlpackage` or `.mlmodel`, as it was exported.
  /// - Throws: `AthanorError` when the name is none or Xcode gives it to a class of its own, or the file cannot be read.
  /// - Example:
  ///   ```swift
  ///   let source = try SwiftWrapper.source(name: "DigitClassifier", of: "Digits.mlpackage")
  ///   ```
  public static func source(name: String, of path: String) throws -> String {
    try checkName(name, of: path)
    let file = try CoreMLFile(path)
    let input = try file.onlyInput()
    let description = file.model.description_p
    let resource = resource(path)
    let preparation = description.metadata.userDefined[PicturePreparation.fileKey].flatMap(PicturePreparation.init)
    let features = "\(literal(input.name)): value"
    let predict: String
    var rest = ""
    switch input.type.kind {
    case .image(let image):
      let isGray = image.colorSpace == 10
      let exact = """
          /// What the model says of a \(isGray ? "gray" : "colour") picture of \(image.width) x \(image.height) pixels\(preparation == nil ? "" : " that is prepared already").
          nonisolated public func predict(_ picture: CVPixelBuffer) throws -> Prediction {
            try predict(MLFeatureValue(pixelBuffer: picture))
          }

        """
      if preparation == .digit {
        (predict, rest) = (exact + digitPrediction, digitSource)
        break
      }
      predict =
        exact + """

            /// What the model says of a picture of any size, which is scaled to \(image.width) x \(image.height) pixels first.
            @available(iOS 13, macOS 10.15, tvOS 13, watchOS 6, *)
            nonisolated public func predict(_ picture: CGImage) throws -> Prediction {
              try predict(
                MLFeatureValue(
                  cgImage: picture, pixelsWide: \(image.width), pixelsHigh: \(image.height),
                  pixelFormatType: \(isGray ? "kCVPixelFormatType_OneComponent8" : "kCVPixelFormatType_32BGRA"), options: nil))
            }
          """
    case .array(let array):
      let count = array.shape.reduce(1) { $0 &* $1 }
      let isInteger = array.dataType == CoreMLOptions.arrayType(.int32)
      let (numbers, type) = isInteger ? ("[Int32]", ".int32") : ("[Float]", ".float32")
      // Where lengths are open, the file begins with the least.
      let isFixed = array.flexibility == nil
      let parameter = isFixed ? "" : ", shape: [Int] = \(array.shape)"
      let shape = isFixed ? "\(array.shape)" : "shape.map { NSNumber(value: $0) }"
      predict = """
          /// What the model says of \(isFixed ? "\(count) numbers" : "numbers, for example") of shape \(array.shape).
          nonisolated public func predict(_ numbers: \(numbers)\(parameter)) throws -> Prediction {
            let array = try MLMultiArray(shape: \(shape), dataType: \(type))
            guard numbers.count == array.count else { throw MLModelError(.io) }
            for (index, number) in numbers.enumerated() { array[index] = NSNumber(value: number) }
            return try predict(MLFeatureValue(multiArray: array))
          }
        """
    default:
      throw AthanorError(.unsupported, at: path, "its input is neither a picture nor an array")
    }
    let (fields, reading) = try result(description, path)
    return """
      // Made by `athanor export`. Add this file and \(comment(path.split(separator: "/").last.map(String.init) ?? path)) to your app's target.
      import CoreGraphics
      import CoreML
      import CoreVideo
      import Foundation

      /// \(comment(description.metadata.shortDescription.isEmpty ? "The model \(resource)." : description.metadata.shortDescription))
      ///
      /// It computes on the thread that calls it, also in programs whose code belongs to the main actor unless it says otherwise.
      @available(iOS 12, macOS 10.14, tvOS 12, watchOS 5, *)
      public struct \(name) {
        /// What the model says of one input.
        public struct Prediction: Sendable {
      \(fields)
        }

        nonisolated(unsafe) private let model: MLModel

        /// Loads the model from an app's or a package's resources.
        nonisolated public init(configuration: MLModelConfiguration = MLModelConfiguration(), bundle: Bundle = .main) throws {
          guard let url = bundle.url(forResource: \(literal(resource)), withExtension: "mlmodelc") else {
            throw CocoaError(.fileNoSuchFile)
          }
          model = try MLModel(contentsOf: url, configuration: configuration)
        }

      \(predict)

        nonisolated private func predict(_ value: MLFeatureValue) throws -> Prediction {
          let output = try model.prediction(from: MLDictionaryFeatureProvider(dictionary: [\(features)]))
      \(reading)
        }
      }

      """ + rest
  }

  /// The method that takes a drawing.
  private static let digitPrediction = """

        /// There is nothing on the picture.
        public struct BlankPicture: Error { nonisolated init() {} }

        /// What the model says of a digit that is drawn on a picture of any size, dark on light or light on dark, wherever it stands. It is
        /// cut out, scaled, and centred by its mass, as the digits were that the model learned from.
        ///
        /// - Throws: `BlankPicture` when nothing is drawn, and what Core ML throws.
        nonisolated public func predict(_ picture: CGImage) throws -> Prediction {
          let (width, height) = (picture.width, picture.height)
          var shades = [UInt8](repeating: 255, count: width * height)
          let isDrawn = shades.withUnsafeMutableBytes { bytes in
            guard
              let context = CGContext(
                data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8, bytesPerRow: width,
                space: CGColorSpaceCreateDeviceGray(), bitmapInfo: CGImageAlphaInfo.none.rawValue)
            else { return false }
            context.draw(picture, in: CGRect(x: 0, y: 0, width: width, height: height))
            return true
          }
          guard isDrawn else { throw MLModelError(.generic) }
          guard let digit = DigitPreparation.prepared(gray: shades, width: width, height: height) else { throw BlankPicture() }
          let side = DigitPreparation.side
          var created: CVPixelBuffer?
          CVPixelBufferCreate(nil, side, side, kCVPixelFormatType_OneComponent8, nil, &created)
          guard let buffer = created, CVPixelBufferLockBaseAddress(buffer, []) == kCVReturnSuccess else {
            throw MLModelError(.generic)
          }
          if let start = CVPixelBufferGetBaseAddress(buffer) {
            let rowLength = CVPixelBufferGetBytesPerRow(buffer)
            for (place, shade) in digit.enumerated() {
              start.storeBytes(of: shade, toByteOffset: place / side * rowLength + place % side, as: UInt8.self)
            }
          }
          CVPixelBufferUnlockBaseAddress(buffer, [])
          return try predict(buffer)
        }
    """

  /// The source of `DigitPreparation`, visible within the wrapper's file alone.
  private static var digitSource: String {
    "\n"
      + String(decoding: PackageResources.DigitPreparation_swift_txt, as: UTF8.self)
      .replacing("public enum DigitPreparation", with: "private enum DigitPreparation")
  }

  /// The fields of a prediction, and the statements that fill them.
  private static func result(_ description: ProtoDescription, _ path: String) throws -> (
    fields: String, reading: String
  ) {
    if !description.predictedFeatureName.isEmpty, description.outputs.count == 2 {
      let isText = description.outputs.first { $0.name == description.predictedFeatureName }?.type.kind.map { kind in
        if case .string = kind { true } else { false }
      }
      let key = isText == true ? "String" : "Int64"
      let value = isText == true ? "stringValue" : "int64Value"
      return (
        """
            /// The most probable class.
            nonisolated public let label: \(key)
            /// The probability of each class.
            nonisolated public let probabilities: [\(key): Double]
        """,
        """
            guard let label = output.featureValue(for: \(literal(description.predictedFeatureName))),
              let probabilities = output.featureValue(for: \(literal(description.predictedProbabilitiesName)))?.dictionaryValue
                as? [\(key): NSNumber]
            else { throw MLModelError(.generic) }
            return Prediction(label: label.\(value), probabilities: probabilities.mapValues(\\.doubleValue))
        """
      )
    }
    guard description.outputs.count == 1 else {
      throw AthanorError(.unsupported, at: path, "it has \(description.outputs.count) outputs")
    }
    return (
      """
          /// The model's numbers.
          nonisolated public let values: [Float]
      """,
      """
          guard let values = output.featureValue(for: \(literal(description.outputs[0].name)))?.multiArrayValue else {
            throw MLModelError(.generic)
          }
          return Prediction(values: (0..<values.count).map { values[$0].floatValue })
      """
    )
  }

  private static func literal(_ text: String) -> String {
    "\""
      + text.unicodeScalars.map { scalar in
        scalar == "\"" || scalar == "\\" ? "\\\(scalar)" : scalar.value < 32 ? " " : "\(scalar)"
      }.joined() + "\""
  }

  private static func comment(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }

  /// The name by which an app finds the model: that of the file.
  private static func resource(_ path: String) -> String {
    path.split(separator: "/").last.map { $0.split(separator: ".").dropLast().joined(separator: ".") } ?? ""
  }

  /// Checks a wrapper's name before anything is written.
  ///
  /// - Throws: `AthanorError` when it is none, or Xcode gives it to a class that it makes of the model.
  package static func checkName(_ name: String, of path: String) throws {
    guard name.wholeMatch(of: /[A-Z][A-Za-z0-9_]*/) != nil, name != "Self" else {
      throw AthanorError(
        .argument, at: "wrapper", "\"\(name)\" is no name for a type", fix: "Take for example DigitClassifier.")
    }
    // The wrapper's source says these names of other types.
    let used = [
      "Any", "Bundle", "CGImage", "CVPixelBuffer", "CocoaError", "Double", "Float", "Int64",
      "MLDictionaryFeatureProvider",
      "MLFeatureValue", "MLModel", "MLModelConfiguration", "MLModelError", "MLMultiArray", "NSNumber", "Sendable",
      "String",
    ]
    guard !used.contains(name) else {
      throw AthanorError(
        .argument, at: "wrapper", "the wrapper needs the type \(name) itself", fix: "Take for example DigitClassifier.")
    }
    let generated = String(resource(path).map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    guard !["", "Input", "Output"].contains(where: { generated + $0 == name }) else {
      throw AthanorError(
        .argument, at: "wrapper", "Xcode makes a class \(name) of \(path.split(separator: "/").last ?? "")",
        fix: "Take another name, for example \(generated)Model.")
    }
  }
}
