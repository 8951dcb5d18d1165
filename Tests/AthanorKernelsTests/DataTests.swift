import AthanorKernels
import Testing

/// Copy, fill and convert.
@Suite struct DataTests {
  private func copies<T: FixedWidthInteger & Sendable>(_ type: T.Type, _ table: Table) throws {
    // dims, x strides, y strides, elements of y: a transpose, a broadcast, a slice into the middle, a plain copy.
    let layouts: [(dims: [Int], x: [Int], y: [Int], size: Int)] = [
      ([37, 53], [1, 37], [53, 1], 37 * 53),
      ([5, 7, 11], [0, 11, 1], [77, 11, 1], 5 * 7 * 11),
      ([9, 4], [4, 1], [10, 1], 90),
      ([3, 5, 2, 3, 4, 2], [2, 6, 30, 60, 180, 1], [240, 48, 24, 8, 2, 1], 720),
      ([33_333], [1], [1], 33_333),
      ([], [], [], 1),
    ]
    for layout in layouts {
      let reach = zip(layout.dims, layout.x).reduce(1) { $0 + ($1.0 - 1) * $1.1 }
      let source = (0..<reach).map { T(truncatingIfNeeded: $0 &* 31 &+ 3) }
      var want = [T](repeating: 99, count: layout.size)
      for place in 0..<layout.dims.reduce(1, *) {
        var rest = place, from = 0, to = 0
        for axis in layout.dims.indices.reversed() {
          from += rest % layout.dims[axis] * layout.x[axis]
          to += rest % layout.dims[axis] * layout.y[axis]
          rest /= layout.dims[axis]
        }
        want[to] = source[from]
      }
      for threads in [1, 2, 4] {
        let x = Buffer(source), y = Buffer<T>(undefined: layout.size)
        var args = ath_copy_args()
        (args.rank, args.element_bytes) = (Int32(layout.dims.count), Int32(MemoryLayout<T>.size))
        setAxes(&args.dims, layout.dims)
        setAxes(&args.x_strides, layout.x)
        setAxes(&args.y_strides, layout.y)
        (args.x, args.y) = (UnsafeRawPointer(x.pointer), UnsafeMutableRawPointer(y.pointer))
        call(table.kernels.copy, args, on: try Pool(threads), keeping: [x, y])
        #expect(y.values == want && y.isGuardIntact, "\(T.self) \(layout.dims)")
      }
    }
  }

  @Test(arguments: Table.all)
  func copy(table: Table) throws {
    try copies(UInt8.self, table)
    try copies(UInt16.self, table)
    try copies(UInt32.self, table)
    try copies(UInt64.self, table)
  }

  @Test(arguments: Table.all, [0, 1, 17, 200_001])
  func fill(table: Table, count: Int) throws {
    let y = Buffer<Float>(undefined: count)
    let args = ath_fill_args(count: Int64(count), value: 0.1, y: y.pointer)
    call(table.kernels.fill, args, on: try Pool(2), keeping: [y])
    #expect(y.values == [Float](repeating: 0.1, count: count) && y.isGuardIntact)
  }

  @Test(arguments: Table.all)
  func convert(table: Table) throws {
    let pool = try Pool(2)
    let count = 40_003
    func convert(_ source: ath_source, _ x: UnsafeRawPointer, _ owner: AnyObject) -> [Float] {
      let y = Buffer<Float>(undefined: count)
      let args = ath_convert_args(
        source: source, count: Int64(count), x: x, scale: 1 / 255.0, offset: -0.5, y: y.pointer)
      call(table.kernels.convert, args, on: pool, keeping: [owner, y])
      #expect(y.isGuardIntact)
      return y.values
    }
    let bytes = Buffer((0..<count).map { UInt8($0 % 256) })
    let integers = Buffer((0..<count).map { Int32($0 - 20_000) })
    let floats = Buffer((0..<count).map { Float($0) / 7 })
    let scale = Double(Float(1 / 255.0))
    // x * scale + offset: two roundings of values up to |x| * scale + 0.5.
    func check(_ got: [Float], _ x: [Double]) {
      let want = x.map { $0 * scale - 0.5 }
      #expect(worst(got, want) { (abs(x[$0]) * scale + 0.5) * 2 * roundoff } <= 1)
    }
    check(convert(ATH_SOURCE_UINT8, bytes.pointer, bytes), bytes.values.map(Double.init))
    check(convert(ATH_SOURCE_INT32, integers.pointer, integers), integers.values.map(Double.init))
    check(convert(ATH_SOURCE_FLOAT, floats.pointer, floats), floats.values.doubles)
  }

  @Test func convertToDouble() throws {
    let x = Buffer<UInt8>([0, 51, 255]), y = Buffer<Double>(undefined: 3)
    let args = ath_convert_args(
      source: ATH_SOURCE_UINT8, count: 3, x: x.pointer, scale: 0.25, offset: 1, y: y.pointer)
    call(Table.double.convert, args, on: try Pool(1), keeping: [x, y])
    #expect(y.values == [1, 13.75, 64.75])
    let inPlace = Buffer<Double>([0x1p-40, 3, -1e300])
    let own = ath_convert_args(
      source: ATH_SOURCE_FLOAT, count: 3, x: inPlace.pointer, scale: 0.25, offset: 1, y: inPlace.pointer)
    call(Table.double.convert, own, on: try Pool(1), keeping: [inPlace])
    #expect(inPlace.values == [1 + 0x1p-42, 1.75, -0.25e300])
  }
}
