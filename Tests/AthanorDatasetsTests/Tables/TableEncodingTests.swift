import Athanor
import Foundation
import Testing

@testable import AthanorDatasets

@Suite("Tables as examples")
struct TableEncodingTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ text: String, _ name: String = "t.csv") throws -> String {
    try folder.write(Array(text.utf8), name)
    return folder[name]
  }

  private let colours =
    "size,colour,weight,y\n1,red,10,no\n2,blue,20,yes\n,red,30,no\n4,,40,yes\n5,green,50,no\n6,blue,60,yes\n"

  private func text(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "none"
    } catch {
      return "\(error)".replacing(folder["t.csv"], with: "t.csv")
    }
  }

  @Test("Means, variances and categories are those of the training rows")
  func fitted() throws {
    let table = try TableFile(contentsOf: write(colours), target: "y", ignoring: ["weight"])
    let encoding = try TableEncoding(fittedTo: table, rows: [0, 1, 2, 3])
    let (mean, variance) = (7.0 / 3, 14.0 / 9)
    #expect(encoding.columns.count == 2)
    guard case .number(let foundMean, let foundVariance) = encoding.columns[0].kind else {
      Issue.record("no number")
      return
    }
    #expect(abs(foundMean - mean) < 1e-12 && abs(foundVariance - variance) < 1e-12)
    #expect(encoding.columns[1] == TableEncoding.Column(name: "colour", kind: .category(["blue", "red"])))
    #expect(encoding.target == .classes(["no", "yes"]))

    let data = try encoding.dataset(table, rows: [2, 3, 4, 5])
    #expect(data.inputsByName["numbers"]?.storage == .float32([Float(mean), 4, 5, 6]))
    // red, missing, unknown, blue
    #expect(data.inputsByName["category_1"]?.storage == .int32([2, 0, 0, 1]))
    #expect(data.targets.storage == .int32([0, 1, 0, 1]))
    #expect(data.classNames == ["no", "yes"])
    #expect(
      text { _ = try encoding.dataset(table, rows: [6]) } == "t.csv: row 6 was asked for, but there are rows 0 to 5.")
    #expect(
      text { _ = try TableEncoding(fittedTo: table, rows: []) } == "t.csv: there are no rows to learn from. Give some.")
  }

  @Test("A table for a trained model is read by the names of its columns")
  func reread() throws {
    let table = try TableFile(contentsOf: write(colours), target: "y")
    let encoding = try TableEncoding(fittedTo: table, rows: Array(0..<6))
    let other = try TableFile(
      contentsOf: write("y;extra;weight;colour;size\nyes;a;1;violet;2,5\n;b;;red;\n"), for: encoding)
    #expect(other.rowCount == 2 && other.classNumbers == nil)
    #expect(other.findings == ["column \"colour\" has 1 category that the model does not know: violet"])
    let inputs = try encoding.inputs(other, rows: [0, 1])
    #expect(inputs["numbers"]?.storage == .float32([2.5, 1, 3.6, 35]))
    #expect(inputs["category_1"]?.storage == .int32([0, 3]))
    #expect(
      text { _ = try encoding.dataset(other, rows: [0]) }
        == "t.csv: there is no column \"y\" with the targets. Give a table with this column.")
    let evaluated = try TableFile(contentsOf: folder["t.csv"], for: encoding, needsTargets: true)
    #expect(evaluated.exampleNumbers == [1] && evaluated.classNumbers == [1])

    func refusal(_ contents: String, needsTargets: Bool = false) throws -> String {
      let path = try write(contents)
      return text { _ = try TableFile(contentsOf: path, for: encoding, needsTargets: needsTargets) }
    }
    #expect(
      try refusal("size,color,weight\n1,red,1\n")
        == "t.csv: the column \"colour\", which the model needs, is missing. Did you mean \"color\"? Give a table with the columns "
        + "of the training.")
    #expect(
      try refusal("size,colour,weight\n1,red,1\nbig,red,1\n")
        == "t.csv:3: column \"size\" is \"big\", but the model takes numbers. Correct the value, or leave it empty.")
    #expect(
      try refusal("size,colour,weight,y\n1,red,1,maybe\n", needsTargets: true)
        == "t.csv:2: the target is \"maybe\", which is none of the model's classes. They are no, yes.")
    #expect(try refusal("size,colour,weight\n") == "t.csv: the table has no rows. Give a table with rows.")
  }

  @Test("Classes that are numbers, decimal commas, and rows without a prediction")
  func numbers() throws {
    let rows = (0..<40).map { "\($0 % 10),\($0 % 3);\($0 % 2 == 0 ? "0,50" : "1")\n" }.joined()
    // Empty lines before the header are passed over.
    let path = try write("\u{FEFF}\n\r\nx;y\n" + rows)
    let table = try TableFile(contentsOf: path, target: "y", task: .classification)
    let encoding = try TableEncoding(fittedTo: table, rows: Array(0..<40))
    #expect(encoding.classNames == ["0.5", "1"])
    let again = try TableFile(contentsOf: write("x;y\n1;1.0\n2;0,50\n3;.5\n"), for: encoding, needsTargets: true)
    #expect(again.classNumbers == [1, 0, 0])
    let wrong = try write("x;y\n1;0,51\n")
    #expect(
      text { _ = try TableFile(contentsOf: wrong, for: encoding, needsTargets: true) }
        == "t.csv:2: the target is \"0,51\", which is none of the model's classes. Did you mean \"0.5\"? They are 0.5, 1."
    )
    let commas = try TableFile(contentsOf: write("x;z\n2,5;0\n3e38;0\n"), for: encoding)
    let model = try encoding.model(hidden: [], seed: 1, threads: 1)
    // As with a value so large that the sums overflow.
    try model.setWeights(["classes/bias": Tensor(shape: [2], [.infinity, 0])])
    let failed = try encoding.predictions(of: model, for: commas)
    #expect(failed.map(\.text) == ["", ""] && failed.allSatisfy { $0.probability?.isNaN == true })
    let predictions = [
      TableEncoding.Prediction(text: "0.5", probability: 0.75), TableEncoding.Prediction(text: "", probability: .nan),
    ]
    try commas.write(predictions, to: folder["p.csv"])
    #expect(
      try String(contentsOfFile: folder["p.csv"], encoding: .utf8)
        == "x;z;prediction;probability\n2,5;0;0.5;0,75\n3e38;0;;\n")
    try commas.write([.init(text: "1.5", probability: nil), .init(text: "", probability: nil)], to: folder["p.csv"])
    #expect(
      try String(contentsOfFile: folder["p.csv"], encoding: .utf8) == "x;z;prediction\n2,5;0;1,5\n3e38;0;\n")
  }

  @Test("A model learns a table, keeps its encoding, and writes predictions beside the rows")
  func trained() throws {
    var text = "x,word,\"a \"\"name\"\"\",y\n"
    for row in 0..<120 {
      let word = "w\(row % 24)"
      text +=
        "\(row % 10),\(word),\"\(row % 3 == 0 ? "k, l" : "m")\",\(row % 10 > 4 || row % 24 < 3 ? "\"a,b\"" : "c")\n"
    }
    let table = try TableFile(contentsOf: write(text), target: "y")
    let encoding = try TableEncoding(fittedTo: table, rows: Array(0..<120))
    let model = try encoding.model(hidden: [16], dropout: 0, seed: 1, threads: 1)
    #expect(
      model.inputs.map(\.name) == ["numbers", "category_1", "category_2"]
        && model.summaryRows.map(\.kind).filter { ["Embedding", "CategoryEncoding"].contains($0) }
          == ["Embedding", "CategoryEncoding"]
    )
    try model.compile(
      optimizer: .adam(learningRate: 0.01), loss: .categoricalCrossentropy, metrics: [.accuracy])
    try model.fit(encoding.dataset(table, rows: Array(0..<120)), epochs: 40, batchSize: 20, verbose: .silent)
    #expect(model.classNames == ["a,b", "c"])
    for ending in ["safetensors"] {
      let path = folder["m.\(ending)"]
      try model.save(to: path)
      let copy = try Model(contentsOf: path, threads: 1)
      #expect(copy.tableEncoding == encoding)
      let input = try TableFile(contentsOf: folder["t.csv"], for: encoding)
      let predictions = try encoding.predictions(of: copy, for: input)
      try input.write(predictions, to: folder["p.csv"])
      let reader = try TableReader(folder["p.csv"])
      #expect(reader.header == ["x", "word", "a \"name\"", "y", "prediction", "probability"])
      var (right, count) = (0, 0)
      while try reader.next() {
        right += reader.text(3) == reader.text(4) ? 1 : 0
        count += 1
        #expect(try #require(Float(reader.text(5))) >= 0.5)
      }
      #expect(count == 120 && right >= 116, "\(right)")
      let again = try TableFile(contentsOf: folder["p.csv"], for: encoding)
      #expect(
        self.text { try again.write(predictions, to: folder["q.csv"]) }.hasSuffix(
          "p.csv: there is a column \"prediction\" already, as predictions would be called. Rename it, or predict the original table."
        ))
    }
  }

  @Test("A number is predicted in the target's own units")
  func regression() throws {
    let text = "x,y\n" + (0..<80).map { "\($0 % 20),\(50_000 + 3_000 * ($0 % 20))\n" }.joined()
    let table = try TableFile(contentsOf: write(text), target: "y", task: .regression)
    let encoding = try TableEncoding(fittedTo: table, rows: Array(0..<80))
    let model = try encoding.model(hidden: [16], dropout: 0, seed: 1, threads: 1)
    try model.compile(optimizer: .adam(learningRate: 0.01), loss: .meanSquaredError)
    try model.fit(encoding.dataset(table, rows: Array(0..<80)), epochs: 120, batchSize: 20, verbose: .silent)
    let predictions = try encoding.predictions(of: model, for: table)
    for row in 0..<20 {
      #expect(abs(try #require(Float(predictions[row].text)) - Float(50_000 + 3_000 * row)) < 2_500)
      #expect(predictions[row].probability == nil)
    }
  }

  @Test("Damaged encodings of files are refused")
  func damaged() throws {
    func read(_ json: String) -> String {
      self.text {
        let report = ReadingReport()
        let configuration = try Configuration(parsing: json, at: "f", report: report)
        _ = try TableEncoding(configuration)
        try configuration.requireAllRead()
      }
    }
    let column = #"{"mean":0,"name":"x","variance":1}"#
    #expect(read(#"{"classes":["a","b"],"columns":[\#(column)],"target":"y"}"#) == "none")
    #expect(
      read(#"{"classes":["a","b"],"columns":[\#(column),\#(column)],"target":"y"}"#)
        == "f: there are two columns named \"x\".")
    #expect(
      read(#"{"classes":["a","a"],"columns":[\#(column)],"target":"y"}"#)
        == "f: target \"y\" needs at least two classes of different names.")
    #expect(read(#"{"classes":["a","b"],"columns":[],"target":"y"}"#) == "f: there are no columns to learn from.")
    #expect(
      read(#"{"columns":[\#(column)],"mean":1,"target":"y","variance":-1}"#)
        == "f: target \"y\" has mean 1.0 and variance -1.0.")
    #expect(
      read(#"{"columns":[{"categories":["p","p"],"name":"x"}],"mean":1,"target":"y","variance":1}"#)
        == "f: a category of column \"x\" comes twice.")
    #expect(read(#"{"classes":["a","b"],"columns":[\#(column)],"target":"y","size":3}"#) != "none")

    let table = try TableFile(contentsOf: write(colours), target: "y")
    let encoding = try TableEncoding(fittedTo: table, rows: Array(0..<6))
    let other = try Model(input: [3], layers: [Dense(2, activation: .softmax)])
    #expect(
      self.text { try encoding.check(other, at: "f") }
        == "f: its encoding of tables makes numbers float32(2,), category_1 int32(1,) and takes 2 numbers, but the model takes "
        + "input_layer float32(3,) and gives dense float32(2,). The file is damaged.")
  }
}
