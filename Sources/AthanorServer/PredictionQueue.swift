import Athanor
import Foundation

/// Computes the examples of requests that arrive together as one batch.
///
/// A request is computed at once while a thread is idle. While all are busy requests wait, and the next idle thread takes as many of them
/// as fit a batch. An example's numbers do not depend on its batch.
actor PredictionQueue {
  /// Computes a batch: all inputs of the model in, all outputs out.
  typealias Compute = @Sendable ([Tensor]) throws -> [Tensor]

  /// The examples of one request that wait.
  private struct Job {
    let id: Int
    let inputs: [Tensor]
    let count: Int
    let continuation: CheckedContinuation<[Tensor], any Error>
  }

  private let threadCount: Int
  private let batchLimit: Int
  private let compute: Compute
  private let threads = DispatchQueue(label: "predictions", attributes: .concurrent)
  private var waiting: [Job] = []
  private var busyCount = 0
  private var nextID = 0

  /// - Parameters:
  ///   - threadCount: How many batches are computed at once.
  ///   - batchLimit: The most examples of a batch that is put together of several requests; 1 where requests cannot share one.
  init(threadCount: Int, batchLimit: Int, compute: @escaping Compute) {
    (self.threadCount, self.batchLimit, self.compute) = (threadCount, batchLimit, compute)
  }

  /// The outputs for the examples of one request.
  ///
  /// - Parameters:
  ///   - inputs: The model's inputs, in order.
  ///   - count: How many examples they hold.
  /// - Throws: What `compute` throws, and `CancellationError` when the task ends while the request waits.
  func predict(_ inputs: [Tensor], count: Int) async throws -> [Tensor] {
    let id = nextID
    nextID += 1
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
        waiting.append(Job(id: id, inputs: inputs, count: count, continuation: continuation))
        start()
      }
    } onCancel: {
      Task { await cancel(id) }
    }
  }

  /// How many requests wait for a thread.
  var waitingCount: Int { waiting.count }

  private func cancel(_ id: Int) {
    guard let place = waiting.firstIndex(where: { $0.id == id }) else { return }
    waiting.remove(at: place).continuation.resume(throwing: CancellationError())
  }

  private func start() {
    while busyCount < threadCount, !waiting.isEmpty {
      busyCount += 1
      let (jobs, compute) = (nextBatch(), compute)
      threads.async {
        PredictionQueue.run(jobs, compute)
        Task { await self.finish() }
      }
    }
  }

  private func finish() {
    busyCount -= 1
    start()
  }

  /// The oldest request and those behind it whose examples have the same form, up to the limit.
  private func nextBatch() -> [Job] {
    var batch = [waiting.removeFirst()]
    let form = PredictionQueue.form(batch[0])
    var count = batch[0].count
    while let next = waiting.first, count + next.count <= batchLimit, PredictionQueue.form(next) == form {
      count += next.count
      batch.append(waiting.removeFirst())
    }
    return batch
  }

  /// What the examples of requests must have in common to share a batch: types and shapes.
  private static func form(_ job: Job) -> [Tensor.Form] { job.inputs.map(\.form) }

  private static func run(_ jobs: [Job], _ compute: Compute) {
    guard jobs.count > 1 else {
      return jobs[0].continuation.resume(with: Result { try compute(jobs[0].inputs) })
    }
    do {
      let inputs = try jobs[0].inputs.indices.map { input in try Tensor(joiningRowsOf: jobs.map { $0.inputs[input] }) }
      let outputs = try compute(inputs)
      var first = 0
      for job in jobs {
        let rows = first..<first + job.count
        job.continuation.resume(with: Result { try outputs.map { try $0.rows(rows) } })
        first += job.count
      }
    } catch {
      // One request's fault is not that of the others.
      for job in jobs { job.continuation.resume(with: Result { try compute(job.inputs) }) }
    }
  }
}

extension Tensor {
  fileprivate struct Form: Hashable {
    let dtype: DType
    let lengths: ArraySlice<Int>
  }

  /// Its type, and its shape behind the first axis.
  fileprivate var form: Form { Form(dtype: dtype, lengths: shape.dropFirst()) }
}
