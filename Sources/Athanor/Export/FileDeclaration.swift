/// What a file says of its classes and of the pictures that go in, and the network behind that.
///
/// A second reading beside `ModelRecipe`, for the proof of an export: a reader that mistakes what a file declares makes two readings differ.
package struct FileDeclaration {
  /// How the bytes of pictures become numbers; nil where numbers go in.
  package let picture: Picture?
  /// The classes' names, in order.
  package let classNames: [String]?
  /// The network as the file has it: it takes what `picture` makes of bytes.
  package let network: () throws -> ModelRecipe

  package init(picture: Picture?, classNames: [String]?, network: @escaping () throws -> ModelRecipe) {
    self.picture = picture
    self.classNames = classNames
    self.network = network
  }

  /// A declared picture.
  package struct Picture: CustomStringConvertible {
    package let height: Int
    package let width: Int
    /// For each channel of the network which channel of a gray or RGB picture it is, and what is added to it.
    package let channels: [(source: Int, bias: Float)]
    /// Factor applied to bytes before the bias is added.
    package let scale: Float

    package init(height: Int, width: Int, channels: [(source: Int, bias: Float)], scale: Float) {
      self.height = height
      self.width = width
      self.channels = channels
      self.scale = scale
    }

    /// `RGB * 0.5 + (1.0, 2.0, 3.0)`, the biases in the network's order.
    package var description: String {
      let order = channels.count == 1 ? "gray" : channels.map { ["R", "G", "B"][min(2, $0.source)] }.joined()
      let biases = channels.map(\.bias)
      return "\(order) * \(scale)"
        + (biases.allSatisfy { $0 == 0 } ? "" : " + (\(biases.map { "\($0)" }.joined(separator: ", ")))")
    }

    /// `byte * scale + bias`, `[N, C, H, W]` of pictures `[N, H, W, C]`.
    func numbers(of pictures: Tensor) -> Tensor {
      let (shape, bytes) = (pictures.shape, pictures.floats)
      let area = shape[1] * shape[2]
      var numbers: [Float] = []
      numbers.reserveCapacity(bytes.count)
      for example in 0..<shape[0] {
        for channel in channels {
          for pixel in 0..<area {
            numbers.append(bytes[(example * area + pixel) * shape[3] + channel.source] * scale + channel.bias)
          }
        }
      }
      return Tensor(uncheckedShape: [shape[0], shape[3], shape[1], shape[2]], .float32(numbers))
    }
  }
}

extension ModelFileReader {
  package static func declaration(_ path: String) throws -> FileDeclaration {
    let recipe = try recipe(path, custom: [])
    return FileDeclaration(picture: nil, classNames: recipe.classNames) { recipe }
  }
}
