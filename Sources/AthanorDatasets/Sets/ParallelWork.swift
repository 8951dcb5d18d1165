import Foundation

/// Independent pieces of work on several threads.
enum ParallelWork {
  /// The results of `work(0)` to `work(count - 1)`, in order.
  ///
  /// - Parameter threads: How many run at once; nil for one on each core.
  static func map<Result: Sendable>(
    _ count: Int, threads: Int? = nil, _ work: @Sendable (Int) -> Result
  ) -> [Result] {
    let lock = NSLock()
    nonisolated(unsafe) var next = 0  // guarded by `lock`
    nonisolated(unsafe) var results = [Result?](repeating: nil, count: count)  // guarded by `lock`
    let workers = max(1, min(threads ?? ProcessInfo.processInfo.activeProcessorCount, count))
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
      while let index = lock.withLock({ () -> Int? in
        defer { next += 1 }
        return next < count ? next : nil
      }) {
        let result = work(index)
        lock.withLock { results[index] = result }
      }
    }
    return results.compactMap(\.self)
  }
}
