import Athanor
import Foundation
import Testing

/// What scikit-learn says of the same predictions (Tools/make_curve_goldens.py).
struct CurveGolden: Decodable {
  struct Class: Decodable {
    let roc: [[Double]]
    let auc: Double?
    let precisionRecall: [[Double]]
    let averagePrecision: Double?
    enum CodingKeys: String, CodingKey {
      case roc, auc
      case precisionRecall = "precision_recall"
      case averagePrecision = "average_precision"
    }
  }

  let targets: [Int]
  let probabilities: GoldenArray
  let classes: [Class]
  let accuracy: Double
  let precision: [Double]
  let recall: [Double]
  let f1: [Double]
  let support: [Int]
  let `true`: [Double]
  let predicted: [Double]
  let mae: Double
  let rmse: Double
  let r2: Double
}

@Suite struct ClassCurvesTests {
  private let golden: CurveGolden
  private let names = ["cat", "dog & <wolf>", "owl", "none"]

  init() throws { golden = try goldens("curves") }

  private func near(_ actual: Double?, _ expected: Double?) -> Bool {
    guard let actual, let expected else { return actual == nil && expected == nil }
    return (actual - expected).magnitude <= 1e-12
  }

  @Test("Every point and area is scikit-learn's")
  func exact() throws {
    let probabilities = try golden.probabilities.tensor
    let curves = try ThresholdCurve.perClass(probabilities, targets: golden.targets, at: "")
    for ((number, curve), expected) in zip(curves, golden.classes) {
      for (points, wanted) in [
        (curve.characteristic, expected.roc), (curve.precisionRecall, expected.precisionRecall),
      ] {
        // The curve of precision ends for scikit-learn where all positives are found.
        #expect(points.count >= wanted.count)
        for (point, pair) in zip(points, wanted) {
          #expect(near(point.x, pair[0]) && near(point.y, pair[1]), "class \(number)")
        }
      }
      #expect(curve.characteristic.count == expected.roc.count)
    }
    let areas = try ROCFigure(probabilities: probabilities, targets: golden.targets).areas
    let precisions = try PrecisionRecallFigure(probabilities: probabilities, targets: golden.targets).averagePrecisions
    for (number, expected) in golden.classes.enumerated() {
      #expect(near(areas[number], expected.auc) && near(precisions[number], expected.averagePrecision))
    }
  }

  @Test func snapshots() throws {
    let probabilities = try golden.probabilities.tensor
    try expectSnapshot(
      ROCFigure(probabilities: probabilities, targets: golden.targets, classNames: names).svg(), "roc")
    try expectSnapshot(
      PrecisionRecallFigure(probabilities: probabilities, targets: golden.targets, classNames: names).svg(),
      "precision-recall")
  }

  @Test("One probability is that of the second of two classes")
  func oneProbability() throws {
    let single = try Tensor(shape: [4, 1], [0.1, 0.4, 0.35, 0.8])
    let figure = try ROCFigure(probabilities: single, targets: [0, 0, 1, 1], classNames: ["no", "yes"])
    #expect(figure.areas == [0.75])
    let drawn = try parsed(figure.svg())
    #expect(drawn.texts.contains("AUC 0.7500") && drawn.texts.contains("yes") && !drawn.texts.contains("no"))
    let both = try Tensor(shape: [4, 2], [0.9, 0.1, 0.6, 0.4, 0.65, 0.35, 0.2, 0.8])
    #expect(try ROCFigure(probabilities: both, targets: [0, 0, 1, 1]).areas == [0.75, 0.75])
    let steps = try PrecisionRecallFigure(probabilities: Tensor(shape: [4], single.floats), targets: [0, 0, 1, 1])
    #expect(steps.averagePrecisions.map { near($0, 0.5 + 0.5 * 2 / 3) } == [true])
  }

  @Test("A class without examples has a dash; of many classes the least are drawn")
  func manyClasses() throws {
    let drawn = try parsed(ROCFigure(probabilities: golden.probabilities.tensor, targets: golden.targets).svg())
    #expect(drawn.texts.suffix(2) == ["3", "–"])
    let count = 40
    let identity = try Tensor(
      shape: [count, count], (0..<count * count).map { $0 % (count + 1) == 0 ? 0.9 : $0 % 7 == 0 ? 0.95 : 0 })
    let many = try parsed(ROCFigure(probabilities: identity, targets: Array(0..<count)).svg())
    #expect(many.texts[1].hasSuffix("; the 12 least of 40 classes"))
    #expect(many.elements.filter { $0.name == "path" && $0.attributes["stroke-width"] == "2" }.count == 24)
    let empty = try parsed(ROCFigure(probabilities: Tensor(zeros: [0, 3]), targets: []).svg())
    #expect(empty.texts.filter { $0 == "–" }.count == 3 && empty.texts[1] == "mean AUC –")
  }

  @Test("A curve of many examples stays small")
  func size() throws {
    var random = FigureTestNumbers()
    let targets = (0..<20_000).map { _ in Int.random(in: 0...1, using: &random) }
    let values = targets.map { Float($0) * 0.3 + Float.random(in: 0...0.7, using: &random) }
    let tensor = try Tensor(shape: [20_000], values)
    #expect(try ROCFigure(probabilities: tensor, targets: targets).svg().utf8.count < 30_000)
    #expect(try PrecisionRecallFigure(probabilities: tensor, targets: targets).svg().utf8.count < 40_000)
  }

  @Test func errors() throws {
    func text(_ shape: [Int], _ values: [Float], _ targets: [Int], names: [String]? = nil) throws -> String {
      let tensor = try Tensor(shape: shape, values)
      return errorText { try ROCFigure(probabilities: tensor, targets: targets, classNames: names) }
    }
    #expect(
      try text([1, 2], [0, 1], [1, 0])
        == "ROCFigure: the probabilities have shape (1, 2) but there are 2 targets. "
        + "Give probabilities [N, C] and the class number of each of the N examples.")
    #expect(
      try text([2, 2], [0, 1, 0, 1], [1, 2])
        == "ROCFigure: example 1 is of class 2, but there are 2 classes. Classes are numbered from 0.")
    #expect(
      try text([2, 2], [0, 1, .nan, 1], [1, 0])
        == "ROCFigure: the probability of example 1 is not a number. Check the model's weights and inputs.")
    #expect(
      try text([1, 2], [0, 1], [1], names: ["a"])
        == "ROCFigure: there are 1 class names but 2 classes. Give one name for each class, or none at all.")
  }
}
