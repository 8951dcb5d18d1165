/// Finds places in one block of memory for values whose lifetimes are known, so that values which never live at the same
/// time may share memory.
///
/// Largest first, each at the lowest offset where it overlaps no placed value that lives at the same time
/// (the "greedy by size" of Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020).
package struct MemoryPlan {
  package struct Request {
    package let byteCount: Int
    /// The first and the last step at which the value is needed.
    package let lifetime: ClosedRange<Int>

    package init(byteCount: Int, lifetime: ClosedRange<Int>) {
      self.byteCount = byteCount
      self.lifetime = lifetime
    }
  }

  package static let alignment = 64

  package let offsets: [Int]
  package let byteCount: Int

  package init(_ requests: [Request]) {
    var offsets = [Int](repeating: 0, count: requests.count)
    var placed: [Int] = []  // by offset
    var end = 0
    let order = requests.indices.sorted { (requests[$0].byteCount, $1) > (requests[$1].byteCount, $0) }
    for index in order {
      let size = MemoryPlan.aligned(requests[index].byteCount)
      var offset = 0
      for other in placed where requests[other].lifetime.overlaps(requests[index].lifetime) {
        if offsets[other] >= offset + size { break }
        offset = max(offset, offsets[other] + MemoryPlan.aligned(requests[other].byteCount))
      }
      offsets[index] = offset
      end = max(end, offset + size)
      let position = placed.firstIndex { offsets[$0] > offset } ?? placed.count
      placed.insert(index, at: position)
    }
    self.offsets = offsets
    self.byteCount = end
  }

  static func aligned(_ byteCount: Int) -> Int { (byteCount + alignment - 1) / alignment * alignment }
}
