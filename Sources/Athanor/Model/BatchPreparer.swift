import Foundation

/// Runs what random layers make of a batch on a thread in the background, while the step before is computed.
final class BatchPreparer {
  private let queue = DispatchQueue(label: "athanor.preparation")
  private let pool: ThreadPool
  private var workspace: Workspace?
  /// What the workspace holds, or is about to hold.
  private var content: (plan: Plan, pass: Int)?

  /// - Parameter threadCount: The number of threads that compute steps; half as many prepare the inputs.
  /// - Throws: `AthanorError` when the system refuses a thread.
  init(threadCount: Int) throws { pool = try ThreadPool(threadCount: max(1, threadCount / 2)) }

  deinit { queue.sync {} }  // nothing of a training runs after it

  /// Fills the plan's inputs and runs it in the background.
  ///
  /// - Parameter pass: The number of the forward pass, which decides the random numbers.
  /// - Throws: `AthanorError` when memory is not available.
  func begin(_ plan: Plan, _ model: Model, pass: Int, fill: (Workspace) -> Void) throws {
    let workspace = try turned(to: plan, fill)
    content = (plan, pass)
    let work = UncheckedTransfer((workspace, model.memory, pool))
    let seed = model.progress.seed
    queue.async {
      let (workspace, memory, pool) = work.value
      workspace.run(memory, pool: pool, seed: seed, step: UInt64(pass))
    }
  }

  /// Waits for the results and copies them into the inputs of a step. Where the plan was not begun for this pass, it runs now.
  ///
  /// - Throws: `AthanorError` when memory is not available.
  func finish(
    _ plan: Plan, _ model: Model, pass: Int, into step: Workspace, fill: (Workspace) -> Void
  ) throws {
    queue.sync {}
    let workspace: Workspace
    if let ready = self.workspace, let content, content.plan === plan, content.pass == pass {
      workspace = ready
    } else {
      workspace = try turned(to: plan, fill)
      workspace.run(model.memory, pool: model.pool, seed: model.progress.seed, step: UInt64(pass))
    }
    content = nil
    for name in plan.outputs.keys {
      guard let from = workspace.output(name), let to = step.input(name) else { continue }
      to.copyMemory(from: UnsafeRawBufferPointer(from))
    }
  }

  /// The workspace, with the inputs of a plan; what ran before has ended.
  private func turned(to plan: Plan, _ fill: (Workspace) -> Void) throws -> Workspace {
    queue.sync {}
    if let workspace { try workspace.use(plan) }
    let turned = try workspace ?? Workspace(plan)
    workspace = turned
    fill(turned)
    return turned
  }
}
