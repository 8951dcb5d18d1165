/// Where the time of a model's runs went, operation by operation.
///
/// Times are of the wall clock. Floating-point operations are those of the direct computation, a multiplication and an addition being two;
/// bytes are those of all arrays that an operation reads and writes, whether or not they come from a cache.
///
/// - Example:
///   ```swift
///   let profile = Profile()
///   model.profile = profile
///   try model.fit(train, epochs: 1)
///   print(profile.table())
///   ```
public final class Profile {
  /// One operation of one layer.
  public struct Entry: Hashable, Sendable {
    /// The layer, the loss or the optimizer.
    public let origin: String
    /// The operation as the graph names it.
    public let operation: String
    /// How often it ran.
    public internal(set) var runs = 0
    /// How long in all, in seconds.
    public internal(set) var seconds = 0.0
    /// Floating-point operations in all.
    public internal(set) var floatingPointOperations = 0.0
    /// Bytes in all.
    public internal(set) var bytes = 0.0
  }

  private struct Key: Hashable {
    let origin: String
    let operation: String
  }

  private struct Event {
    let key: Key
    let start: Double
    let seconds: Double
  }

  /// More would make a trace that no viewer opens quickly.
  private static let mostEvents = 20_000

  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private var places: [Key: Int] = [:]
  private var events: [Event] = []

  /// All operations, in the order in which they first ran.
  public private(set) var entries: [Entry] = []

  /// An empty profile.
  public init() { start = clock.now }

  /// The seconds of all operations together.
  public var seconds: Double { entries.reduce(0) { $0 + $1.seconds } }

  package func measure<Outcome>(
    _ origin: String, _ operation: String, flops: Double = 0, bytes: Double = 0, _ body: () throws -> Outcome
  ) rethrows -> Outcome {
    let key = Key(origin: origin, operation: operation)
    let place = places[key] ?? entries.count
    if place == entries.count {
      places[key] = place
      entries.append(Entry(origin: origin, operation: operation))
    }
    let begin = clock.now
    defer {
      let seconds = (clock.now - begin) / .seconds(1)
      entries[place].runs += 1
      entries[place].seconds += seconds
      entries[place].floatingPointOperations += flops
      entries[place].bytes += bytes
      if events.count < Profile.mostEvents {
        events.append(Event(key: key, start: (begin - start) / .seconds(1), seconds: seconds))
      }
    }
    return try body()
  }

  /// A table, the slowest operation first: share of the time, milliseconds a run, GFLOP/s and GB/s.
  public func table() -> String {
    let total = max(seconds, .leastNonzeroMagnitude)
    var rows = [["Layer", "Operation", "Runs", "Time", "ms/run", "GFLOP/s", "GB/s"]]
    for entry in entries.sorted(by: { $0.seconds > $1.seconds }) {
      let time = max(entry.seconds, .leastNonzeroMagnitude)
      rows.append([
        entry.origin, entry.operation, String(entry.runs), decimal(100 * entry.seconds / total, 1) + " %",
        decimal(1000 * entry.seconds / Double(max(entry.runs, 1)), 3),
        entry.floatingPointOperations == 0 ? "" : decimal(entry.floatingPointOperations / time * 1e-9, 1),
        entry.bytes == 0 ? "" : decimal(entry.bytes / time * 1e-9, 1),
      ])
    }
    let flops = entries.reduce(0) { $0 + $1.floatingPointOperations }
    rows.append(["All", "", "", decimal(seconds, 2) + " s", "", decimal(flops / total * 1e-9, 1), ""])
    return TextTable(rows, rightAligned: Set(2..<rows[0].count)).lines.joined(separator: "\n")
  }

  /// The first 20,000 runs of operations in the JSON form of Chrome's trace viewer (`chrome://tracing`, Perfetto); times in microseconds.
  public func chromeTrace() -> String {
    let lines = events.map { event in
      "{\"name\":\(quoted(event.key.operation)),\"cat\":\(quoted(event.key.origin)),\"ph\":\"X\",\"pid\":1,\"tid\":1,"
        + "\"ts\":\(decimal(event.start * 1e6, 3)),\"dur\":\(decimal(event.seconds * 1e6, 3)),"
        + "\"args\":{\"layer\":\(quoted(event.key.origin))}}"
    }
    return "{\"traceEvents\":[\n" + lines.joined(separator: ",\n") + "\n]}\n"
  }

  private func decimal(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite, value < 1e15 else { return "-" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let whole = Int64((value * scale).rounded())
    let text = String(whole.magnitude)
    let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
    let sign = whole < 0 ? "-" : ""
    return digits == 0 ? sign + padded : "\(sign)\(padded.dropLast(digits)).\(padded.suffix(digits))"
  }

  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\" + String(scalar)
      case _ where scalar.value < 32: result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
