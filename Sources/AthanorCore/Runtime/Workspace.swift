import AthanorKernels

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// The instruction sets for which there are kernels.
public enum InstructionSet: String, Hashable, Sendable, CaseIterable {
  /// Plain loops, the oracle of the tests.
  case reference
  /// ARM's 128-bit vectors.
  case neon
  /// 256-bit vectors with fused multiply-add.
  case avx2
  /// 512-bit vectors.
  case avx512

  /// The best set that this CPU has.
  public static var best: InstructionSet {
    switch ath_best_instructions() {
    case ATH_INSTRUCTIONS_NEON: .neon
    case ATH_INSTRUCTIONS_AVX2: .avx2
    case ATH_INSTRUCTIONS_AVX512: .avx512
    default: .reference
    }
  }

  /// The set named by the environment variable `ATHANOR_INSTRUCTION_SET`, for tests and measurements, or else the best.
  ///
  /// - Throws: `AthanorError` when there is no such set here.
  package static func chosen(_ name: String? = getenv("ATHANOR_INSTRUCTION_SET").map { String(cString: $0) }) throws
    -> InstructionSet
  {
    guard let name, !name.isEmpty else { return best }
    guard let set = InstructionSet(rawValue: name), available.contains(set) else {
      throw AthanorError(
        .unsupported, at: "ATHANOR_INSTRUCTION_SET", "\"\(name)\" is not a set of instructions that this CPU has",
        fix: "Use one of \(available.map(\.rawValue).joined(separator: ", ")), or leave the variable out.")
    }
    return set
  }

  /// The sets that this CPU has.
  public static var available: [InstructionSet] { allCases.filter { ath_kernels_f32($0.code) != nil } }

  var code: ath_instructions {
    switch self {
    case .reference: ATH_INSTRUCTIONS_REFERENCE
    case .neon: ATH_INSTRUCTIONS_NEON
    case .avx2: ATH_INSTRUCTIONS_AVX2
    case .avx512: ATH_INSTRUCTIONS_AVX512
    }
  }

  func table(_ precision: Precision) throws -> UnsafePointer<ath_kernel_table> {
    guard let table = precision == .double ? ath_kernels_f64() : ath_kernels_f32(code) else {
      throw AthanorError(
        .unsupported, at: "instruction set \(rawValue)", "this CPU or this build does not have it",
        fix: "Use one of \(InstructionSet.available.map(\.rawValue).joined(separator: ", ")).")
    }
    return table
  }
}

/// A team of threads for the kernels. One run at a time; not shared between tasks that run at once.
package final class ThreadPool {
  let handle: OpaquePointer
  package let threadCount: Int

  /// - Throws: `AthanorError` when the count is not in 1...256 or the system refuses a thread.
  package init(threadCount: Int) throws {
    guard (1...256).contains(threadCount) else {
      throw AthanorError(
        .argument, at: "threads", "\(threadCount) threads were asked for", fix: "Give a number from 1 to 256.")
    }
    guard let handle = ath_pool_create(Int32(threadCount)) else {
      throw AthanorError(
        .argument, at: "threads", "the system refused to start \(threadCount) threads", fix: "Ask for fewer.")
    }
    self.handle = handle
    self.threadCount = threadCount
  }

  deinit { ath_pool_destroy(handle) }
}

/// Numbers in memory, aligned for vector instructions.
package final class NumberBuffer: @unchecked Sendable {  // reads and writes are the owner's to order
  package let byteCount: Int
  package let base: UnsafeMutableRawPointer

  /// - Throws: `AthanorError` when the memory cannot be had.
  package init(byteCount: Int) throws {
    let size = MemoryPlan.aligned(Swift.max(byteCount, 1))
    var pointer: UnsafeMutableRawPointer?
    guard posix_memalign(&pointer, MemoryPlan.alignment, size) == 0, let pointer else {
      throw AthanorError(
        .numeric, at: "memory", "\(size / 1_048_576) MB were asked for but the system has no more",
        fix: "Use a smaller batch or a smaller network.")
    }
    self.byteCount = size
    base = pointer
    base.initializeMemory(as: UInt8.self, repeating: 0, count: size)
  }

  deinit { free(base) }

  package var floats: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: base.assumingMemoryBound(to: Float.self), count: byteCount / 4)
  }
}

