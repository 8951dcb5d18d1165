import Athanor
import Testing

/// A layer with several inputs.
struct MergeCase: Sendable, CustomTestStringConvertible {
  /// The name of its golden.
  let golden: String
  let layer: any MergingLayer
  /// The shapes of one example of each input.
  let inputs: [[Int]]

  var testDescription: String { golden }

  init(_ golden: String, _ layer: any MergingLayer, _ inputs: [[Int]]) {
    self.golden = golden
    self.layer = layer
    self.inputs = inputs
  }

  static let all = [
    MergeCase("add", Add(), [[3, 4], [3, 4], [3, 4]]),
    MergeCase("add_broadcast", Add(), [[3, 4], [1, 4]]),
    MergeCase("add_ranks", Add(), [[4], [2, 3, 4], [3, 4]]),
    MergeCase("subtract", Subtract(), [[3, 4], [3, 4]]),
    MergeCase("subtract_ranks", Subtract(), [[2, 4], [4]]),
    MergeCase("multiply", Multiply(), [[3, 4], [3, 4], [3, 1]]),
    MergeCase("multiply_ranks", Multiply(), [[2, 3, 4], [4]]),
    MergeCase("average", Average(), [[5], [5], [5]]),
    MergeCase("average_ranks", Average(), [[5], [2, 5]]),
    MergeCase("maximum", Maximum(), [[5], [5], [5]]),
    MergeCase("minimum", Minimum(), [[5], [5], [5]]),
    MergeCase("maximum_ranks", Maximum(), [[2, 5], [5]]),
    MergeCase("minimum_ranks", Minimum(), [[5], [2, 5]]),
    MergeCase("concatenate", Concatenate(), [[2, 3], [2, 1], [2, 4]]),
    MergeCase("concatenate_axis", Concatenate(axis: 1), [[2, 3], [4, 3]]),
    MergeCase("dot", Dot(axes: -1), [[5], [5]]),
    MergeCase("dot_normalize", Dot(axes: 1, normalize: true), [[5], [5]]),
    MergeCase("dot_matrices", Dot(axes: 1), [[3, 2], [3, 4]]),
    MergeCase("dot_axes", Dot(axes: 2, 1), [[3, 4], [4, 2]]),
    MergeCase("dot_vector_matrix", Dot(axes: 1), [[3], [3, 4]]),
  ]
}
