import Foundation
import Metrics

/// Metrics in memory, written as Prometheus reads them (text format 0.0.4).
///
/// Counters and meters become counters (with `_total`) and gauges; recorders and timers histograms, timers in seconds. A label is a metric's
/// name, dimensions its labels; both are written with what Prometheus does not accept replaced by `_`.
final class PrometheusMetrics: MetricsFactory, @unchecked Sendable {  // `lock` guards what changes
  private enum Kind: String {
    case counter, gauge, histogram
  }

  /// Metrics of one name: the samples of each combination of dimensions.
  private struct Family {
    let kind: Kind
    var samples: [String: Sample] = [:]
  }

  private let lock = NSLock()
  private var families: [String: Family] = [:]
  private let help: [String: String]

  /// - Parameter help: What metrics mean, by label.
  init(help: [String: String] = [:]) {
    self.help = help
  }

  // MARK: Text

  /// All metrics, sorted by name and dimensions.
  var text: String {
    lock.lock()
    defer { lock.unlock() }
    var lines: [String] = []
    for (label, family) in families.sorted(by: { $0.key < $1.key }) {
      let name = PrometheusMetrics.name(label) + (family.kind == .counter ? "_total" : "")
      if let help = help[label] { lines.append("# HELP \(name) \(help)") }
      lines.append("# TYPE \(name) \(family.kind.rawValue)")
      for (dimensions, sample) in family.samples.sorted(by: { $0.key < $1.key }) {
        lines += sample.lines(name, dimensions)
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// A name of letters, digits, `_` and `:` that does not begin with a digit.
  private static func name(_ text: String) -> String {
    let name = text.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" || $0 == ":" ? $0 : "_" }
    return name.first?.isNumber == true ? "_" + String(name) : String(name)
  }

  /// `status="200",...`
  private static func text(_ dimensions: [(String, String)]) -> String {
    dimensions.map { key, value in
      let escaped = value.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
        .replacingOccurrences(of: "\n", with: "\\n")
      return "\(name(key).replacingOccurrences(of: ":", with: "_"))=\"\(escaped)\""
    }.joined(separator: ",")
  }

  // MARK: Making

  private func sample(_ label: String, _ dimensions: [(String, String)], _ kind: Kind, _ bounds: [Double] = [])
    -> Sample
  {
    lock.lock()
    defer { lock.unlock() }
    let key = PrometheusMetrics.text(dimensions)
    var family = families[label] ?? Family(kind: kind)
    // A label that is used for two kinds of metrics would make a text that cannot be read; the first kind stays.
    guard family.kind == kind else { return Sample(bounds: bounds) }
    if let sample = family.samples[key] { return sample }
    let sample = Sample(bounds: bounds, isHistogram: kind == .histogram)
    family.samples[key] = sample
    families[label] = family
    return sample
  }

  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    sample(label, dimensions, .counter)
  }

  func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    sample(label, dimensions, .gauge)
  }

  func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    aggregate
      ? sample(label, dimensions, .histogram, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
      : sample(label, dimensions, .gauge)
  }

  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    sample(
      label, dimensions, .histogram,
      [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
  }

  func destroyCounter(_ handler: any CounterHandler) { destroy(handler) }
  func destroyMeter(_ handler: any MeterHandler) { destroy(handler) }
  func destroyRecorder(_ handler: any RecorderHandler) { destroy(handler) }
  func destroyTimer(_ handler: any TimerHandler) { destroy(handler) }

  private func destroy(_ handler: AnyObject) {
    lock.lock()
    defer { lock.unlock() }
    families = families.compactMapValues { family in
      var rest = family
      rest.samples = family.samples.filter { $0.value !== handler }
      return rest.samples.isEmpty ? nil : rest
    }
  }
}

/// The numbers of one metric with one combination of dimensions.
private final class Sample: @unchecked Sendable {  // `lock` guards what changes
  private let lock = NSLock()
  private let bounds: [Double]
  private let isHistogram: Bool
  fileprivate var value = 0.0
  private var count = 0
  /// How many values are at most each bound and more than the one before.
  private var counts: [Int]

  init(bounds: [Double], isHistogram: Bool = false) {
    (self.bounds, self.isHistogram) = (bounds, isHistogram)
    counts = bounds.map { _ in 0 }
  }

  fileprivate func change(_ body: () -> Void) {
    lock.lock()
    defer { lock.unlock() }
    body()
  }

  func add(_ number: Double) { change { value += number } }

  func observe(_ number: Double) {
    change {
      value += number
      count += 1
      if let place = bounds.firstIndex(where: { number <= $0 }) { counts[place] += 1 }
    }
  }

  func lines(_ name: String, _ dimensions: String) -> [String] {
    lock.lock()
    defer { lock.unlock() }
    func line(_ suffix: String, _ further: String, _ value: String) -> String {
      let all = [dimensions, further].filter { !$0.isEmpty }.joined(separator: ",")
      return name + suffix + (all.isEmpty ? "" : "{\(all)}") + " " + value
    }
    guard isHistogram else { return [line("", "", Sample.text(value))] }
    var sum = 0
    let buckets = zip(bounds, counts).map { bound, count in
      sum += count
      return line("_bucket", "le=\"\(Sample.text(bound))\"", "\(sum)")
    }
    return buckets + [
      line("_bucket", "le=\"+Inf\"", "\(count)"), line("_sum", "", Sample.text(value)), line("_count", "", "\(count)"),
    ]
  }

  private static func text(_ number: Double) -> String { Int(exactly: number).map(String.init) ?? "\(number)" }
}

extension Sample: CounterHandler, MeterHandler, RecorderHandler, TimerHandler {
  func increment(by amount: Int64) { add(Double(amount)) }
  func reset() { set(0.0) }
  func set(_ number: Int64) { set(Double(number)) }
  func set(_ number: Double) { change { value = number } }
  func increment(by amount: Double) { add(amount) }
  func decrement(by amount: Double) { add(-amount) }
  // A recorder that does not aggregate is a gauge.
  func record(_ value: Int64) { record(Double(value)) }
  func record(_ value: Double) { if isHistogram { observe(value) } else { set(value) } }
  func recordNanoseconds(_ duration: Int64) { observe(Double(duration) / 1e9) }
}
