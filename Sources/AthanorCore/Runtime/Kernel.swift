import AthanorKernels

/// A call into the kernels, with everything but the memory's addresses decided.
package struct Kernel {
  /// Bytes of scratch memory that the call needs.
  package var scratchByteCount = 0
  /// Floating-point operations of the direct computation, for profiles.
  package var floatingPointOperations = 0.0
  package let run: (Run) -> Void

  package init(scratch: Int = 0, flops: Double = 0, _ run: @escaping (Run) -> Void) {
    self.scratchByteCount = scratch
    self.floatingPointOperations = flops
    self.run = run
  }

  /// For values that need no work, such as a view.
  package static var nothing: Kernel { Kernel { _ in } }
}

/// The place of a value's numbers: a region of memory and an offset into it.
package struct Place: Hashable, Sendable {
  package let region: Int
  package let offset: Int
}

/// What an operation sees when its kernel is chosen.
package struct KernelSite {
  package struct Operand {
    package let shape: [Int]
    package let dtype: DType
    package let place: Place
    package var count: Int { shape.reduce(1, *) }
  }
  package let inputs: [Operand]
  package let outputs: [Operand]
  package let table: UnsafePointer<ath_kernel_table>
}

/// What a kernel sees when it runs.
package struct Run {
  /// The first byte of each region.
  package let regions: UnsafeBufferPointer<UnsafeMutableRawPointer>
  package let scratch: UnsafeMutableRawPointer
  package let table: UnsafePointer<ath_kernel_table>
  package let pool: OpaquePointer
  /// The seed of all random numbers, and the number of the forward pass: together with an operation's stream they decide them.
  package let seed: UInt64
  package let step: UInt64

  package subscript(place: Place) -> UnsafeMutableRawPointer { regions[place.region] + place.offset }
  package subscript(operand: KernelSite.Operand) -> UnsafeMutableRawPointer { self[operand.place] }
}
