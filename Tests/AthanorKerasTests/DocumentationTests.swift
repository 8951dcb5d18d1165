import Athanor
import AthanorKeras
import Foundation
import Testing

@Suite("The page on Keras' files")
struct KerasDocumentationTests {
  /// Kinds and names as the page has them.
  private static let rows: [(kind: String, names: [String])] = {
    func sorted(_ names: [String]) -> [String] { Set(names).sorted() }
    let metrics = Metric.all.compactMap(\.formula).map {
      // A metric without a class of its own is called by its function.
      $0.className == "MeanMetricWrapper" ? $0.defaultName : $0.className
    }
    return [
      // The one layer that only imports make, and Keras does not have.
      ("Layers", sorted(serializableLayers.map { $0.className }.filter { $0 != ImportedOperation.className })),
      ("Activations", sorted(ActivationFunction.all.map(\.name))),
      ("Losses", sorted(Loss.all.compactMap(\.formula?.className))),
      ("Metrics", sorted(metrics)),
      ("Optimizers", serializableRules.map { $0.className }),
      ("Schedules", schedules),
      ("Initializers", initializers.map(\.name)),
      ("Regularizers", ["L1", "L2", "L1L2"]),
      ("Constraints", ["NonNeg", "MaxNorm", "UnitNorm", "MinMaxNorm"]),
    ]
  }()

  private static let schedules = [
    "ExponentialDecay", "CosineDecay", "CosineDecayRestarts", "PolynomialDecay", "InverseTimeDecay",
    "PiecewiseConstantDecay",
  ]

  private static let initializers: [Initializer] = [
    .zeros, .ones, .constant(0), .uniform(), .normal(), .truncatedNormal(), .glorotUniform, .glorotNormal, .heUniform,
    .heNormal, .lecunUniform, .lecunNormal, .varianceScaling(),
  ]

  @Test("It lists the names that files may have, word for word")
  func names() throws {
    let root = goldenFolder.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("Documentation/keras.md"), encoding: .utf8)
    let lines = text.split(separator: "\n").map(String.init)
    let start = try #require(lines.firstIndex(of: "| Kind | Names |"))
    let rows = KerasDocumentationTests.rows.map { "| \($0.kind) | \($0.names.joined(separator: ", ")) |" }
    #expect(Array(lines[(start + 2)...].prefix { $0.hasPrefix("|") }) == rows, "\(rows.joined(separator: "\n"))")
    #expect(text.contains("as Keras \(KerasFile.kerasVersion.split(separator: ".").prefix(2).joined(separator: "."))"))
  }

  @Test("What has no registry is read by its name, and another name is warned of")
  func read() throws {
    func warnings(_ settings: String) throws -> [String] {
      let json = #"{"class_name":"Dense","config":{"name":"d","units":2,\#(settings)}}"#
      let report = ReadingReport()
      _ = try Configuration(parsing: json, at: "a", report: report).layer(0, customLayers: [])
      return report.warnings.map(\.description)
    }
    for initializer in KerasDocumentationTests.initializers {
      #expect(try warnings(#""kernel_initializer":{"class_name":"\#(initializer.name)","config":{}}"#) == [])
    }
    for row in KerasDocumentationTests.rows {
      let key = ["Regularizers": "kernel_regularizer", "Constraints": "kernel_constraint"][row.kind]
      for name in key == nil ? [] : row.names {
        #expect(try warnings(#""\#(key ?? "")":{"class_name":"\#(name)","config":{}}"#) == [], "\(name)")
      }
    }
    for key in ["kernel_initializer", "kernel_regularizer", "kernel_constraint"] {
      #expect(try warnings(#""\#(key)":{"class_name":"Mine","config":{}}"#).count == 1, "\(key)")
    }
    let settings =
      #""initial_learning_rate":1,"decay_steps":2,"decay_rate":0.5,"first_decay_steps":3,"boundaries":[1],"values":[1,2]"#
    for name in KerasDocumentationTests.schedules {
      let json = try JSONValue(parsing: #"{"class_name":"\#(name)","config":{\#(settings)}}"#, at: "a")
      let rate = try LearningRate(serialized: json, at: "a")
      #expect(try Configuration(rate.kerasSerialized, at: "a").text("class_name") == name)
    }
  }
}
