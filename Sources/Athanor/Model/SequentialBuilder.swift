/// Collects the layers of `Sequential { ... }`; `if`, `if`/`else`, `switch`, `for` and arrays may be used inside.
@resultBuilder
public enum SequentialBuilder {
  /// One layer.
  public static func buildExpression(_ layer: any GeneralLayer) -> [any GeneralLayer] { [layer] }
  /// A model as a layer, which shares its weights.
  public static func buildExpression(_ model: Model) -> [any GeneralLayer] { [model.cell.layer] }
  /// Several layers.
  public static func buildExpression(_ layers: [any GeneralLayer]) -> [any GeneralLayer] { layers }
  /// One after another.
  public static func buildBlock(_ parts: [any GeneralLayer]...) -> [any GeneralLayer] { parts.flatMap { $0 } }
  /// `if` without `else`.
  public static func buildOptional(_ part: [any GeneralLayer]?) -> [any GeneralLayer] { part ?? [] }
  /// The first branch.
  public static func buildEither(first: [any GeneralLayer]) -> [any GeneralLayer] { first }
  /// The second branch.
  public static func buildEither(second: [any GeneralLayer]) -> [any GeneralLayer] { second }
  /// A `for` loop.
  public static func buildArray(_ parts: [[any GeneralLayer]]) -> [any GeneralLayer] { parts.flatMap { $0 } }
  /// `if #available`.
  public static func buildLimitedAvailability(_ part: [any GeneralLayer]) -> [any GeneralLayer] { part }
}
