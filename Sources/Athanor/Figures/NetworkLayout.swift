/// Where the calls of a network are drawn: in rows by the longest way from an input, so that every line leads down.
///
/// Source: Sugiyama, Tagawa and Toda 1981 (rows, places kept free for lines that pass a row, order by the mean of neighbours).
package struct NetworkLayout {
  /// A box, or where a line passes a row.
  private struct Item {
    let row: Int
    let width: Double
    var above: [Int] = []
    var below: [Int] = []
    var x = 0.0
  }

  /// The middle of each node.
  package let middles: [Double]
  /// The row of each node.
  package let rows: [Int]
  /// For each edge the middles in all rows from its start to its end.
  package let lines: [[Double]]
  package let width: Double

  private static let gap = 18.0
  private static let lineWidth = 6.0
  private static let sweeps = 12

  /// - Parameters:
  ///   - widths: The width of each node.
  ///   - edges: From a node to a later one.
  package init(widths: [Double], edges: [(from: Int, to: Int)]) {
    var rows = [Int](repeating: 0, count: widths.count)
    for edge in edges.sorted(by: { $0.to < $1.to }) { rows[edge.to] = max(rows[edge.to], rows[edge.from] + 1) }
    var items = widths.indices.map { Item(row: rows[$0], width: widths[$0]) }
    var paths: [[Int]] = []
    for edge in edges {
      var path = [edge.from]
      for row in rows[edge.from] + 1..<max(rows[edge.to], rows[edge.from] + 1) {
        items.append(Item(row: row, width: NetworkLayout.lineWidth))
        path.append(items.count - 1)
      }
      path.append(edge.to)
      for (upper, lower) in zip(path, path.dropFirst()) {
        items[upper].below.append(lower)
        items[lower].above.append(upper)
      }
      paths.append(path)
    }
    var order = [[Int]](repeating: [], count: (rows.max() ?? -1) + 1)
    for index in items.indices { order[items[index].row].append(index) }
    for row in order.indices { NetworkLayout.place(&order[row], &items, wishes: order[row].map { _ in 0 }) }
    for sweep in 0..<NetworkLayout.sweeps {
      let isDown = sweep % 2 == 0
      for row in isDown ? Array(order.indices) : order.indices.reversed() {
        let wishes = order[row].map { index in
          let neighbours = isDown ? items[index].above : items[index].below
          return neighbours.isEmpty
            ? items[index].x : neighbours.reduce(0) { $0 + items[$1].x } / Double(neighbours.count)
        }
        NetworkLayout.place(&order[row], &items, wishes: wishes)
      }
    }
    let left = items.map { $0.x - $0.width / 2 }.min() ?? 0
    middles = widths.indices.map { items[$0].x - left }
    lines = paths.map { path in path.map { items[$0].x - left } }
    width = (items.map { $0.x + $0.width / 2 }.max() ?? 0) - left
    self.rows = rows
  }

  /// Orders a row by where its items want to be, and places them side by side as near to that as they can be.
  private static func place(_ row: inout [Int], _ items: inout [Item], wishes: [Double]) {
    let sorted = zip(row, wishes).enumerated().sorted { left, right in
      left.element.1 == right.element.1 ? left.offset < right.offset : left.element.1 < right.element.1
    }.map(\.element)
    row = sorted.map(\.0)
    var end = -Double.infinity
    var shift = 0.0
    for (index, wish) in sorted {
      let x = max(wish, end + items[index].width / 2)
      items[index].x = x
      shift += wish - x
      end = x + items[index].width / 2 + gap
    }
    shift /= Double(max(row.count, 1))
    for index in row { items[index].x += shift }
  }
}
