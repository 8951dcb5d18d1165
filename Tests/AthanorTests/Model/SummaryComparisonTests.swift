import Athanor
import Testing

@Suite struct SummaryComparisonTests {
  private func models() throws -> [Model] {
    let small = try Sequential(input: [4, 4, 1], name: "small", threads: 1) {
      Flatten()
      Dense(100, name: "dense")
    }
    let large = try Sequential(input: [4, 4, 1], name: "large", threads: 1) {
      Conv2D(2, kernelSize: 3)
      Flatten()
      Dense(500)
    }
    try small.freeze("dense")
    return [small, large]
  }

  private static let totals = """
                             small   large
    Total params             1,700   4,520
    Trainable params             0   4,520
    Non-trainable params     1,700       0
    Total, times the first    1.00    2.66
    """

  @Test func sideBySide() throws {
    #expect(
      try SummaryComparison(models()).text(width: 80) == """
        Model: "small"                           Model: "large"
        _____________________________________    ______________________________
        Layer           Output Shape  Param #    Layer    Output Shape  Param #
        =====================================    ==============================
        Flatten         (16)                0    Conv2D   (2, 2, 2)          20
        Dense (frozen)  (100)           1,700    Flatten  (8)                 0
                                                 Dense    (500)           4,500
        =====================================    ==============================

        \(Self.totals)
        """)
  }

  @Test func oneBelowTheOther() throws {
    #expect(
      try SummaryComparison(models(), titles: ["a", "b"]).text(width: 60) == """
        Model: "a"
        _____________________________________
        Layer           Output Shape  Param #
        =====================================
        Flatten         (16)                0
        Dense (frozen)  (100)           1,700
        =====================================

        Model: "b"
        ______________________________
        Layer    Output Shape  Param #
        ==============================
        Conv2D   (2, 2, 2)          20
        Flatten  (8)                 0
        Dense    (500)           4,500
        ==============================

                                     a       b
        Total params             1,700   4,520
        Trainable params             0   4,520
        Non-trainable params     1,700       0
        Total, times the first    1.00    2.66
        """)
  }
}
