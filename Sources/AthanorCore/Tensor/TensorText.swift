extension Tensor: CustomStringConvertible {
  /// Type, shape and elements; of more than 16 along an axis the first and last three, as NumPy prints them.
  ///
  ///     float32 (2, 3) [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
  public var description: String {
    var text = "\(dtype.rawValue) (\(shape.map(String.init).joined(separator: ", "))\(shape.count == 1 ? "," : "")) "
    write(axis: 0, from: 0, to: &text)
    return text
  }

  private func write(axis: Int, from start: Int, to text: inout String) {
    guard axis < shape.count else {
      text += element(start)
      return
    }
    let (length, stride) = (shape[axis], shape[(axis + 1)...].reduce(1, *))
    text += "["
    let isShort = length <= 16 && count <= 1000 || length <= 6
    for place in isShort ? Array(0..<length) : Array(0..<3) + Array((length - 3)..<length) {
      if place > 0 { text += ", " }
      if !isShort, place == length - 3 { text += "..., " }
      write(axis: axis + 1, from: start + place * stride, to: &text)
    }
    text += "]"
  }

  private func element(_ place: Int) -> String {
    switch storage {
    case .float32(let values): "\(values[place])"
    case .float64(let values): "\(values[place])"
    case .int32(let values): "\(values[place])"
    case .uint8(let values): "\(values[place])"
    }
  }
}
