import AthanorKernels
import Testing

@Suite struct TableTests {
  @Test func tablesAreWhole() {
    #expect(Table.all.contains { $0.testDescription == "reference" })
    #expect(Table.all.contains { $0.instructions == ath_best_instructions() })
    #expect(ath_kernels_f32(ath_instructions(99)) == nil)
    #expect(Table.double.element_bytes == 8)
    for table in Table.all {
      #expect(table.kernels.element_bytes == 4)
      // name and element_bytes take two words, every further word is a kernel.
      withUnsafeBytes(of: table.kernels) { bytes in
        for (word, value) in bytes.bindMemory(to: UInt.self).enumerated() {
          #expect(value != 0, "\(table.testDescription) lacks kernel \(word - 2)")
        }
      }
    }
  }
}

@Suite struct ThreadTests {
  /// Each task counts its visits and notes who came. A task is run by one thread at a time, so plain memory will do.
  private struct Notes {
    let visits: UnsafeMutablePointer<Int32>
    let workers: UnsafeMutablePointer<Int32>
  }

  private let visit: ath_task = { context, index, worker in
    guard let notes = context?.assumingMemoryBound(to: Notes.self).pointee else { return }
    notes.visits[Int(index)] += 1
    notes.workers[Int(index)] = worker
  }

  /// Visits and last workers of the tasks after so many runs.
  private func run(_ pool: Pool, tasks: Int, times: Int = 1) -> (visits: [Int32], workers: [Int32]) {
    let visits = Buffer<Int32>([Int32](repeating: 0, count: tasks))
    let workers = Buffer<Int32>([Int32](repeating: -1, count: tasks))
    var notes = Notes(visits: visits.pointer, workers: workers.pointer)
    for _ in 0..<times { ath_pool_run(pool.handle, Int64(tasks), visit, &notes) }
    return withExtendedLifetime(pool) { (visits.values, workers.values) }
  }

  @Test(arguments: [1, 2, 3, 8])
  func everyTaskRunsOnce(threads: Int) throws {
    let pool = try Pool(threads)
    #expect(ath_pool_threads(pool.handle) == Int32(threads))
    for count in [0, 1, 2, 7, 64, 1000] {
      let (visits, workers) = run(pool, tasks: count)
      #expect(visits == [Int32](repeating: 1, count: count))
      #expect(workers.allSatisfy { (0..<Int32(threads)).contains($0) })
    }
  }

  /// Runs in quick succession: a helper that is late for one run must not touch the next one's tasks.
  @Test func manyShortRuns() throws {
    let (visits, _) = run(try Pool(4), tasks: 5, times: 20_000)
    #expect(visits == [Int32](repeating: 20_000, count: 5))
  }

  @Test func comesAndGoes() throws {
    for threads in 1...40 {
      let pool = try Pool(threads % 5 + 1)
      if threads % 2 == 0 { #expect(run(pool, tasks: 3).visits == [1, 1, 1]) }
    }
  }
}
