import Foundation

/// An event file of TensorBoard that is being written: records of `Event` messages (tensorflow/core/util/event.proto).
///
/// A record is the length of its message (8 bytes), the masked CRC-32C of these, the message, and its masked CRC-32C, numbers with the lowest byte
/// first. The file begins with the version of the format and the start of a session at a step: TensorBoard leaves out what earlier files of
/// the folder say of this step and later ones. It is only ever added to, so that TensorBoard can read it meanwhile.
final class EventFile {
  /// Whether the folder had no event file before.
  let isFirst: Bool
  private let path: String
  private let descriptor: Int32

  /// Begins a new file in a folder, which is made if need be.
  ///
  /// - Throws: `AthanorError` when it cannot be written.
  init(folder: String, firstStep: Int) throws {
    try FileBytes.makeFolder(folder)
    let earlier = try FileBytes.names(in: folder).filter { $0.hasPrefix(EventFile.prefix) }
    isFirst = earlier.isEmpty
    // TensorBoard reads the files of a folder in the order of their names.
    let latest = earlier.compactMap { Int($0.dropFirst(EventFile.prefix.count).prefix { $0 != "." }) }.max() ?? 0
    let time = max(Int(Date().timeIntervalSince1970), latest + 1)
    path = FileBytes.join(folder, "\(EventFile.prefix)\(time).\(ProcessInfo.processInfo.processIdentifier)")
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileBytes.systemError(path, "cannot be written") }
    var session = ProtoMessage()
    session.add(1, integer: 1)  // START
    try write([
      event(step: nil) { $0.add(3, text: "brain.Event:2") }, event(step: firstStep) { $0.add(7, session) },
    ])
  }

  deinit { close(descriptor) }

  private static let prefix = "events.out.tfevents."

  /// Writes the graph of a network, a `GraphDef`.
  func write(graph: ProtoMessage) throws {
    try write([event(step: nil) { $0.add(4, bytes: graph.bytes) }])
  }

  /// Writes figures of a step, a `Summary`.
  func write(step: Int, _ values: [SummaryValue]) throws {
    var summary = ProtoMessage()
    for value in values { summary.add(1, value.message) }
    try write([event(step: step) { $0.add(5, summary) }])
  }

  private func event(step: Int?, _ what: (inout ProtoMessage) -> Void) -> ProtoMessage {
    var event = ProtoMessage()
    event.add(1, double: Date().timeIntervalSince1970)
    if let step { event.add(2, integer: step) }
    what(&event)
    return event
  }

  private func write(_ messages: [ProtoMessage]) throws {
    var records: [UInt8] = []
    for message in messages {
      let length = littleEndian(UInt64(message.bytes.count))
      records += length + littleEndian(EventFile.maskedCheck(length))
      records += message.bytes + littleEndian(EventFile.maskedCheck(message.bytes))
    }
    try records.withUnsafeBytes { try FileBytes.append($0, to: descriptor, path: path) }
  }

  /// A check of bytes that may hold checks themselves: turned by 15 bits, and a constant added.
  private static func maskedCheck(_ bytes: [UInt8]) -> UInt32 {
    let check = CyclicRedundancyCheck.castagnoli(bytes)
    return (check >> 15 | check << 17) &+ 0xA282_EAD8
  }
}

/// A figure of an event: a `Summary.Value` (tensorflow/core/framework/summary.proto).
struct SummaryValue {
  let message: ProtoMessage

  private init(_ tag: String, _ add: (inout ProtoMessage) -> Void) {
    var message = ProtoMessage()
    message.add(1, text: tag)
    add(&message)
    self.message = message
  }

  /// A number.
  static func scalar(_ tag: String, _ value: Double) -> SummaryValue {
    SummaryValue(tag) { $0.add(2, float: Float(value)) }
  }

  /// A picture of bytes `[height, width, channels]`.
  static func picture(_ tag: String, _ picture: PictureBytes) -> SummaryValue {
    var image = ProtoMessage()
    image.add(1, integer: picture.height)
    image.add(2, integer: picture.width)
    image.add(3, integer: picture.channels)
    image.add(4, bytes: picture.png)
    return SummaryValue(tag) { $0.add(4, image) }
  }

  /// How numbers are spread: 30 ranges of equal width between the least and the greatest, as TensorFlow's `tf.summary.histogram`. Those that are
  /// not finite are left out.
  static func histogram(_ tag: String, _ numbers: [Float]) -> SummaryValue {
    let numbers = numbers.lazy.map { Double($0) }.filter(\.isFinite)
    let (low, high) = (numbers.min() ?? 0, numbers.max() ?? 0)
    let count = high > low ? 30 : 1
    let width = (high - low) / Double(count)
    var counts = [Double](repeating: 0, count: count)
    var (total, sum, squares) = (0.0, 0.0, 0.0)
    for number in numbers {
      counts[width > 0 ? min(Int((number - low) / width), count - 1) : 0] += 1
      (total, sum, squares) = (total + 1, sum + number, squares + number * number)
    }
    var histogram = ProtoMessage()
    for (field, value) in [low, high, total, sum, squares].enumerated() { histogram.add(field + 1, double: value) }
    histogram.add(6, doubles: (1...count).map { $0 == count ? high : low + width * Double($0) })
    histogram.add(7, doubles: counts)
    return SummaryValue(tag) { $0.add(5, histogram) }
  }
}
