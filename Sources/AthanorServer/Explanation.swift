import Athanor
import Foundation

/// What the page shows beside the answer: the picture that the network sees, and what its first layers respond to.
struct Explanation {
  /// How many responses of a layer are sent at most, and how long their sides are at most, so that an answer stays small.
  private static let (mapLimit, sideLimit) = (64, 64)
  /// How long the sides of the picture are at most.
  private static let pictureLimit = 256

  let fields: [String: JSONValue]

  /// - Parameter picture: One picture `[1, H, W, C]`, bytes.
  init(of picture: Tensor, _ model: ServedModel, _ pictures: ServedModel.Pictures) async throws {
    var fields = try await model.answer(to: picture, pictures)
    fields["picture"] = Explanation.picture(picture)
    var layers: [JSONValue] = []
    for layer in model.seenLayers {
      let responses = try await layer.queue.predict([picture], count: 1)[0]
      layers.append(
        .object(Explanation.maps(responses).merging(["name": .text(layer.name), "kind": .text(layer.kind)]) { $1 }))
    }
    fields["layers"] = .array(layers)
    self.fields = fields
  }

  private static func picture(_ picture: Tensor) -> JSONValue {
    let (height, width, channels) = (picture.shape[1], picture.shape[2], picture.shape[3])
    let pixels = picture.floats.map { UInt8(min(max($0, 0), 255)) }
    // A model of open lengths takes pictures of any size; the page shows no more than this.
    let step = max(1, (max(height, width) + pictureLimit - 1) / pictureLimit)
    let shown = stride(from: 0, to: height, by: step).flatMap { y in
      stride(from: 0, to: width, by: step).flatMap { x in
        let first = (y * width + x) * channels
        return pixels[first..<first + channels]
      }
    }
    return .object([
      "height": .integer((height + step - 1) / step), "width": .integer((width + step - 1) / step),
      "channels": .integer(channels), "pixels": .text(Data(shown).base64EncodedString()),
    ])
  }

  /// The responses `[1, H, W, C]` of a layer as bytes, one picture for each of its filters: 0 for none, 255 for the largest of the layer.
  private static func maps(_ responses: Tensor) -> [String: JSONValue] {
    let (height, width, channels) = (responses.shape[1], responses.shape[2], responses.shape[3])
    let step = max(1, (max(height, width) + sideLimit - 1) / sideLimit)
    let values = responses.floats
    let largest = values.reduce(0) { max($0, abs($1)) }
    let scale = largest > 0 && largest.isFinite ? 255 / largest : 0
    let maps = (0..<min(channels, mapLimit)).map { channel in
      let bytes = stride(from: 0, to: height, by: step).flatMap { y in
        stride(from: 0, to: width, by: step).map { x -> UInt8 in
          let value = abs(values[(y * width + x) * channels + channel]) * scale
          return value.isFinite ? UInt8(min(value, 255)) : 0
        }
      }
      return JSONValue.text(Data(bytes).base64EncodedString())
    }
    return [
      "height": .integer((height + step - 1) / step), "width": .integer((width + step - 1) / step),
      "count": .integer(channels), "largest": .number(Double(largest)), "maps": .array(maps),
    ]
  }
}
