import AthanorCore
import Testing

@Suite struct TensorTests {
  @Test func construction() throws {
    let tensor = try Tensor(shape: [2, 3], [1, 2, 3, 4, 5, 6])
    #expect(tensor.shape == [2, 3] && tensor.count == 6 && tensor.dtype == .float32 && tensor.floats[4] == 5)
    #expect(try Tensor(shape: [3], bytes: [0, 128, 255]).floats == [0, 128, 255])
    #expect(try Tensor(shape: [2], integers: [-1, 7]).floats == [-1, 7])
    #expect(try Tensor(shape: [1], storage: .float64([0.5])).dtype == .float64)
    #expect(try Tensor(shape: [], [3]).count == 1)
    #expect(try Tensor(shape: [4, 0, 2], []).count == 0)
    #expect(Tensor(zeros: [2, 2]).floats == [0, 0, 0, 0])
  }

  @Test func constructionErrors() {
    let count = "Give as many elements as the product of the shape's lengths."
    #expect(
      text { _ = try Tensor(shape: [2, 3], [1]) } == "Tensor: 1 elements were given but shape [2, 3] holds 6. \(count)")
    #expect(text { _ = try Tensor(shape: [], []) } == "Tensor: 0 elements were given but shape [] holds 1. \(count)")
    #expect(
      text { _ = try Tensor(shape: [2], bytes: [1, 2, 3]) }
        == "Tensor: 3 elements were given but shape [2] holds 2. \(count)")
    for shape in [[-1], [2, -3], [-2, -3], [Int.max, 2], [Int.max, Int.max], [0, -1]] {
      #expect(
        text { _ = try Tensor(shape: shape, [1]) }
          == "Tensor: shape \(shape) has a negative length or more elements than memory can hold. Give lengths of zero or more."
      )
    }
  }

  @Test func rows() throws {
    let tensor = try Tensor(shape: [3, 2], integers: [0, 1, 10, 11, 20, 21])
    #expect(try tensor.rows([2, 0, 2]) == Tensor(shape: [3, 2], integers: [20, 21, 0, 1, 20, 21]))
    #expect(try tensor.rows([]) == Tensor(shape: [0, 2], integers: []))
    #expect(try Tensor(shape: [2], bytes: [7, 8]).rows([1]) == Tensor(shape: [1], bytes: [8]))
  }

  @Test func rowErrors() throws {
    let tensor = try Tensor(shape: [3, 1], [1, 2, 3])
    for row in [-1, 3, Int.max] {
      #expect(
        text { _ = try tensor.rows([0, row]) }
          == "Tensor.rows: row \(row) was asked for but there are 3. Give rows from 0 to 2.")
    }
    #expect(
      text { _ = try Tensor(shape: [0], []).rows([0]) }
        == "Tensor.rows: row 0 was asked for but there are 0. Give a tensor with at least one row.")
    #expect(
      text { _ = try Tensor(shape: [], [1]).rows([0]) }
        == "Tensor.rows: a single number has no rows. Give a tensor with at least one axis.")
  }
}

@Suite struct ShapeTests {
  @Test func textIsThatOfKeras() {
    #expect(Shape([nil, 28, 28, 1]).description == "(None, 28, 28, 1)")
    #expect(Shape([nil]).description == "(None,)" && Shape([]).description == "()")
    #expect(ValueType(.uint8, [nil, 3]).description == "uint8(None, 3)")
  }

  @Test func broadcasting() {
    func check(_ left: Shape, _ right: Shape, _ want: Shape?) {
      #expect(Shape.broadcast(left, right) == want)
      #expect(Shape.broadcast(right, left) == want)
    }
    check([nil, 3], [3], [nil, 3])
    check([nil, 1], [nil, 4], [nil, 4])
    check([nil, 1, 4], [5, 1], [nil, 5, 4])
    check([1, 3], [nil, 3], [nil, 3])
    check([], [nil, 2], [nil, 2])
    check([nil, 3], [4], nil)
    check([nil, 3], [2, 3], nil)
    check([3, 0], [1], [3, 0])
  }

  @Test func elementCounts() {
    #expect(Shape([nil, 3, 4]).checkedElementsPerExample == 12)
    #expect(Shape([nil, 0, 1 << 40]).checkedElementsPerExample == 0)
    #expect(Shape([1 << 20, 1 << 20]).checkedElementsPerExample == 1 << 40)
    for shape: Shape in [[-1], [-1, -1], [.max, .max], [1 << 20, 1 << 20, 2], [0, .max]] {
      #expect(shape.checkedElementsPerExample == nil)
    }
  }

  @Test func rowsOfSeveralTensorsFollowEachOther() throws {
    let a = try Tensor(shape: [1, 2], [1, 2])
    let b = try Tensor(shape: [2, 2], [3, 4, 5, 6])
    #expect(try Tensor(joiningRowsOf: [a, b, a]) == Tensor(shape: [4, 2], [1, 2, 3, 4, 5, 6, 1, 2]))
    let bytes = try Tensor(shape: [1], bytes: [7])
    #expect(try Tensor(joiningRowsOf: [bytes, bytes]) == Tensor(shape: [2], bytes: [7, 7]))
    let error = #expect(throws: AthanorError.self) { try Tensor(joiningRowsOf: [a, bytes]) }
    #expect(
      error?.description
        == "Tensor(joiningRowsOf:): float32(1, 2), uint8(1,) cannot follow each other. "
        + "Give tensors of one type and of one shape behind the first axis.")
    #expect(throws: AthanorError.self) { try Tensor(joiningRowsOf: []) }
    #expect(throws: AthanorError.self) { try Tensor(joiningRowsOf: [a, Tensor(shape: [1, 3], [1, 2, 3])]) }
  }
}
