/// The parts of the safetensors format that its reader and its writer share.
///
/// A file is the header's length (8 bytes, little-endian), the header (JSON in UTF-8, padded with spaces to a multiple of 8), and the
/// tensors' elements (little-endian, row-major), one tensor behind the other without gaps. The header maps each tensor's name to
/// `dtype`, `shape` and `data_offsets` (first byte and end, counted from the header's end), and `__metadata__` to an object of texts.
/// Source: https://github.com/huggingface/safetensors.
package enum Safetensors {
  /// The most bytes of a header, as in the reference implementation.
  static let headerLimit = 100_000_000
  /// The header's key of the texts.
  static let metadataKey = "__metadata__"

  /// The types of elements, in the order in which the reference implementation knows them.
  package enum ElementType: String, CaseIterable, Sendable {
    case bool = "BOOL"
    case uint8 = "U8"
    case int8 = "I8"
    case int16 = "I16"
    case uint16 = "U16"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int32 = "I32"
    case uint32 = "U32"
    case float32 = "F32"
    case float64 = "F64"
    case int64 = "I64"
    case uint64 = "U64"

    /// The size of one element in bytes.
    package var byteCount: Int {
      switch self {
      case .bool, .uint8, .int8: 1
      case .int16, .uint16, .float16, .bfloat16: 2
      case .int32, .uint32, .float32: 4
      case .float64, .int64, .uint64: 8
      }
    }
  }

  /// What a header says of a tensor.
  package struct Entry: Hashable, Sendable {
    package let type: ElementType
    package let shape: [Int]
    /// The bytes' places, counted from the header's end.
    package let bytes: Range<Int>
  }
}
