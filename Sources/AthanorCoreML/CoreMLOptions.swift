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

    /// Names of classes: whole numbers when each of them is written as one is, else words.
    public init(_ names: [String]) { self = ClassNames.integers(names).map(Labels.integers) ?? .texts(names) }

    var count: Int { names.count }

    var names: [String] {
      switch self {
      case .texts(let labels): labels
      case .integers(let labels): labels.map(String.init)
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
  /// One name for each class; the model is then a classifier. A single sigmoid has two classes: its number is the probability of the second.
  /// nil takes the model's class names, where its output is probabilities of so many classes; `.texts([])` is none.
  public var labels: Labels?
  /// Whether an output without softmax is logits, of which a classifier makes probabilities: with a softmax, a single one with a sigmoid.
  /// Without it such a model is refused as a classifier.
  public var fromLogits: Bool
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
    input: Input = .array, labels: Labels? = nil, fromLogits: Bool = false, precision: Precision = .float32,
    flexibility: Flexibility? = nil, compression: Compression? = nil, inputName: String? = nil,
    outputName: String? = nil, author: String = "",
    license: String = "", version: String = "", summary: String = "", featureDescriptions: [String: String] = [:],
    metadata: [String: String] = [:]
  ) {
    self.input = input
    self.labels = labels
    self.fromLogits = fromLogits
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
