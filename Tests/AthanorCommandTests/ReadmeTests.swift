import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation
import Testing

/// The README's program, so that it compiles; only its lines' order and text matter here.
private func readmeProgram() async throws {
  // begin
  let (train, test) = try await MNIST.load()
  let model = try Sequential(input: [28, 28, 1]) {
    Conv2D(32, kernelSize: 5, activation: .relu)
    MaxPooling2D(2)
    Dropout(0.5)
    Conv2D(64, kernelSize: 3, activation: .relu)
    MaxPooling2D(2)
    Dropout(0.2)
    Conv2D(128, kernelSize: 1, activation: .relu)
    MaxPooling2D(2)
    Dropout(0.2)
    Flatten()
    Dense(128, activation: .relu)
    Dense(10, activation: .softmax)
  }
  print(model.summary())
  try model.compile(optimizer: .adam(), loss: .categoricalCrossentropy, metrics: [.accuracy])
  let history = try model.fit(
    train, epochs: 10, batchSize: 200, validation: test,
    callbacks: [
      ModelCheckpoint("best_model.{epoch:02d}-{val_loss:.2f}.h5", monitor: .validationLoss, saveBestOnly: true),
      EarlyStopping(monitor: .accuracy, patience: 2),
    ])
  print(history.epochs.count, "epochs")
  let probabilities = try model.predict(test, batchSize: 200)  // [10000, 10]
  try model.save(to: "digits.h5")
  // end
  _ = probabilities
}

@Test("The program of the README is the one that is compiled here")
func readme() throws {
  let here = URL(fileURLWithPath: #filePath)
  let source = try String(contentsOf: here, encoding: .utf8).components(separatedBy: "\n")
  let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
  let begin = try #require(source.firstIndex(of: "  // begin"))
  let end = try #require(source.firstIndex(of: "  // end"))
  let program = source[(begin + 1)..<end].map { String($0.dropFirst(2)) }.joined(separator: "\n")
  let imports = "import Athanor\nimport AthanorDatasets\nimport AthanorKeras\n\n"
  #expect(readme.contains("```swift\n" + imports + program + "\n```"))
}
