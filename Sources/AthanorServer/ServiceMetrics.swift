import HTTPTypes
import Metrics

/// What the service counts, through swift-metrics.
struct ServiceMetrics: Sendable {
  private let factory: any MetricsFactory
  private let inFlight: Meter
  private let examples: Counter
  private let batchExamples: Recorder
  private let batchTime: Timer

  /// What the metrics mean, by label.
  static let help = [
    "athanor_requests_in_flight": "Requests that are being read or answered.",
    "athanor_requests": "Requests that were answered, by route and status.",
    "athanor_request_seconds": "From the head of a request to its answer, by route.",
    "athanor_examples": "Examples that were computed.",
    "athanor_batch_examples": "Examples that were computed together.",
    "athanor_batch_seconds": "The time that a batch was computed.",
    "athanor_model_loads": "How often the model file was read, and how often that failed.",
  ]

  init(_ factory: any MetricsFactory) {
    self.factory = factory
    inFlight = Meter(label: "athanor_requests_in_flight", factory: factory)
    examples = Counter(label: "athanor_examples", factory: factory)
    batchExamples = Recorder(label: "athanor_batch_examples", factory: factory)
    batchTime = Timer(label: "athanor_batch_seconds", factory: factory)
  }

  func began() { inFlight.increment() }

  func answered(_ status: HTTPResponse.Status, route: String, in time: Duration) {
    inFlight.decrement()
    Counter(
      label: "athanor_requests", dimensions: [("route", route), ("status", String(status.code))], factory: factory
    ).increment()
    Timer(label: "athanor_request_seconds", dimensions: [("route", route)], factory: factory)
      .recordNanoseconds(time.nanoseconds)
  }

  func computed(_ count: Int, in time: Duration) {
    examples.increment(by: count)
    batchExamples.record(count)
    batchTime.recordNanoseconds(time.nanoseconds)
  }

  func loadedModel(_ isLoaded: Bool) {
    Counter(label: "athanor_model_loads", dimensions: [("result", isLoaded ? "read" : "refused")], factory: factory)
      .increment()
  }
}

extension Duration {
  fileprivate var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }
}
