import Athanor
import Foundation
import Testing

@testable import AthanorServer

@Suite struct PredictionQueueTests {
  /// What a queue was asked to compute, and a gate before it does.
  final class Recorder: @unchecked Sendable {  // `condition` guards what changes
    private let condition = NSCondition()
    private var shapes: [[Int]] = []
    private var isOpen = false

    func compute(_ tensors: [Tensor]) throws -> [Tensor] {
      condition.lock()
      defer { condition.unlock() }
      shapes.append(tensors[0].shape)
      condition.broadcast()
      while !isOpen { condition.wait() }
      if tensors[0].floats.contains(-1) { throw AthanorError(.data, at: "test", "minus one") }
      return [try Tensor(shape: tensors[0].shape, tensors[0].floats.map { $0 * 2 })]
    }

    func open() {
      condition.lock()
      defer { condition.unlock() }
      isOpen = true
      condition.broadcast()
    }

    var batches: [[Int]] {
      condition.lock()
      defer { condition.unlock() }
      return shapes
    }
  }

  /// Requests of these numbers, the first of which is being computed while the others arrive.
  private func results(of requests: [[Float]], limit: Int) async throws -> ([[Float]?], [[Int]]) {
    let recorder = Recorder()
    let queue = PredictionQueue(threadCount: 1, batchLimit: limit) { try recorder.compute($0) }
    let results = try await withThrowingTaskGroup(of: (Int, [Float]?).self) { group in
      for (place, numbers) in requests.enumerated() {
        let tensor = try Tensor(shape: [numbers.count, 1], numbers)
        group.addTask { (place, try? await queue.predict([tensor], count: numbers.count)[0].floats) }
        // Each waits before the next comes, so that their order is known.
        while await queue.waitingCount + recorder.batches.count < place + 1 {
          try await Task.sleep(for: .milliseconds(1))
        }
      }
      recorder.open()
      return try await group.reduce(into: [[Float]?](repeating: nil, count: requests.count)) { $0[$1.0] = $1.1 }
    }
    return (results, recorder.batches)
  }

  @Test func requestsThatWaitAreComputedTogether() async throws {
    let (results, batches) = try await results(of: [[1], [2, 3], [4], [5]], limit: 64)
    #expect(results == [[2], [4, 6], [8], [10]])
    #expect(batches == [[1, 1], [4, 1]])
  }

  @Test func batchesEndAtTheLimit() async throws {
    let (results, batches) = try await results(of: [[1], [2, 3], [4], [5]], limit: 3)
    #expect(results == [[2], [4, 6], [8], [10]])
    #expect(batches == [[1, 1], [3, 1], [1, 1]])
  }

  @Test func modelsThatShareNoBatchComputeEachRequest() async throws {
    let (results, batches) = try await results(of: [[1], [2], [3]], limit: 1)
    #expect(results == [[2], [4], [6]])
    #expect(batches == [[1, 1], [1, 1], [1, 1]])
  }

  @Test func aFaultIsThatOfItsRequestAlone() async throws {
    let (results, _) = try await results(of: [[1], [2], [-1], [3]], limit: 64)
    #expect(results == [[2], [4], nil, [6]])
  }

  @Test func requestsOfOtherFormsWaitForTheNextBatch() async throws {
    let recorder = Recorder()
    let queue = PredictionQueue(threadCount: 1, batchLimit: 64) { try recorder.compute($0) }
    let tensors = try [
      Tensor(shape: [1, 1], [1]), Tensor(shape: [1, 1], [2]), Tensor(shape: [1, 2], [3, 4]),
      Tensor(shape: [1, 1], [5]),
    ]
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (place, tensor) in tensors.enumerated() {
        group.addTask { _ = try await queue.predict([tensor], count: 1) }
        while await queue.waitingCount + recorder.batches.count < place + 1 {
          try await Task.sleep(for: .milliseconds(1))
        }
      }
      recorder.open()
      try await group.waitForAll()
    }
    #expect(recorder.batches == [[1, 1], [1, 1], [1, 2], [1, 1]])
  }

  @Test func aRequestThatIsCancelledWhileItWaitsIsNotComputed() async throws {
    let recorder = Recorder()
    let queue = PredictionQueue(threadCount: 1, batchLimit: 64) { try recorder.compute($0) }
    let tensor = try Tensor(shape: [1, 1], [1])
    let first = Task { try await queue.predict([tensor], count: 1) }
    while recorder.batches.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
    let second = Task { try await queue.predict([tensor], count: 1) }
    while await queue.waitingCount == 0 { try await Task.sleep(for: .milliseconds(1)) }
    second.cancel()
    await #expect(throws: CancellationError.self) { try await second.value }
    recorder.open()
    _ = try await first.value
    #expect(recorder.batches == [[1, 1]])
  }
}
