import Metrics
import Testing

@testable import AthanorServer

@Suite struct PrometheusTests {
  @Test func metricsAreWrittenAsPrometheusReadsThem() {
    let metrics = PrometheusMetrics(help: ["requests": "Requests that were answered."])
    Counter(label: "requests", dimensions: [("route", "/v1/predict"), ("status", "200")], factory: metrics)
      .increment(by: 3)
    Counter(label: "requests", dimensions: [("route", "a\"b\\c\nd"), ("status", "404")], factory: metrics).increment()
    Meter(label: "in-flight", factory: metrics).increment(by: 2)
    Meter(label: "in-flight", factory: metrics).decrement()
    #expect(
      metrics.text == """
        # TYPE in_flight gauge
        in_flight 1
        # HELP requests_total Requests that were answered.
        # TYPE requests_total counter
        requests_total{route="/v1/predict",status="200"} 3
        requests_total{route="a\\"b\\\\c\\nd",status="404"} 1

        """)
  }

  @Test func valuesAreCountedUpToEachBound() {
    let metrics = PrometheusMetrics()
    let recorder = Recorder(label: "batch", dimensions: [("kind", "x")], factory: metrics)
    for value in [1, 2, 3, 2000] { recorder.record(value) }
    let lines = metrics.text.split(separator: "\n")
    #expect(
      lines.prefix(4) == [
        "# TYPE batch histogram", "batch_bucket{kind=\"x\",le=\"1\"} 1", "batch_bucket{kind=\"x\",le=\"2\"} 2",
        "batch_bucket{kind=\"x\",le=\"4\"} 3",
      ])
    #expect(
      lines.suffix(4) == [
        "batch_bucket{kind=\"x\",le=\"1024\"} 3", "batch_bucket{kind=\"x\",le=\"+Inf\"} 4",
        "batch_sum{kind=\"x\"} 2006", "batch_count{kind=\"x\"} 4",
      ])
  }

  @Test func timesAreInSeconds() {
    let metrics = PrometheusMetrics()
    Timer(label: "time", factory: metrics).recordMilliseconds(250)
    #expect(metrics.text.contains("time_bucket{le=\"0.1\"} 0\ntime_bucket{le=\"0.25\"} 1\n"))
    #expect(metrics.text.hasSuffix("time_sum 0.25\ntime_count 1\n"))
  }

  @Test func aMetricThatIsDestroyedIsGone() {
    let metrics = PrometheusMetrics()
    let counter = Counter(label: "gone", factory: metrics)
    counter.increment()
    counter.destroy()
    #expect(metrics.text == "\n")
  }
}
