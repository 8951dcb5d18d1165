/// Every error that Athanor throws: where it happened, what came, what was expected, and how to mend it.
///
/// The text reads as one paragraph, ready to be shown to a person:
///
///     conv2d_1 (layer 3, Conv2D): input has shape (28, 28) but 3 axes (height, width, channels) are needed.
///     Add Reshape([28, 28, 1]) before it.
///
/// - Example:
///   ```swift
///   do { try model.save(to: "/read-only/digits.h5") } catch let error as AthanorError { print(error.kind, error) }
///   ```
public struct AthanorError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What sort of thing went wrong, for programs that react differently.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// An argument of an initialiser or a function is outside of what it accepts.
    case argument
    /// The shapes, types or order of layers and data do not fit together.
    case shape
    /// The contents of a file or of data are damaged or of another kind than expected.
    case data
    /// A file or folder cannot be found, read or written.
    case file
    /// A download failed or the network cannot be reached.
    case network
    /// A number became NaN or infinite.
    case numeric
    /// Something valid that this version, or a target format, cannot do.
    case unsupported
  }

  /// What sort of error it is.
  public let kind: Kind
  /// Where it happened: a layer, a file, a function's argument.
  public let location: String
  /// What came, and what was expected instead.
  public let problem: String
  /// How to mend it; empty when there is nothing to say.
  public let remedy: String
  /// How whoever runs the command mends it; empty when there is nothing to say.
  package let commandRemedy: String

  /// Makes an error.
  ///
  /// - Parameters:
  ///   - kind: What sort of error it is.
  ///   - location: Where it happened, without a final colon.
  ///   - problem: What came and what was expected, without a final full stop.
  ///   - remedy: How to mend it, a whole sentence.
  public init(_ kind: Kind, at location: String, _ problem: String, fix remedy: String = "") {
    self.kind = kind
    self.location = location
    self.problem = problem
    self.remedy = remedy
    commandRemedy = remedy
  }

  /// Makes an error that is mended in code.
  ///
  /// - Parameters:
  ///   - remedy: How a program mends it, by names of the library.
  ///   - command: How whoever runs the command mends it, by its options; empty when there is nothing to say.
  package init(_ kind: Kind, at location: String, _ problem: String, code remedy: String, command: String = "") {
    self.kind = kind
    self.location = location
    self.problem = problem
    self.remedy = remedy
    commandRemedy = command
  }

  /// `location: problem. remedy`
  public var description: String { text(remedy) }

  /// The description for whoever runs the command.
  package var commandDescription: String { text(commandRemedy) }

  private func text(_ remedy: String) -> String {
    let body = location.isEmpty ? problem : "\(location): \(problem)"
    return remedy.isEmpty ? body + "." : "\(body). \(remedy)"
  }

  /// The same error seen from further out: `prefix` goes before the location.
  package func within(_ prefix: String) -> AthanorError {
    moved(to: location.isEmpty ? prefix : "\(prefix): \(location)")
  }

  /// The same error in another place, perhaps with more to say of the problem.
  package func moved(to location: String, _ consequence: String = "") -> AthanorError {
    AthanorError(kind, at: location, problem + consequence, code: remedy, command: commandRemedy)
  }
}

#if canImport(Foundation)
  import Foundation

  extension AthanorError: LocalizedError {
    /// The whole text, which `localizedDescription` gives as well.
    public var errorDescription: String? { description }
    /// What came, and what was expected instead.
    public var failureReason: String? { problem }
    /// How to mend it; nil when there is nothing to say.
    public var recoverySuggestion: String? { remedy.isEmpty ? nil : remedy }
  }
#endif

extension AthanorError {
  /// The name nearest to a misspelt one, as `Did you mean "relu"? `, or an empty text when none is near.
  ///
  /// Nearness is the Levenshtein distance without regard to case, at most a third of the name's length (and at least 2).
  package static func suggestion(for name: String, among candidates: [String]) -> String {
    let limit = max(2, name.count / 3)
    let nearest = candidates.map { ($0, editDistance(name.lowercased(), $0.lowercased())) }
      .min { $0.1 < $1.1 }
    // A name of which no letter is left is another one.
    guard let (candidate, distance) = nearest, distance <= limit, distance < max(name.count, candidate.count) else {
      return ""
    }
    return "Did you mean \"\(candidate)\"? "
  }

  private static func editDistance(_ left: String, _ right: String) -> Int {
    let left = Array(left)
    let right = Array(right)
    var row = Array(0...right.count)
    for (i, character) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, other) in right.enumerated() {
        let above = row[j + 1]
        row[j + 1] = min(above + 1, row[j] + 1, diagonal + (character == other ? 0 : 1))
        diagonal = above
      }
    }
    return row[right.count]
  }
}