/// The memory in which plans run, one at a time: values, inputs and outputs among them. It grows to the largest plan's needs.
package final class Workspace {
  package private(set) var plan: Plan
  private var arena: NumberBuffer
  private var scratch: NumberBuffer

  /// - Throws: `AthanorError` when memory is not available.
  package init(_ plan: Plan) throws {
    self.plan = plan
    arena = try NumberBuffer(byteCount: plan.arenaByteCount)
    scratch = try NumberBuffer(byteCount: plan.scratchByteCount)
  }

  /// The bytes that it holds.
  package var byteCount: Int { arena.byteCount + scratch.byteCount }

  /// Turns to another plan; what the last one computed is lost.
  ///
  /// - Throws: `AthanorError` when memory is not available.
  package func use(_ plan: Plan) throws {
    if plan.arenaByteCount > arena.byteCount { arena = try NumberBuffer(byteCount: plan.arenaByteCount) }
    if plan.scratchByteCount > scratch.byteCount { scratch = try NumberBuffer(byteCount: plan.scratchByteCount) }
    self.plan = plan
  }

  /// Where to put an input before a run; nil when the plan does not read it. A run leaves it as it was.
  package func input(_ name: String) -> UnsafeMutableRawBufferPointer? { plan.inputs[name].map(bytes) }

  /// An output after a run.
  package func output(_ name: String) -> UnsafeMutableRawBufferPointer? { plan.outputs[name].map(bytes) }

  /// An output after a run, as 32-bit floating-point numbers.
  package func floats(_ name: String) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(output(name)?.assumingMemoryBound(to: Float.self) ?? .init(start: nil, count: 0))
  }

  private func bytes(_ operand: KernelSite.Operand) -> UnsafeMutableRawBufferPointer {
    let size = operand.dtype == .float32 ? plan.precision.byteCount : operand.dtype.byteCount
    return UnsafeMutableRawBufferPointer(start: arena.base + operand.place.offset, count: operand.count * size)
  }

  /// Runs the plan once.
  package func run(
    _ memory: ModelMemory, pool: ThreadPool, seed: UInt64 = 0, step: UInt64 = 0, profile: Profile? = nil
  ) {
    withRun(memory, pool, seed, step) { run in
      guard let profile else {
        for step in plan.steps { step.kernel.run(run) }
        return
      }
      for step in plan.steps {
        let flops = step.kernel.floatingPointOperations
        profile.measure(step.node.origin, step.node.op.name, flops: flops, bytes: Double(step.byteCount)) {
          step.kernel.run(run)
        }
      }
    }
  }

  /// Where a number first became NaN or infinite.
  package struct NonFinite {
    /// The input, or the layer, loss or metric.
    package let origin: String
    /// The operation; nil for an input.
    package let operation: String?
  }

  /// Runs the plan again, looking at each result; nil when all are finite.
  package func firstNonFinite(
    _ memory: ModelMemory, pool: ThreadPool, seed: UInt64, step: UInt64
  ) -> NonFinite? {
    withRun(memory, pool, seed, step) { run in
      func isFinite(_ operand: KernelSite.Operand) -> Bool {
        guard operand.dtype == .float32 else { return true }
        var arguments = ath_first_non_finite_args(count: Int64(operand.count), x: run[operand])
        return run.table.pointee.first_non_finite(&arguments, run.pool) < 0
      }
      for (name, operand) in plan.inputs.sorted(by: { $0.key < $1.key }) where !isFinite(operand) {
        return NonFinite(origin: name, operation: nil)
      }
      for step in plan.steps {
        step.kernel.run(run)
        for operand in step.outputs where !isFinite(operand) {
          return NonFinite(origin: step.node.origin, operation: step.node.op.name)
        }
      }
      return nil
    }
  }

  private func withRun<Outcome>(
    _ memory: ModelMemory, _ pool: ThreadPool, _ seed: UInt64, _ step: UInt64, _ body: (Run) -> Outcome
  ) -> Outcome {
    let regions = memory.regions(arena: arena)
    return regions.withUnsafeBufferPointer { pointers in
      body(
        Run(regions: pointers, scratch: scratch.base, table: plan.table, pool: pool.handle, seed: seed, step: step))
    }
  }
}

extension ThreadPool {
  /// How many cores compute: on Apple's processors only the fast ones, because all threads wait for the slowest.
  package static var coreCount: Int {
    var count = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    #if canImport(Darwin)
      var (fast, size) = (Int32(0), MemoryLayout<Int32>.size)
      if sysctlbyname("hw.perflevel0.logicalcpu", &fast, &size, nil, 0) == 0, fast > 0 { count = Int(fast) }
    #endif
    return Swift.max(1, Swift.min(256, count))
  }
}
