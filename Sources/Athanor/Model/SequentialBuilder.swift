/// Collects the layers of `Sequential { ... }`; `if`, `if`/`else`, `switch`, `for` and arrays may be used inside.
@resultBuilder
public enum SequentialBuilder {
  /// One layer.
  public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
  /// Several layers.
  public static func buildExpression(_ layers: [any Layer]) -> [any Layer] { layers }
  /// One after another.
  public static func buildBlock(_ parts: [any Layer]...) -> [any Layer] { parts.flatMap { $0 } }
  /// `if` without `else`.
  public static func buildOptional(_ part: [any Layer]?) -> [any Layer] { part ?? [] }
  /// The first branch.
  public static func buildEither(first: [any Layer]) -> [any Layer] { first }
  /// The second branch.
  public static func buildEither(second: [any Layer]) -> [any Layer] { second }
  /// A `for` loop.
  public static func buildArray(_ parts: [[any Layer]]) -> [any Layer] { parts.flatMap { $0 } }
  /// `if #available`.
  public static func buildLimitedAvailability(_ part: [any Layer]) -> [any Layer] { part }
}
