// Comparisons, flags and choices. Flags are bytes of 0 and 1.

extension OperationKind {
  package static let equal = comparison("equal", { $0 == $1 }) { try $0.compared(.equal, $1) }
  package static let notEqual = comparison("not_equal", { $0 != $1 }) { try 1 - $0.compared(.equal, $1) }
  package static let greater = comparison("greater", { $0 > $1 }) { try $0.compared(.greater, $1) }
  package static let greaterEqual = comparison("greater_equal", { $0 >= $1 }) { try $0.compared(.greaterEqual, $1) }
  package static let less = comparison("less", { $0 < $1 }) { try $1.compared(.greater, $0) }
  package static let lessEqual = comparison("less_equal", { $0 <= $1 }) { try $1.compared(.greaterEqual, $0) }

  package static let logicalAnd = logic("logical_and", { $0 * $1 }) { try $0 * $1 }
  package static let logicalOr = logic("logical_or", { max($0, $1) }) { try maximum($0, $1) }
  package static let logicalXor = logic("logical_xor", { $0 == $1 ? 0 : 1 }) { try abs($0 - $1) }
  package static let logicalNot = OperationKind(
    "logical_not", [.required(.x)], fold: { site in try site.foldedElements(.x, dtype: .int32) { $0[0] == 0 ? 1 : 0 } }
  ) { site in
    try site.map(site.computed(.x)) { x in try x.floating.equal(x.builder.constant(0)).asIntegers(.uint8) }
  }

  package static let isNaN = OperationKind("is_nan", isInMIL: false, [.required(.x)]) { site in
    try site.map(site.computed(.x)) { try (1 - $0.equal($0)).asIntegers(.uint8) }
  }

  /// `alpha` and `beta` say whether negative and positive infinity count.
  package static let isInfinite = OperationKind(
    "is_inf", isInMIL: false, [.required(.x), .flag(.alpha, true), .flag(.beta, true)]
  ) { site in
    let (negative, positive) = (try site.operation.flag(.alpha), try site.operation.flag(.beta))
    return try site.map(site.computed(.x)) { x in
      let above = try x.equal(x.builder.constant(.infinity)) * (positive ? 1 : 0)
      return try (above + x.equal(x.builder.constant(-.infinity)) * (negative ? 1 : 0)).asIntegers(.uint8)
    }
  }

  /// `a` where the condition holds, else `b`.
  package static let select = OperationKind(
    "select", [.required(.condition), .required(.whenTrue), .required(.whenFalse)],
    fold: { site in
      try site.foldedElements(.condition, .whenTrue, .whenFalse, dtype: site.operation.required(.whenTrue).dtype) {
        $0[0] != 0 ? $0[1] : $0[2]
      }
    }
  ) { site in
    if let integers = try site.integers(.whenTrue, .whenFalse) {
      let condition = try site.value(site.plain(site.value(.condition)))
      return [ImportedValue(try integers[0].chosen(where: condition, else: integers[1]))]
    }
    let (values, layout) = try site.elementwise(.condition, .whenTrue, .whenFalse)
    guard values[1].type.dtype == values[2].type.dtype || values.dropFirst().allSatisfy({ $0.type.dtype == .float32 })
    else { throw site.unsupported("it chooses from \(values[1].type) and \(values[2].type)") }
    return [ImportedValue(try values[1].chosen(where: values[0], else: values[2]), layout: layout)]
  }

  private static func comparison(
    _ name: String, _ number: @escaping @Sendable (Double, Double) -> Bool,
    _ compare: @escaping @Sendable (Value, Value) throws -> Value
  ) -> OperationKind {
    OperationKind(
      name, [.required(.x), .required(.y)],
      fold: { site in try site.foldedElements(.x, .y, dtype: .int32) { number($0[0], $0[1]) ? 1 : 0 } }
    ) { site in
      if let integers = try site.integers(.x, .y) {
        return [ImportedValue(try compare(integers[0], integers[1]).asIntegers(.uint8))]
      }
      let (values, layout) = try site.elementwise(.x, .y)
      return [
        ImportedValue(try compare(values[0].floating, values[1].floating).asIntegers(.uint8), layout: layout)
      ]
    }
  }

  private static func logic(
    _ name: String, _ number: @escaping @Sendable (Double, Double) -> Double,
    _ join: @escaping @Sendable (Value, Value) throws -> Value
  ) -> OperationKind {
    @Sendable func flag(_ number: Double) -> Double { number == 0 ? 0 : 1 }
    return OperationKind(
      name, [.required(.x), .required(.y)],
      fold: { site in try site.foldedElements(.x, .y, dtype: .int32) { number(flag($0[0]), flag($0[1])) } }
    ) { site in
      let (values, layout) = try site.elementwise(.x, .y)
      return [
        ImportedValue(
          try join(values[0].flags.floating, values[1].flags.floating).asIntegers(.uint8), layout: layout)
      ]
    }
  }
}

extension ImportSite {
  /// More than this is not exact in 32-bit floating point, in which weights are kept.
  private static var mostExact: Int { 1 << 24 }

  /// Arguments of which one is integers of 32 bits that the network computes, all of one shape; nil where none is.
  func integers(_ names: ArgumentName...) throws -> [Value]? {
    let given = try names.map(value)
    let types = try given.map { try $0.constant == nil ? value($0).type.dtype : nil }
    guard types.contains(.int32) else { return nil }
    guard types.allSatisfy({ $0 == nil || $0 == .int32 }) else {
      throw unsupported("one of its inputs is integers of 32 bits, the other is not")
    }
    var shape = Shape([])
    for value in given {
      let lengths = Shape(axes: value.axes)
      guard let both = Shape.broadcast(shape, lengths) else {
        throw damaged("its shapes \(Shape.texts([shape, lengths])) do not broadcast")
      }
      shape = both
    }
    return try zip(given, names).map { given, name in
      var value: Value
      if let tensor = given.constant {
        let integers = tensor.integers
        if let integer = integers.first, integers.count == 1 {
          value = try builder.emit(Constant(integer: Int32(clamping: integer), shape: Shape(tensor.shape)), [])[0]
        } else {
          guard integers.allSatisfy({ abs($0) <= ImportSite.mostExact }) else {
            throw unsupported("its known integers are beyond \(ImportSite.mostExact)")
          }
          value = try weight(name.rawValue, tensor).asIntegers()
        }
      } else {
        value = try self.value(plain(given))
      }
      if value.shape != shape { value = try value.apply(BroadcastTo(shape: shape)) }
      return value
    }
  }
}

extension Value {
  /// 1 where a comparison holds, else 0; of two integers too.
  fileprivate func compared(_ function: BinaryFunction, _ other: Value) throws -> Value {
    type.dtype == .int32 ? try apply(CompareIntegers(function), other) : try binary(function, other)
  }
}
