import ArgumentParser
import Athanor
import Foundation

/// How a network is trained: loss, optimizer and learning rate.
struct SetupOptions: ParsableArguments {
  @Option(help: "Which optimizer takes the steps.") var optimizer = OptimizerChoice.adam
  @Option(
    parsing: .unconditional,
    help: "The learning rate; by default 0.001, 0.003 for the network cnn with adam, and 0.01 for sgd.")
  var learningRate: Double?
  @Option(
    help:
      "How the learning rate changes during the training: cosine goes down to 0, step divides by 10 after half and three quarters; by default constant, and cosine for the networks cnn and mlp."
  )
  var schedule: Schedule?
  @Option(
    parsing: .unconditional,
    help: "Which share of a target's probability goes to all classes alike, from 0 to below 1 (Szegedy et al. 2016).")
  var labelSmoothing: Double?

  enum OptimizerChoice: String, ExpressibleByArgument, CaseIterable {
    case adam, adamw, sgd, rmsprop, nadam, adamax, adagrad, adadelta, lion

    func optimizer(_ rate: LearningRate) -> Optimizer {
      switch self {
      case .adam: .adam(learningRate: rate)
      case .adamw: .adamW(learningRate: rate)
      case .sgd: .sgd(learningRate: rate, momentum: 0.9, nesterov: true)
      case .rmsprop: .rmsprop(learningRate: rate)
      case .nadam: .nadam(learningRate: rate)
      case .adamax: .adamax(learningRate: rate)
      case .adagrad: .adagrad(learningRate: rate)
      case .adadelta: .adadelta(learningRate: rate)
      case .lion: .lion(learningRate: rate)
      }
    }

    var usualRate: Double { self == .sgd ? 0.01 : 0.001 }
  }

  enum Schedule: String, ExpressibleByArgument, CaseIterable {
    case constant, cosine, step

    func learningRate(_ rate: Double, steps: Int) -> LearningRate {
      switch self {
      case .constant: .constant(rate)
      case .cosine: .cosineDecay(initial: rate, steps: steps)
      case .step: .piecewise(boundaries: [steps / 2, steps * 3 / 4], values: [rate, rate / 10, rate / 100])
      }
    }
  }

  /// The schedule when none is given, and Adam's first learning rate where it is not the optimizer's.
  struct UsualSteps {
    let schedule: Schedule
    var adamRate: Double?

    static let forFiles = UsualSteps(schedule: .constant)
    static let forNewHeads = UsualSteps(schedule: .cosine)
  }

  func validate() throws {
    if let learningRate, !(learningRate > 0 && learningRate.isFinite) {
      throw ValidationError("--learning-rate must be above 0.")
    }
    if let labelSmoothing, !(0..<1).contains(labelSmoothing) {
      throw ValidationError("--label-smoothing must be at least 0 and below 1.")
    }
  }

  /// The options that are given and hold from the beginning of a training to its end.
  var given: [String] {
    [
      optimizer == .adam ? nil : "--optimizer", learningRate.map { _ in "--learning-rate" },
      schedule.map { _ in "--schedule" }, labelSmoothing.map { _ in "--label-smoothing" },
    ].compactMap(\.self)
  }

  /// Sets loss, metrics and optimizer of a model.
  ///
  /// - Parameters:
  ///   - steps: The number of all steps.
  ///   - usual: Schedule and rate when none are given.
  func compile(_ model: Model, for data: any LabelledData, steps: Int, usual: UsualSteps) throws {
    let first = learningRate ?? (optimizer == .adam ? usual.adamRate : nil) ?? optimizer.usualRate
    let rate = (schedule ?? usual.schedule).learningRate(first, steps: max(1, steps))
    guard data.classNames != nil else {
      guard labelSmoothing == nil else {
        throw AthanorError(
          .argument, at: "--label-smoothing", "it is for classes but the targets of \(data.title) are numbers",
          fix: "Leave it out.")
      }
      return try model.compileForNumbers(optimizer.optimizer(rate))
    }
    try model.compile(
      optimizer: optimizer.optimizer(rate), loss: .categoricalCrossentropy(labelSmoothing: labelSmoothing ?? 0),
      metrics: [.accuracy])
  }
}

extension Model {
  /// Sets loss and metrics of a model that predicts a number.
  func compileForNumbers(_ optimizer: Optimizer = .rmsprop()) throws {
    let output = outputs[0].name
    try compile(
      optimizer: optimizer, losses: [output: .meanSquaredError],
      lossWeights: [output: tableEncoding?.lossWeight ?? 1], metrics: [output: [.loss(.meanAbsoluteError)]])
  }
}

extension NetworkTemplate {
  var usualSteps: SetupOptions.UsualSteps {
    switch self {
    case .malireddi, .chollet: .init(schedule: .constant)
    case .mlp: .init(schedule: .cosine)
    // Batch normalisation allows larger steps.
    case .cnn: .init(schedule: .cosine, adamRate: 0.003)
    }
  }
}
