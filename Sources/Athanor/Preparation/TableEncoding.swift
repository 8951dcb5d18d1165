/// How the rows of a table become a model's inputs, and its results values of the target column. It is saved with the model.
///
/// Numbers go in together, as they stand in the table, in the input `numbers [N, n]` (float32); the model normalises them itself. Each
/// column of texts goes in as a code, in an input `category_k [N, 1]` (int32, k from 1 in the order of the columns): 0 for a missing value
/// and for a category that the training rows did not have, then 1 and up for the categories in sorted order. A missing number is replaced
/// by the mean of the training rows.
///
/// - Example:
///   ```swift
///   let table = try TableFile(contentsOf: "wine.csv", target: "kind")
///   let encoding = try TableEncoding(fittedTo: table, rows: trainingRows)
///   let model = try encoding.model(hidden: [64], seed: 1)
///   ```
public struct TableEncoding: Hashable, Sendable {
  /// A column that the model reads.
  public struct Column: Hashable, Sendable {
    /// What the values are.
    public enum Kind: Hashable, Sendable {
      /// Numbers, with mean and variance of the training rows.
      case number(mean: Double, variance: Double)
      /// Texts: the categories of the training rows, sorted. The code of a category is its place, counted from 1.
      case category([String])
    }

    /// The column's name in the table's header.
    public let name: String
    /// What the values are.
    public let kind: Kind

    /// Describes a column.
    public init(name: String, kind: Kind) {
      self.name = name
      self.kind = kind
    }
  }

  /// What is predicted.
  public enum Target: Hashable, Sendable {
    /// One of several classes, by number.
    case classes([String])
    /// A number, with mean and variance of the training rows. The model's results are in the target's own units.
    case number(mean: Double, variance: Double)
  }

  /// The columns that the model reads, in the order of the table.
  public let columns: [Column]
  /// The name of the target column.
  public let targetName: String
  /// What is predicted.
  public let target: Target

  /// The name of the input of all numbers.
  package static let numberInput = "numbers"
  /// The key by which files keep it where keys need a prefix.
  package static let fileKey = "athanor_table"

  /// Describes an encoding.
  ///
  /// - Throws: `AthanorError` when there are no columns, names come twice, or a number is not finite.
  public init(columns: [Column], targetName: String, target: Target) throws {
    func refuse(_ problem: String) -> AthanorError { AthanorError(.data, at: "TableEncoding", problem) }
    guard !columns.isEmpty else { throw refuse("there are no columns to learn from") }
    var names: Set<String> = [targetName]
    for column in columns {
      guard names.insert(column.name).inserted else { throw refuse("there are two columns named \"\(column.name)\"") }
      switch column.kind {
      case .number(let mean, let variance): try TableEncoding.check(mean, variance, "column \"\(column.name)\"")
      case .category(let categories):
        guard Set(categories).count == categories.count else {
          throw refuse("a category of column \"\(column.name)\" comes twice")
        }
      }
    }
    switch target {
    case .number(let mean, let variance): try TableEncoding.check(mean, variance, "target \"\(targetName)\"")
    case .classes(let classes):
      guard classes.count >= 2, Set(classes).count == classes.count else {
        throw refuse("target \"\(targetName)\" needs at least two classes of different names")
      }
    }
    self.columns = columns
    self.targetName = targetName
    self.target = target
  }

  private static func check(_ mean: Double, _ variance: Double, _ what: String) throws {
    guard Float(mean).isFinite, variance >= 0, Float(variance.squareRoot()).isFinite else {
      throw AthanorError(.data, at: "TableEncoding", "\(what) has mean \(mean) and variance \(variance)")
    }
  }

  /// The columns of numbers, in order.
  public var numbers: [(name: String, mean: Double, variance: Double)] {
    columns.compactMap { column in
      if case .number(let mean, let variance) = column.kind { (column.name, mean, variance) } else { nil }
    }
  }

