import Foundation

/// Independent pieces of work on several threads.
enum ParallelWork {
  /// The results of `work(0)` to `work(count - 1)`, in order.
  ///
  /// - Parameter threads: How many run at once; nil for one on each core.
  /// - Throws: `CancellationError` when the task is cancelled; the pieces that have begun are finished first.
  static func map<Result: Sendable>(
    _ count: Int, threads: Int? = nil, _ work: @Sendable (Int) -> Result
  ) throws -> [Result] {
    let lock = NSLock()
    nonisolated(unsafe) var next = 0  // guarded by `lock`
    nonisolated(unsafe) var results = [Result?](repeating: nil, count: count)  // guarded by `lock`
    let isCancelled = { @Sendable in Task.isCancelled }
    DispatchQueue.concurrentPerform(
      iterations: max(1, min(threads ?? ProcessInfo.processInfo.activeProcessorCount, count))
    ) { _ in
      while let index = lock.withLock({ () -> Int? in
        guard next < count else { return nil }
        next += 1
        return next - 1
      }), !isCancelled() {
        let result = work(index)
        lock.withLock { results[index] = result }
      }
    }
    try Task.checkCancellation()
    return results.compactMap(\.self)
  }
}
