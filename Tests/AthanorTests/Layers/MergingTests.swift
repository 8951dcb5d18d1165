import Athanor
import Foundation
import Testing

@Suite("Merging layers")
struct MergingTests {
  struct Golden: Decodable {
    let inputs: [GoldenArray]
    let prediction: GoldenArray
    let cotangent: GoldenArray
    let gradients: [GoldenArray]
  }

  private static let all = Result { try goldens("merging", as: [String: Golden].self) }

  private func golden(_ merge: MergeCase) throws -> Golden {
    try #require(try MergingTests.all.get()[merge.golden], "no golden")
  }

  @Test("Every merging layer has a case, and every golden is used")
  func walk() throws {
    let folder = packageFolder.appendingPathComponent("Sources/Athanor/Layers")
    var kinds: Set<String> = []
    for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
      let source = try String(contentsOf: file, encoding: .utf8)
      for match in source.matches(of: /public struct (\w+): MergingLayer\b/) { kinds.insert(String(match.1)) }
    }
    #expect(kinds.count >= 8)
    #expect(Set(MergeCase.all.map(\.layer.kind)) == kinds)
    #expect(Set(MergeCase.all.map(\.golden)) == Set(try MergingTests.all.get().keys))
  }

  @Test("Prediction is that of Keras", arguments: MergeCase.all)
  func prediction(_ merge: MergeCase) throws {
    let golden = try golden(merge)
    #expect(golden.inputs.map { Array($0.shape.dropFirst()) } == merge.inputs)
    let inputs = merge.inputs.map { Input($0.map { $0 }) }
    let model = try Model(inputs: inputs, outputs: [merge.layer(inputs)])
    let tensors = try golden.inputs.map { try $0.tensor }
    let results = try model.predict(Dictionary(uniqueKeysWithValues: zip(model.inputs.map(\.name), tensors)))
    let result = try #require(results[merge.layer.automaticName])
    #expect(result.shape == golden.prediction.shape)
    #expect(model.outputs[0].lengths == [Length.batch] + golden.prediction.shape.dropFirst().map(Length.fixed))
    expectClose(result.floats, golden.prediction.values)
  }

  /// Each input is what a dense layer without bias makes of the identity, its kernel: so the kernel's gradient is the input's.
  @Test("Gradients of all inputs are those of Keras", arguments: MergeCase.all)
  func gradients(_ merge: MergeCase) throws {
    let golden = try golden(merge)
    let examples = golden.prediction.shape[0]
    let identity = Input([examples])
    let fed = merge.inputs.enumerated().map { index, shape in
      Reshape(shape)(Dense(shape.reduce(1, *), useBias: false, name: "feed\(index)")(identity))
    }
    let model = try Model(inputs: [identity], outputs: [merge.layer(fed)])
    for (index, input) in golden.inputs.enumerated() {
      let size = input.shape.dropFirst().reduce(1, *)
      try model.setWeights(["feed\(index)/kernel": Tensor(shape: [examples, size], input.floats)])
    }
    let sum = Loss("sum") { prediction, target in
      try (prediction * target).sum(axes: Array(1..<prediction.shape.rank)) * Double(examples)
    }
    try model.compile(optimizer: .sgd(learningRate: 0), loss: sum)
    let rows = (0..<examples * examples).map { Float($0 % (examples + 1) == 0 ? 1 : 0) }
    let gradients = try model.gradients(
      Dataset(inputs: Tensor(shape: [examples, examples], rows), targets: golden.cotangent.tensor))
    #expect(gradients.weightNames.count == golden.gradients.count)
    for (index, expected) in golden.gradients.enumerated() {
      let actual = try #require(gradients["feed\(index)/kernel"])
      expectClose(actual.floats, expected.values, "input \(index)")
    }
  }

  private func refuse(
    _ text: String, _ layer: some MergingLayer, _ shapes: [[Int?]], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let inputs = shapes.map { Input($0) }
    expectError(text, sourceLocation: sourceLocation) {
      try Model(inputs: inputs, outputs: [layer(inputs, file: "App/Main.swift", line: 7)])
    }
  }

  @Test("Too few and too many inputs")
  func counts() {
    refuse(
      "Add called at App/Main.swift:7: it was called with 1 inputs but needs at least 2. Call it on several inputs.",
      Add(), [[3]])
    refuse(
      "Concatenate called at App/Main.swift:7: it was called with 1 inputs but needs at least 2. Call it on several inputs.",
      Concatenate(), [[3]])
    refuse(
      "difference (Subtract, called at App/Main.swift:7): it was called with 3 inputs but needs 2. Call it on several inputs.",
      Subtract(name: "difference"), [[3], [3], [3]])
    refuse(
      "Dot called at App/Main.swift:7: it was called with 3 inputs but needs 2. Call it on several inputs.",
      Dot(axes: 1), [[3], [3], [3]])
  }

  @Test("Shapes that do not fit")
  func shapes() {
    refuse(
      "Multiply called at App/Main.swift:7: multiply was given shapes (None, 3, 4) and (None, 2, 4), which do not broadcast. Axes are compared from the last; each pair must be equal or one of them 1, and at most 6 axes are possible.",
      Multiply(), [[3, 4], [2, 4]])
    refuse(
      "Maximum called at App/Main.swift:7: maximum was given shapes (None, 3) and (None, 2), which do not broadcast. Axes are compared from the last; each pair must be equal or one of them 1, and at most 6 axes are possible.",
      Maximum(), [[3], [2]])
    refuse(
      "Dot called at App/Main.swift:7: a matrix product of (None, 4, 3) and (None, 2, 4) is not possible. All axes but the last two must be equal, and the first's last axis as long as the second's last but one.",
      Dot(axes: 1), [[3, 4], [2, 4]])
    refuse(
      "Dot called at App/Main.swift:7: axes 1 and 1 of shapes (None, 2, 3, 4) and (None, 2) cannot be summed. Give values of 2 or 3 axes, and axes other than the examples'.",
      Dot(axes: 1), [[2, 3, 4], [2]])
  }

  @Test("Axes that there are not")
  func axes() {
    refuse(
      "Concatenate called at App/Main.swift:7: axis 3 was asked for, but the input has shape (None, 3, 4). Give an axis from 1 to 2, or from -1 backwards.",
      Concatenate(axis: 3), [[3, 4], [3, 4]])
    refuse(
      "Concatenate called at App/Main.swift:7: axis -3 of shape (None, 3, 4) counts the examples. Give an axis from 1 to 2, or from -1 backwards.",
      Concatenate(axis: -3), [[3, 4], [3, 4]])
    refuse(
      "Dot called at App/Main.swift:7: axis 2 was asked for, but the input has shape (None, 4). Give an axis from 1 to 1, or from -1 backwards.",
      Dot(axes: 2), [[4], [4]])
    refuse(
      "Concatenate called at App/Main.swift:7: shapes [(None, 3, 4), (None, 2, 4)] cannot be joined along axis 2. All other axes must be of the same length.",
      Concatenate(), [[3, 4], [2, 4]])
  }
}
