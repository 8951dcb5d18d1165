// A program whose code belongs to the main actor unless it says otherwise, as Xcode makes new ones: own layer, callback and metric.
// `Tools/check_headers.sh` type-checks it.
import Athanor

struct Factor: Layer {
  var factor: Double
  var name: String?

  func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input * factor }
}

final class Narrator: Callback {
  func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws { print("epoch", epoch) }
}

extension Metric {
  static let closeEnough = Metric.mean("close_enough") { prediction, target in
    try (0.1 - abs(prediction - target)).greater(0).mean(axes: [1])
  }
}

func train(_ data: Dataset) async throws -> Athanor.Shape {
  let model = try Sequential(input: [4]) {
    Factor(factor: 2)
    Dense(1)
  }
  try model.compile(optimizer: .adam(), loss: .meanSquaredError, metrics: [.closeEnough])
  try model.fit(data, epochs: 1, callbacks: [Narrator()])
  _ = try await model.fitInBackground(data, epochs: 1)
  return model.outputShape
}
