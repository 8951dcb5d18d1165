import Athanor
import Foundation
import Testing

@testable import AthanorDatasets

@Suite("Tables")
struct TableFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ text: String) throws -> String {
    try folder.write(Array(text.utf8), "t.csv")
    return folder["t.csv"]
  }

  /// The rows of a table with its header, as the reader sees them.
  private func rows(_ text: String) throws -> [[String]] {
    let reader = try TableReader(write(text))
    var rows = [reader.header]
    while try reader.next() { rows.append((0..<reader.fieldCount).map(reader.text)) }
    return rows
  }

  private func refusal(_ bytes: [UInt8]) throws -> String {
    try folder.write(bytes, "t.csv")
    do {
      let reader = try TableReader(folder["t.csv"])
      while try reader.next() {}
      return "none"
    } catch {
      return "\(error)".replacing(folder["t.csv"], with: "t.csv")
    }
  }

  private func refusal(_ text: String, target: String = "y", task: TableFile.TaskKind? = nil) throws -> String {
    let path = try write(text)
    do {
      _ = try TableFile(contentsOf: path, target: target, task: task)
      return "none"
    } catch {
      return "\(error)".replacing(path, with: "t.csv")
    }
  }

  @Test("Quotes, line ends, blanks and a byte order mark")
  func records() throws {
    #expect(try rows("a,b\n1,2\n3,4") == [["a", "b"], ["1", "2"], ["3", "4"]])
    #expect(
      try rows("\u{FEFF}a,b\r\n1,\"x, \"\"y\"\"\"\r\n\r\n\"two\nlines\", z \r\n") == [
        ["a", "b"], ["1", "x, \"y\""], ["two\nlines", "z"],
      ])
    #expect(try rows("a;b\r1;2,5\r;\r") == [["a", "b"], ["1", "2,5"], ["", ""]])
    #expect(try rows("a\tb\n\"\"\t5\" disk\n") == [["a", "b"], ["", "5\" disk"]])
    #expect(try rows("x\n1\n\n2\n") == [["x"], ["1"], [""], ["2"]])
    #expect(try rows("\"a,b\",\n1,2\n") == [["a,b", "column 2"], ["1", "2"]])
  }

  @Test("Damaged text is refused with its line")
  func damaged() throws {
    func text(_ text: String) throws -> String { try refusal(Array(text.utf8)) }
    #expect(try text("") == "t.csv: the table is empty. Its first line must hold the names of the columns.")
    #expect(
      try text("a,b\n1,2\n3\n")
        == "t.csv:3: the row has 1 value but the header 2 columns. Put values that hold commas or line breaks between quotes."
    )
    #expect(try text("a,b\n1,\"x\n\n") == "t.csv:2: the quote that begins here never ends. Close the quote.")
    #expect(
      try text("a,b\n1,\"x\"y\n")
        == "t.csv:2: text stands behind the closing quote of a value. Double the quotes within a value in quotes: \"\"."
    )
    #expect(
      try text("a,b\n\"1\n\",2\n3,4,5\n")
        == "t.csv:4: the row has 3 values but the header 2 columns. Put values that hold commas or line breaks between quotes."
    )
    #expect(
      try text("a,a\n1,2\n") == "t.csv:1: there are two columns named \"a\". Give each column a name of its own.")
    #expect(
      try text("1,2\n3,4\n")
        == "t.csv:1: the first line holds numbers and no names of columns. Give the table a header line.")
    #expect(
      try refusal(Array("a,b\n1,".utf8) + [0, 10]) == "t.csv:2: there is a zero byte. Save the table as text in UTF-8.")
    #expect(
      try refusal(Array("a,b\n1,".utf8) + [0xC3, 10]) == "t.csv:2: the text is not UTF-8. Save the table in UTF-8.")
    #expect(try refusal([0xFF, 0xFE, 97, 0]) == "t.csv: the text is UTF-16. Save the table in UTF-8.")
    let endless = Array("a,b\n\"".utf8) + [UInt8](repeating: 97, count: TableReader.largestRecord + 10)
    #expect(
      try refusal(endless)
        == "t.csv:2: the quote that begins here does not end within \(TableReader.largestRecord) bytes. Close the quote."
    )
  }

  @Test("Random bytes never crash, and records hold what was written")
  func fuzz() throws {
    var random = SystemRandomNumberGenerator()
    let alphabet = Array("a1,;\"\n\r\t ?.\u{0}é".utf8)
    for _ in 0..<300 {
      let count = Int.random(in: 0..<60, using: &random)
      _ = try refusal((0..<count).map { _ in alphabet.randomElement(using: &random) ?? 0 })
    }
    let values = ["", "x", "a,b", "q\"q", "l\nl", " blank ", "\"", ",", "\r\n", "é"]
    for _ in 0..<100 {
      let table = (0..<5).map { _ in (0..<3).map { _ in values.randomElement(using: &random) ?? "" } }
      let text = ([["p", "q", "r"]] + table).map { row in
        row.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.joined(separator: ",")
      }.joined(separator: "\n")
      #expect(try rows(text).dropFirst().map { $0 } == table.map { $0.map { $0.trimmingCharacters(in: [" ", "\t"]) } })
    }
  }

  @Test("Columns are told by their values")
  func columns() throws {
    var text = "id,name,when,size,colour,same,empty,mixed,y\n"
    for row in 0..<40 {
      let colour = row == 3 ? "NA" : ["red", "green", "blue"][row % 3]
      let size = row == 5 ? "" : "\(Double(row) * 1.5 + Double(row % 7))"
      let mixed = row == 7 ? "many" : "\(row % 4)"
      text +=
        "\(row + 1),name \(row),2024-01-\(row % 28 + 1),\(size),\(colour),7,,\(mixed),\(row % 4 == 0 ? "yes" : "no")\n"
    }
    text += "41,x,2024-01-01,1,red,7,,1,?\n"
    let table = try TableFile(contentsOf: write(text), target: "y")
    #expect(table.rowCount == 40 && table.exampleNumbers == Array(1...40))
    #expect(table.task == .classification(["no", "yes"]))
    #expect(table.classNumbers == (0..<40).map { $0 % 4 == 0 ? 1 : 0 })
    #expect(table.targetNumbers == nil)
    #expect(
      table.columns.map(\.kind) == [
        .unused("it numbers the rows"), .unused("it has 40 different texts in 40 rows"),
        .unused("it holds dates or times"), .numbers, .categories, .unused("all of its values are the same"),
        .unused("it has no values"), .categories, .target,
      ])
    #expect(
      table.findings == [
        "40 rows, 9 columns, separated by commas", "1 row has no \"y\" and is left out",
        "target \"y\": 2 classes: no 30, yes 10",
        "Class no has 3.0 times as many rows as class yes; balanced class weights let all classes count alike",
        "1 column of numbers: size",
        "column \"id\" is not used: it numbers the rows",
        "column \"name\" is not used: it has 40 different texts in 40 rows",
        "column \"when\" is not used: it holds dates or times",
        "column \"size\" has no value in 1 row, where the mean of the training rows is taken",
        "column \"colour\": 3 categories",
        "column \"colour\" has no value in 1 row, which counts as a category of its own",
        "column \"same\" is not used: all of its values are the same", "column \"empty\" is not used: it has no values",
        "column \"mixed\": 5 categories, because not all values are numbers: line 9 has \"many\"",
      ])
  }

  @Test("Row numbers are told where targets are missing too; a slip among numbers is named")
  func rowNumbers() throws {
    let rows = (0..<40).map { row in
      "\(row + 1),\(40 - row),\(row == 11 ? "-" : "\(row * row)"),\(Double(row) / 2),\(row == 5 ? "" : row < 20 ? "a" : "b")"
    }
    let table = try TableFile(contentsOf: write((["id,down,x,z,y"] + rows).joined(separator: "\n")), target: "y")
    #expect(
      table.columns.map(\.kind) == [
        .unused("it numbers the rows"), .unused("it numbers the rows"),
        .unused("most of its values are numbers, but line 13 has \"-\""), .numbers, .target,
      ])
  }

  @Test("Numbers that float32 does not tell apart are named")
  func nearNumbers() throws {
    let rows = (0..<40).map { "\(1_700_000_000 + $0 % 3),\($0 % 7),\(Double($0 % 5) / 4)" }
    let text = (["time,x,y"] + rows).joined(separator: "\n")
    let table = try TableFile(contentsOf: write(text), target: "y")
    #expect(
      table.findings.contains(
        "column \"time\" has numbers from 1700000000.0 to 1700000002.0, of which float32 tells only a few apart; subtract the same number from all of them"
      ))
    #expect(
      try refusal(text, target: "time", task: .regression)
        == "t.csv: the target \"time\" goes from 1700000000.0 to 1700000002.0, which float32 does not tell apart. Subtract the same number from all values."
    )
  }

  @Test("Targets are classes or numbers")
  func targets() throws {
    func task(_ values: [String], _ task: TableFile.TaskKind? = nil) throws -> TableFile.Task {
      let text = "x;y\n" + values.enumerated().map { "\(($0 * 7) % 11),5;\($1)\n" }.joined()
      return try TableFile(contentsOf: write(text), target: "y", task: task).task
    }
    let few = (0..<30).map { "\($0 % 3)" }
    #expect(try task(few) == .classification(["0", "1", "2"]))
    #expect(try task(few, .regression) == .regression)
    #expect(try task((0..<30).map { "\($0)" }) == .regression)
    #expect(try task((0..<30).map { "\($0 % 2 == 0 ? "1.0" : "-1")" }) == .classification(["-1", "1"]))
    #expect(try task((0..<30).map { "\($0 % 3),5" }) == .regression)
    #expect(try task((0..<30).map { "\($0 % 3),5" }, .classification) == .classification(["0.5", "1.5", "2.5"]))
    #expect(try task((0..<30).map { $0 % 2 == 0 ? "true" : "false" }) == .classification(["false", "true"]))
  }

  @Test("Tables from which nothing can be learnt are refused")
  func impossible() throws {
    #expect(
      try refusal("size,colour\n1,red\n", target: "colur")
        == "t.csv: there is no column \"colur\" to predict. Did you mean \"colour\"? Its columns are size, colour.")
    #expect(try refusal("x,y\n") == "t.csv: the table has a header but no rows. Give a table with rows.")
    #expect(
      try refusal("x,y\n1,a\n")
        == "t.csv: the table has one row and nothing can be learnt from that. Give a table with more rows.")
    #expect(
      try refusal("x,y\n1,\n2,NaN\n") == "t.csv: the target \"y\" is missing in all 2 rows. Name another target column."
    )
    #expect(try refusal("x,y\n1,a\n2,a\n") == "t.csv: the target \"y\" is \"a\" in all rows. Name another target.")
    #expect(
      try refusal("x,y\n1,2.5\n2,2.5\n", task: .regression)
        == "t.csv: the target \"y\" is 2.5 in all rows. Name another target.")
    #expect(
      try refusal("x,y\n3,a\n3,b\n")
        == "t.csv: no column can be used (\"x\": all of its values are the same). Give a table with columns of numbers or of "
        + "categories.")
    #expect(
      try refusal("y\na\nb\n")
        == "t.csv: the target \"y\" is the only column. Give a table with columns of numbers or of categories.")
    #expect(
      try refusal("x,y\n1,5\n2,b\n", task: .regression)
        == "t.csv:3: the target \"y\" is \"b\", which is no number. Predict classes, or correct the value.")
    let texts = (0..<10_000).map { "\($0 % 13),name \($0)\n" }.joined()
    #expect(
      try refusal("x,y\n" + texts)
        == "t.csv: the target \"y\" has 10,000 different values in 10,000 rows, too many for classes. Name another target."
    )
    let table = try TableFile(
      contentsOf: write("y,name,x\n" + texts.replacing("\n", with: ",0.5\n") + "1,b,2\n"), target: "y")
    #expect(table.columns[1].kind == .unused("it has 10,001 different texts in 10,001 rows"))
  }
}
