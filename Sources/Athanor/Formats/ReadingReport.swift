import Foundation

/// What was asked of a file's configurations, and what is not taken over from them.
///
/// A reader gives one report to the configurations that it makes; those within them share it. So it can be told at the end which keys
/// nobody asked for.
package final class ReadingReport: @unchecked Sendable {  // both are guarded by `lock`
  private let lock = NSLock()
  private var keys: Set<String> = []
  private var found: [AthanorError] = []
  private var precisions: Set<String> = []

  package init() {}

  /// What is not taken over though the model can be read, in the order in which it was found; each once.
  package var warnings: [AthanorError] { lock.withLock { found } }

  /// - Parameter key: The location of a value.
  func record(_ key: String) { lock.withLock { _ = keys.insert(key) } }

  func hasRecorded(_ key: String) -> Bool { lock.withLock { keys.contains(key) } }

  func warn(_ warning: AthanorError) {
    lock.withLock {
      if !found.contains(warning) { found.append(warning) }
    }
  }

  /// Whether it is the first time that a file asks for this precision.
  func isNew(precision: String) -> Bool { lock.withLock { precisions.insert(precision).inserted } }
}

extension Configuration {
  /// The configuration with a report: its own, or a new one.
  package var reported: Configuration { report == nil ? Configuration(self, report: ReadingReport()) : self }

  /// Warns of a value that is not taken over.
  package func warn(_ key: String, _ problem: String) {
    report?.warn(AthanorError(.unsupported, at: location(of: key), problem))
  }

  /// Warns of a precision in which the model does not compute here, once for all its layers.
  package func warn(_ key: String, ofPrecision name: String) {
    guard report?.isNew(precision: name) == true else { return }
    warn(key, "it is \"\(name)\", here and perhaps in further layers, but computations are done in float32")
  }

  /// Asks for values that change nothing.
  package func ignore(_ keys: String...) {
    for key in keys { report?.record(location(of: key)) }
  }

  /// Asks for a value that concerns training alone, and warns when it is another than the one that is supported.
  package func warn(_ key: String, unless supported: [JSONValue]) {
    guard !isMissing(key), !supported.contains(where: { $0.isEqual(to: values[key]) }) else { return }
    warn(key, "\(found(key)) is not supported and was not taken over; predictions do not change")
  }

  /// The keys that nobody asked for, sorted; `null` says nothing and is left out.
  var unreadKeys: [String] {
    guard let report else { return [] }
    return values.filter { $1 != .null && !report.hasRecorded(location(of: $0)) }.map(\.key).sorted()
  }

  /// Checks that each key was asked for.
  ///
  /// - Throws: `AthanorError` that names the first key that was not.
  package func requireAllRead() throws {
    guard let key = unreadKeys.first else { return }
    throw AthanorError(
      .unsupported, at: location(of: key), "\"\(key)\" is not known, and its value is \(found(key))",
      fix: "Save the model without it, or read it with a newer Athanor.")
  }

  /// Warns of each key that was not asked for, where it concerns training alone.
  package func warnAboutUnread() {
    for key in unreadKeys {
      warn(key, "\"\(key)\" is not known and was not taken over: \(found(key)); predictions do not change")
    }
  }
}

extension JSONValue {
  /// Equal, or the same number.
  fileprivate func isEqual(to other: JSONValue?) -> Bool {
    self == other || number.map { $0 == other?.number } ?? false
  }
}
