import Athanor
import Testing

@Suite("Initializers")
struct InitializerTests {
  private func statistics(_ initializer: Initializer, _ shape: [Int]) -> (
    mean: Double, deviation: Double, largest: Double
  ) {
    var random = RandomStream(seed: 5, stream: 1)
    let values = initializer.values(shape, &random).map { Double($0) }
    #expect(values.count == shape.reduce(1, *))
    let mean = values.reduce(0, +) / Double(values.count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    return (mean, variance.squareRoot(), values.map(\.magnitude).max() ?? 0)
  }

  static let cases: [(Initializer, Double, Bool)] = [
    (.glorotUniform, 2.0 / 630, true), (.glorotNormal, 2.0 / 630, false), (.heUniform, 2.0 / 180, true),
    (.heNormal, 2.0 / 180, false), (.lecunUniform, 1.0 / 180, true), (.lecunNormal, 1.0 / 180, false),
  ]

  /// The kernel [3, 3, 20, 50] has fan-in 180 and fan-out 450.
  @Test(
    "Variance and bounds follow from fan-in and fan-out",
    arguments: cases)
  func scaling(_ initializer: Initializer, _ variance: Double, _ isUniform: Bool) {
    let (mean, deviation, largest) = statistics(initializer, [3, 3, 20, 50])
    let expected = variance.squareRoot()
    #expect(mean.magnitude < expected * 0.05)
    #expect((deviation / expected - 1).magnitude < 0.03)
    let bound = isUniform ? expected * 3.0.squareRoot() : expected / 0.87962566103423978 * 2
    #expect(largest <= bound * (1 + 1e-6))
    #expect(largest > bound * 0.99)
  }

  @Test("A dense kernel's fans are its lengths, a vector's both its length")
  func fans() {
    let dense = statistics(.glorotUniform, [40, 200])
    #expect((dense.largest / (6.0 / 240).squareRoot() - 1).magnitude < 0.01)
    let vector = statistics(.heUniform, [3000])
    #expect((vector.largest / (6.0 / 3000).squareRoot() - 1).magnitude < 0.01)
  }

  @Test("Plain distributions")
  func plain() {
    #expect(statistics(.zeros, [3]) == (0, 0, 0))
    #expect(statistics(.ones, [3]) == (1, 0, 1))
    #expect(statistics(.constant(-0.5), [3]) == (-0.5, 0, 0.5))
    let uniform = statistics(.uniform(1, 3), [9000])
    #expect((uniform.mean - 2).magnitude < 0.05 && uniform.largest <= 3 && uniform.largest > 2.99)
    let normal = statistics(.normal(mean: 1, deviation: 0.5), [9000])
    #expect((normal.mean - 1).magnitude < 0.03 && (normal.deviation - 0.5).magnitude < 0.02 && normal.largest > 2.2)
    let truncated = statistics(.truncatedNormal(mean: 0, deviation: 0.5), [9000])
    #expect((truncated.deviation - 0.5 * 0.8796).magnitude < 0.02 && truncated.largest <= 1)
  }

  @Test("Equal by name and parameters")
  func equality() {
    #expect(Initializer.constant(1) == .constant(1))
    #expect(Initializer.constant(1) != .constant(2))
    #expect(Initializer.zeros != .ones)
    #expect(Set([Initializer.uniform(), .uniform(), .normal()]).count == 2)
  }
}
