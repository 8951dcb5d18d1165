/// The type of a tensor's elements.
public enum DType: String, Hashable, Sendable, CaseIterable {
  /// 32-bit IEEE 754 floating point, the type of weights and activations.
  case float32
  /// 64-bit floating point, in which the tests check gradients.
  case float64
  /// 32-bit signed integers: class numbers.
  case int32
  /// Bytes: pixels as files hold them.
  case uint8
  /// 16-bit unsigned integers: positions within pooling windows.
  case uint16

  /// The size of one element in bytes.
  public var byteCount: Int {
    switch self {
    case .float64: 8
    case .float32, .int32: 4
    case .uint16: 2
    case .uint8: 1
    }
  }

  /// Whether elements are floating-point numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .float32, .float64: true
    case .int32, .uint8, .uint16: false
    }
  }
}
