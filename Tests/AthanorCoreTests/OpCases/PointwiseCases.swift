import AthanorCore

/// Where a function is smooth, and so can be differentiated by differences.
private func domain(_ function: UnaryFunction) -> Filling {
  switch function {
  case .sqrt, .rsqrt, .log: .positive
  case .reciprocal: .awayFromZero
  case .negate, .abs, .sign, .square, .exp, .relu, .leakyRelu, .elu, .sigmoid, .tanh, .softplus, .silu, .gelu,
    .geluTanh, .erf, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .atanh,
    .floor, .ceil, .round:
    .spread()
  }
}

/// Functions that have an end or a step beyond 0.45 see what lies within it.
private func argument(_ function: UnaryFunction, _ x: Value) throws -> Value {
  [.asin, .acos, .atanh, .floor, .ceil, .round].contains(function) ? try tanh(x) * 0.45 : x
}

private func domains(_ function: BinaryFunction) -> (Filling, Filling) {
  switch function {
  case .add, .subtract, .multiply, .maximum, .minimum, .equal, .greater, .greaterEqual: (.spread(), .spread(lane: 1))
  case .divide: (.spread(), .awayFromZero)
  case .power: (.positive, .spread())
  }
}

extension OpCase {
  static let pointwise = unary + binary + broadcasts

  private static let unary: [OpCase] = UnaryFunction.allCases.flatMap { function in
    let alpha = function == .leakyRelu ? 0.3 : function == .elu ? 1.7 : 0
    var cases = [
      OpCase("\(function)", [.numbers([nil, 3, 7], domain(function))]) {
        try argument(function, $0[0]).unary(function, alpha: alpha)
      },
      OpCase("\(function) large", [.numbers([nil, 101, 131], domain(function))], skipsDifferences: true) {
        try argument(function, $0[0]).unary(function, alpha: alpha)
      },
    ]
    if domain(function) == .spread() {
      cases.append(
        OpCase("\(function) at -1, 0 and 1", [.numbers([nil, 37], .few)], skipsDifferences: true) {
          try argument(function, $0[0]).unary(function, alpha: alpha)
        })
    }
    return cases
  }

  private static let binary: [OpCase] = BinaryFunction.allCases.flatMap { function in
    let (left, right) = domains(function)
    var cases = [
      OpCase("\(function)", [.numbers([nil, 3, 5], left), .numbers([nil, 3, 5], right)]) {
        try $0[0].binary(function, $0[1])
      },
      OpCase("\(function) of a row", [.numbers([nil, 3, 5], left), .numbers([5], right)]) {
        try $0[0].binary(function, $0[1])
      },
      OpCase(
        "\(function) large", [.numbers([nil, 129, 67], left), .numbers([129, 1], right)], skipsDifferences: true
      ) { try $0[0].binary(function, $0[1]) },
    ]
    if left == .spread(), right == .spread(lane: 1) {
      cases.append(
        OpCase(
          "\(function) of equals", [.numbers([nil, 37], .few), .numbers([nil, 37], .few)], skipsDifferences: true
        ) { try $0[0].binary(function, $0[1]) })
    }
    return cases
  }

  private static let broadcasts: [OpCase] = [
    OpCase("broadcast both ways", [.numbers([nil, 1, 5]), .numbers([3, 1])]) { try $0[0] * $0[1] },
    OpCase("broadcast the batch", [.numbers([1, 3]), .numbers([nil, 3])]) { try $0[0] * $0[1] },
    OpCase("broadcast to the left", [.numbers([4]), .numbers([nil, 2, 3, 4])]) { try $0[0] / ($0[1] + 9) },
    OpCase("broadcast in the middle", [.numbers([nil, 2, 3, 2, 3]), .numbers([2, 1, 1, 3])]) { try $0[0] * $0[1] },
    OpCase("broadcast a number", [.numbers([nil, 3]), .numbers([])]) { try $0[0] * $0[1] },
    OpCase("numbers without axes", [.numbers([]), .numbers([])]) { try $0[0] * $0[1] },
    OpCase("a value with itself", [.numbers([nil, 3])]) { try $0[0] * $0[0] + $0[0] },
    OpCase("constants", [.numbers([nil, 3], .awayFromZero)]) { try 1.5 - ($0[0] * 2.5 - 0.25) / 3 + 4 },
    OpCase("clipped", [.numbers([nil, 21])]) { try $0[0].clipped(-0.03, 0.05) },
  ]
}