  /// The columns of texts in order, each with the name of its input.
  public var categories: [(name: String, input: String, categories: [String])] {
    columns.compactMap { column -> (String, [String])? in
      if case .category(let categories) = column.kind { (column.name, categories) } else { nil }
    }.enumerated().map { ($1.0, "category_\($0 + 1)", $1.1) }
  }

  /// The names of the classes; nil where a number is predicted.
  public var classNames: [String]? { if case .classes(let names) = target { names } else { nil } }

  /// The weight of a mean squared error that makes it the part of the target's variance which is not explained, so that a training does
  /// not depend on the target's unit: 1 / variance. 1 for classes.
  ///
  /// - Example:
  ///   ```swift
  ///   try model.compile(
  ///     optimizer: .adam(), losses: ["units": .meanSquaredError], lossWeights: ["units": encoding.lossWeight])
  ///   ```
  public var lossWeight: Double {
    if case .number(_, let variance) = target, variance > 0, Float(1 / variance).isFinite { 1 / variance } else { 1 }
  }

  /// The inputs that a model for the table has.
  package var ports: [Port] {
    (numbers.isEmpty ? [] : [Port(name: TableEncoding.numberInput, lengths: [.batch, .fixed(numbers.count)])])
      + categories.map { Port(name: $0.input, dtype: .int32, lengths: [.batch, .fixed(1)]) }
  }
}

// MARK: The model

extension TableEncoding {
  /// Categories up to this number are rows with a single 1; columns of more get an `Embedding`.
  package static let mostOneHot = 16

  /// A fully connected network for the table.
  ///
  /// Numbers are normalised by the training rows' means and variances; categories become rows with a single 1 (`CategoryEncoding`), or,
  /// where a column has more than 16, vectors that are learnt (`Embedding`, of about the number's fourth root times 3, at most 32 numbers).
  /// Behind the hidden layers (ReLU, He's initialiser, dropout) there is a softmax over the classes, or one number that is brought into
  /// the target's units.
  ///
  /// - Parameters:
  ///   - hidden: The numbers of units of the hidden layers.
  ///   - dropout: The share of hidden units that each step leaves out.
  ///   - weightDecay: The factor of the squares of the kernels that are added to the loss.
  ///   - seed: The number from which all random numbers follow.
  ///   - threads: How many threads compute; nil for one per core.
  /// - Returns: A model that keeps the encoding, not compiled.
  /// - Throws: `AthanorError` when a parameter is out of range.
  public func model(
    hidden: [Int] = [64, 64], dropout: Double = 0.1, weightDecay: Double = 1e-4, seed: UInt64, threads: Int? = nil
  ) throws -> Model {
    var inputs: [Input] = []
    var features: [Symbol] = []
    let numbers = numbers
    if !numbers.isEmpty {
      let input = Input([numbers.count], name: TableEncoding.numberInput)
      inputs.append(input)
      // A column that is constant in the training rows has no influence, whatever comes later.
      let variances = numbers.map { $0.variance > 0 ? $0.variance : 1e30 }
      features.append(Normalization(mean: numbers.map(\.mean), variance: variances, name: "normalization")(input))
    }
    for column in categories {
      let input = Input([1], dtype: .int32, name: column.input)
      inputs.append(input)
      let count = max(2, column.categories.count + 1)
      if count <= TableEncoding.mostOneHot {
        features.append(CategoryEncoding(count, outputMode: .oneHot, name: "\(column.input)_one_hot")(input))
      } else {
        let width = min(32, Int((3 * Double(count).squareRoot().squareRoot()).rounded()))
        let vectors = Embedding(count, width, name: "\(column.input)_embedding")(input)  // [N, 1, width]
        features.append(Flatten(name: "\(column.input)_vector")(vectors))
      }
    }
    var x = features.count == 1 ? features[0] : Concatenate(name: "features")(features)
    let decay: Regularizer? = weightDecay == 0 ? nil : .l2(weightDecay)
    for (index, units) in hidden.enumerated() {
      x = Dense(
        units, activation: .relu, kernelInitializer: .heNormal, kernelRegularizer: decay, name: "hidden_\(index + 1)")(
          x)
      if dropout > 0 { x = Dropout(dropout, name: "dropout_\(index + 1)")(x) }
    }
    switch target {
    case .classes(let names):
      x = Dense(names.count, activation: .softmax, kernelRegularizer: decay, name: "classes")(x)
    case .number(let mean, let variance):
      x = Dense(1, kernelRegularizer: decay, name: "number")(x)
      x = Rescaling(variance > 0 ? variance.squareRoot() : 1, offset: [mean], name: "units")(x)
    }
    let model = try Model(inputs: inputs, outputs: [x], name: "table", seed: seed, threads: threads)
    model.tableEncoding = self
    if let names = classNames { model.classNames = try ClassNames.required(names, "TableEncoding") }
    return model
  }
}

