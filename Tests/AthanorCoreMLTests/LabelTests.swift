import Athanor
import AthanorCoreML
import Foundation
import Testing

/// Classes' names and probabilities in Core ML's files.
struct LabelTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("athanor-labels-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func reread(_ model: Model, _ ending: String, _ options: CoreMLOptions = CoreMLOptions()) throws -> Model {
    let path = folder.appendingPathComponent("model.\(ending)").path
    try model.export(to: path, as: .coreML(options))
    return try Model(contentsOf: path)
  }

  private func rows() throws -> Tensor { try Tensor(shape: [1, 3], [0.3, -1, 2]) }

  @Test("A single sigmoid has two classes with 1 - p and p", arguments: ["mlpackage", "mlmodel"])
  func binary(_ ending: String) throws {
    let model = try Sequential(input: [3], seed: 3) { Dense(1, activation: .sigmoid) }
    let p = try model.predict(rows()).floats[0]
    let copy = try reread(model, ending, CoreMLOptions(labels: .texts(["cat", "dog"])))
    #expect(copy.classNames == ["cat", "dog"] && copy.outputKind == .softmax)
    let both = try copy.predict(rows()).floats
    try #require(both.count == 2)
    #expect(abs(both[0] - (1 - p)) < 1e-6 && abs(both[1] - p) < 1e-6)
    try? FileManager.default.removeItem(at: folder)
  }

  @Test("Logarithms become probabilities, and logits when it is said that they are")
  func logarithms() throws {
    let logarithms = try Sequential(input: [3], seed: 3) { Dense(2, activation: .logSoftmax) }
    #expect(logarithms.outputKind == .logSoftmax)
    let copy = try reread(logarithms, "mlpackage", CoreMLOptions(labels: .texts(["a", "b"])))
    let sum = try copy.predict(rows()).floats.reduce(0, +)
    #expect(abs(sum - 1) < 1e-5)
    let logits = try Sequential(input: [3], seed: 3) { Dense(2) }
    #expect(
      errorText { _ = try reread(logits, "mlpackage", CoreMLOptions(labels: .texts(["a", "b"]))) }
        == "labels: the model ends without softmax, so its numbers are no probabilities of one class. "
        + "Say that they are logits (fromLogits, --from-logits), or export it without class labels.")
    let softened = try reread(logits, "mlpackage", CoreMLOptions(labels: .texts(["a", "b"]), fromLogits: true))
    #expect(abs(try softened.predict(rows()).floats.reduce(0, +) - 1) < 1e-5)
    let several = try Sequential(input: [3]) { Dense(2, activation: .sigmoid) }
    #expect(
      errorText { _ = try reread(several, "mlpackage", CoreMLOptions(labels: .texts(["a", "b"]))) }
        == "labels: the model ends with 2 sigmoids that do not depend on each other, so its numbers are no probabilities of "
        + "one class. Export it without class labels.")
    try? FileManager.default.removeItem(at: folder)
  }

  @Test("The model's own names are the labels; in another order they are refused")
  func names() throws {
    let model = try Sequential(input: [3], seed: 3) { Dense(3, activation: .softmax) }
    try model.compile(loss: .categoricalCrossentropy)
    let data = try Dataset(
      inputs: Tensor(shape: [3, 3], [Float](repeating: 1, count: 9)), targets: Tensor(shape: [3], integers: [0, 1, 2]),
      classNames: ["0", "1", "10"])
    try model.fit(data, verbose: .silent)
    let copy = try reread(model, "mlpackage")
    #expect(copy.classNames == ["0", "1", "10"])
    #expect(try reread(model, "mlpackage", CoreMLOptions(labels: .texts([]))).classNames == nil)
    #expect(
      errorText { _ = try reread(model, "mlpackage", CoreMLOptions(labels: .integers([1, 0, 10]))) }
        == "labels: its classes are 1, 0, 10, but the model has them in the order 0, 1, 10. "
        + "Give them in the model's order, or leave them out.")
    #expect(CoreMLOptions.Labels(["1", "2"]) == .integers([1, 2]))
    #expect(CoreMLOptions.Labels(["01", "2"]) == .texts(["01", "2"]))
    try? FileManager.default.removeItem(at: folder)
  }

  @Test("Models with channels first, or with none, take pictures", arguments: ["mlpackage", "mlmodel"])
  func layouts(_ ending: String) throws {
    let first = try Sequential(input: [3, 6, 5], seed: 3) {
      Permute([2, 3, 1])
      Conv2D(2, kernelSize: 2)
      Flatten()
      Dense(2, activation: .softmax)
    }
    let plain = try Sequential(input: [6, 5], seed: 3) {
      Flatten()
      Dense(2, activation: .softmax)
    }
    // The older format has no layer for a picture without channels.
    for (model, channels) in ending == "mlmodel" ? [(first, 3)] : [(first, 3), (plain, 1)] {
      let copy = try reread(model, ending, CoreMLOptions(input: .picture()))
      #expect(copy.inputShape == [6, 5, channels])
      let picture = try Tensor(shape: [1, 6, 5, channels], bytes: (0..<30 * channels).map { UInt8($0 * 2) })
      let (got, expected) = (try copy.predict(picture).floats, try model.predict(model.arranged(picture)).floats)
      #expect(zip(got, expected).allSatisfy { abs($0 - $1) < 1e-5 })
    }
    try? FileManager.default.removeItem(at: folder)
  }
}
