import Athanor

/// How a model appears in Core ML: its input, its classes, its precision and what Xcode shows of it.
public struct CoreMLOptions: Hashable, Sendable {
  /// What goes in.
  public enum Input: Hashable, Sendable {
    /// Numbers of the model's own shape, batch of one included: `[1, H, W, C]`.
    case array
    /// A picture of the model's size. Its channels' values from 0 to 255 are multiplied by `scale`, which nil takes from the model
    /// (what `fit` did with bytes), and `bias` is added: none, one number, or one for each channel.
    case picture(scale: Float? = nil, bias: [Float] = [])
  }

  /// The names of the classes.
  public enum Labels: Hashable, Sendable {
    /// Words.
    case texts([String])
    /// Whole numbers, as a classifier of digits wants them.
    case integers([Int])

    var count: Int {
      switch self {
      case .texts(let labels): labels.count
      case .integers(let labels): labels.count
      }
    }
  }

  /// The precision of weights and arithmetic.
  public enum Precision: String, Hashable, Sendable, CaseIterable {
    /// 32 bits.
    case float32
    /// 16 bits, for half the size and up to three correct digits; inputs and outputs stay 32 bits.
    case float16
  }

  /// Inputs of several shapes.
  public enum Flexibility: Hashable, Sendable {
    /// So many examples at a time, for `.array`.
    case batch(ClosedRange<Int>)
    /// Pictures of any of these sizes; the model's own is always one of them.
    case sizes([Size2D])
    /// Pictures of any size between two.
    case sizeRange(Size2D, Size2D)
    /// Open lengths within ranges, by their names in the model's inputs (`length_1`, or what `Input(lengths:)` says; `batch` for the
    /// examples). All that the model has must be given but the batch, which is else one.
    case lengths([String: ClosedRange<Int>])
  }

  /// What goes in.
  public var input: Input
  /// One name for each output; the model is then a classifier. nil for none.
  public var labels: Labels?
  /// The precision of weights and arithmetic.
  public var precision: Precision
  /// Which other inputs are accepted besides one of the model's own shape; nil for none, which is the fastest.
  public var flexibility: Flexibility?
  /// How kernels are made smaller, for iOS 16 and macOS 13 or newer (`.mlmodel`: iOS 12); nil for not at all.
  public var compression: Compression?
  /// The name of the input; by default `image` or `input`.
  public var inputName: String?
  /// The name of the output, or of the predicted label; by default `output` or `classLabel`.
  public var outputName: String?
  /// Who made it.
  public var author: String
  /// Under which terms.
  public var license: String
  /// Which version of the model it is.
  public var version: String
  /// What it does, in a sentence.
  public var summary: String
  /// What inputs and outputs mean, by their names.
  public var featureDescriptions: [String: String]
  /// Further facts by name.
  public var metadata: [String: String]

  /// Makes options.
  ///
  /// - Example:
  ///   ```swift
  ///   let options = CoreMLOptions(input: .picture(), labels: .integers(Array(0...9)), author: "Ada")
  ///   ```
  public init(
    input: Input = .array, labels: Labels? = nil, precision: Precision = .float32,
    flexibility: Flexibility? = nil, compression: Compression? = nil, inputName: String? = nil,
    outputName: String? = nil, author: String = "",
    license: String = "", version: String = "", summary: String = "", featureDescriptions: [String: String] = [:],
    metadata: [String: String] = [:]
  ) {
    self.input = input
    self.labels = labels
    self.precision = precision
    self.flexibility = flexibility
    self.compression = compression
    self.inputName = inputName
    self.outputName = outputName
    self.author = author
    self.license = license
    self.version = version
    self.summary = summary
    self.featureDescriptions = featureDescriptions
    self.metadata = metadata
  }
}
