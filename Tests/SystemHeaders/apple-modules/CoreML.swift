// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CoreGraphics
import CoreVideo
import Foundation

public final class MLModelConfiguration { public init() {} }
public protocol MLFeatureProvider { func featureValue(for name: String) -> MLFeatureValue? }
public final class MLModel {
  public init(contentsOf url: URL, configuration: MLModelConfiguration) throws {}
  public var modelDescription: MLModelDescription { MLModelDescription() }
  public func prediction(from input: any MLFeatureProvider) throws -> any MLFeatureProvider { input }
}
public final class MLModelDescription {
  public var inputDescriptionsByName: [String: MLFeatureDescription] { [:] }
  public var predictedProbabilitiesName: String? { nil }
}
public final class MLFeatureDescription {}
public final class MLDictionaryFeatureProvider: MLFeatureProvider {
  public init(dictionary: [String: Any]) throws {}
  public func featureValue(for name: String) -> MLFeatureValue? { nil }
}
public enum MLMultiArrayDataType { case float32 }
public final class MLMultiArray {
  public init(shape: [NSNumber], dataType: MLMultiArrayDataType) throws {}
  public var count: Int { 0 }
  public subscript(_ index: Int) -> NSNumber {
    get { 0 }
    set {}
  }
}
public final class MLFeatureValue {
  public struct ImageOption: Hashable {}
  public init(pixelBuffer: CVPixelBuffer) {}
  public init(multiArray: MLMultiArray) {}
  public init(
    cgImage: CGImage, pixelsWide: Int, pixelsHigh: Int, pixelFormatType: OSType, options: [ImageOption: Any]?
  ) throws {}
  public var int64Value: Int64 { 0 }
  public var stringValue: String { "" }
  public var dictionaryValue: [AnyHashable: NSNumber] { [:] }
  public var multiArrayValue: MLMultiArray? { nil }
}
public struct MLModelError: Error {
  public enum Code { case generic, io }
  public init(_ code: Code) {}
}