// MARK: Files

extension TableEncoding: JSONConvertible {
  /// The encoding as files keep it.
  public var jsonValue: JSONValue {
    let columns = columns.map { column -> JSONValue in
      switch column.kind {
      case .number(let mean, let variance):
        (["name": column.name, "mean": mean, "variance": variance] as Configuration).jsonValue
      case .category(let categories):
        (["name": column.name, "categories": categories.jsonValue] as Configuration).jsonValue
      }
    }
    var result: Configuration = ["columns": columns.jsonValue, "target": targetName]
    switch target {
    case .classes(let names): result["classes"] = names.jsonValue
    case .number(let mean, let variance):
      result["mean"] = .number(mean)
      result["variance"] = .number(variance)
    }
    return result.jsonValue
  }

  /// Reads what a file keeps.
  ///
  /// - Throws: `AthanorError` that names the place, when something is missing or impossible.
  package init(_ configuration: Configuration) throws {
    func numbers(_ part: Configuration) throws -> (Double, Double) {
      (try part.number("mean"), try part.number("variance"))
    }
    let columns = try configuration.objects("columns").map { part -> Column in
      let name = try part.text("name")
      if part.isMissing("categories") {
        let (mean, variance) = try numbers(part)
        return Column(name: name, kind: .number(mean: mean, variance: variance))
      }
      return Column(name: name, kind: .category(try part.texts("categories")))
    }
    let target: Target
    if configuration.isMissing("classes") {
      let (mean, variance) = try numbers(configuration)
      target = .number(mean: mean, variance: variance)
    } else {
      target = .classes(try configuration.texts("classes"))
    }
    do {
      try self.init(columns: columns, targetName: try configuration.text("target"), target: target)
    } catch let error as AthanorError {
      throw error.location == "TableEncoding" ? error.moved(to: configuration.location) : error
    }
  }

  /// Checks that a model takes what this encoding makes of a table.
  ///
  /// - Throws: `AthanorError` when inputs or output are others.
  package func check(_ model: Model, at location: String) throws(AthanorError) {
    func text(_ ports: [Port]) -> String {
      ports.map { "\($0.name) \($0.dtype.rawValue)\(Shape.text($0.exampleLengths.map(\.fixed)))" }.joined(
        separator: ", ")
    }
    let width = classNames?.count ?? 1
    let fits =
      model.inputs.count == ports.count
      && zip(model.inputs.sorted { $0.name < $1.name }, ports.sorted { $0.name < $1.name }).allSatisfy { given, own in
        // Exports call a single input as they like.
        (given.name == own.name || ports.count == 1) && given.dtype == own.dtype
          && given.exampleLengths == own.exampleLengths
      }
    guard fits, model.outputs.count == 1, model.outputShape.rank == 2, model.outputShape[1] == width else {
      throw AthanorError(
        .data, at: location,
        "its encoding of tables makes \(text(ports)) and takes \(width) \(width == 1 ? "number" : "numbers"), but the model takes "
          + "\(text(model.inputs)) and gives \(text(model.outputs))", fix: "The file is damaged.")
    }
  }
}
