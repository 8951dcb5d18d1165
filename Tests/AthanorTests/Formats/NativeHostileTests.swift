import Athanor
import Foundation
import Testing

@Suite("Damaged and hostile .safetensors files give an error that says where, never a crash")
struct NativeHostileTests {
  private let folder: TemporaryFolder
  private let good: SafetensorsReader

  init() throws {
    folder = try TemporaryFolder()
    let path = folder.path("good.safetensors")
    let x = Input([4], name: "x")
    let base = try Sequential(input: [4], name: "base", threads: 1) { Dense(3, activation: .relu) }
    let joined = Concatenate()(base(x), Dense(2, name: "side")(x))
    let model = try Model(
      inputs: [x], outputs: [Dense(3, activation: .softmax, name: "head")(BatchNormalization()(joined))], name: "net",
      threads: 1)
    try model.compile(
      optimizer: .adam(learningRate: .cosineDecay(initial: 0.01, steps: 9)), loss: .sparseCategoricalCrossentropy,
      metrics: [.accuracy, .topKAccuracy(2)])
    try model.fit(
      NativeModels.data(model, 9), epochs: 2, batchSize: 4,
      callbacks: [
        EarlyStopping(monitor: .loss, patience: 9, mode: .max, restoreBestWeights: true),
        ModelCheckpoint(path, everyBatches: 1),
      ], verbose: .silent)
    good = try SafetensorsReader(path)
  }

  private func tensors() throws -> [String: Tensor] {
    try Dictionary(uniqueKeysWithValues: good.entries.keys.map { ($0, try good.tensor($0)) })
  }

  private func write(_ metadata: [String: String], _ tensors: [String: Tensor]) throws {
    try SafetensorsWriter.write(
      tensors.map { SafetensorsSource($0.key, $0.value) }, metadata: metadata, to: folder.path("a.safetensors"))
  }

  private func load(compiled: Bool = true) throws -> Model {
    try Model(contentsOf: folder.path("a.safetensors"), threads: 1, compiled: compiled, custom: NativeModels.custom)
  }

  /// The error of reading what is in the file, without the folder's path.
  private func errorOfLoading() -> String {
    errorText {
      let model = try load()
      // What `fit(resume: true)` says where the state does not fit.
      if model.training != nil { try model.pendingState?(model) }
    }.replacingOccurrences(of: folder.url.path + "/", with: "")
  }

  /// The error of reading the file with another text in its metadata.
  private func error(_ key: String, _ old: String, _ new: String, sourceLocation: SourceLocation = #_sourceLocation)
    throws
    -> String
  {
    var metadata = good.metadata
    let text = try #require(metadata[key])
    #expect(text.contains(old), "\(text)", sourceLocation: sourceLocation)
    metadata[key] = text.replacingOccurrences(of: old, with: new)
    try write(metadata, tensors())
    return errorOfLoading()
  }

  private func error(_ change: (inout [String: Tensor]) throws -> Void) throws -> String {
    var tensors = try tensors()
    try change(&tensors)
    try write(good.metadata, tensors)
    return errorOfLoading()
  }

  @Test("Networks that cannot be")
  func networks() throws {
    let network = "a.safetensors, model.network"
    let damaged = "The file is damaged."
    // Calls: 0 base, 1 side, 2 concatenate, 3 batch normalisation, 4 head.
    #expect(
      try error(
        "model", #"[{"call":0,"result":0},{"call":1,"result":0}]"#, #"[{"call":0,"result":0},{"call":2,"result":0}]"#)
        == #"\#(network): calls[2]: it reads {"call":2,"result":0}, which is not there before it. \#(damaged)"#)
    #expect(
      try error(
        "model", #"[{"call":0,"result":0},{"call":1,"result":0}]"#, #"[{"call":4,"result":0},{"call":1,"result":0}]"#)
        == #"\#(network): calls[2]: it reads {"call":4,"result":0}, which is not there before it. \#(damaged)"#)
    #expect(
      try error(
        "model", #"[{"call":0,"result":0},{"call":1,"result":0}]"#, #"[{"call":0,"result":1},{"call":1,"result":0}]"#)
        == "a.safetensors: concatenate (layer 3, Concatenate): it reads result 2 of layer \"base\", which has 1.")
    #expect(
      try error("model", #"[{"call":0,"result":0},{"call":1,"result":0}]"#, #"[]"#)
        == "\(network): calls[2]: it has no arguments, or there is no layer 2. \(damaged)")
    #expect(
      try error("model", #"[{"call":0,"result":0},{"call":1,"result":0}]"#, #"[{"call":0,"result":0}]"#)
        == "a.safetensors: concatenate (layer 3, Concatenate): it was called with 1 inputs but needs at least 2. "
        + "Call it on several inputs.")
    #expect(
      try error("model", #"[{"call":2,"result":0}]"#, #"[{"call":2,"result":0},{"input":0}]"#)
        == "a.safetensors: batch_normalization (layer 4, BatchNormalization): it was called with 2 inputs but takes one. "
        + "Join them first, for example by a Concatenate layer.")
    #expect(
      try error("model", #""value":{"call":4,"result":0}"#, #""value":{"call":5,"result":0}"#)
        == #"\#(network): output "head": it is {"call":5,"result":0}, which is not there. \#(damaged)"#)
    let most = Int.max
    #expect(
      try error("model", #""value":{"call":4,"result":0}"#, #""value":{"call":4,"result":\#(most)}"#)
        == #"\#(network): output "head": it is {"call":4,"result":\#(most)}, which is not there. \#(damaged)"#)
    #expect(
      try error("model", #""layer":4"#, #""layer":5"#)
        == "\(network): calls[4]: it has no arguments, or there is no layer 5. \(damaged)")
    #expect(
      try error("model", #""layer":4"#, #""layer":3"#) == "\(network): layer \"head\": it is never called. \(damaged)")
    #expect(
      try error("model", #""name":"side""#, #""name":"head""#)
        == "\(network): layer \"head\": its name is taken, empty or contains a slash. \(damaged)")
    #expect(
      try error("model", #""lengths":["batch",4],"name":"x""#, #""lengths":["batch",4,1099511627776],"name":"x""#)
        .hasPrefix("\(network): input \"x\": its "))
    #expect(
      try error("model", #"{"dtype":"float32","example_axis":0,"lengths":["batch",4],"name":"x"}"#, "")
        == "\(network): it has 0 inputs and 1 outputs but needs at least one of each. \(damaged)")
    #expect(
      try error("model", #""class_name":"Concatenate""#, #""class_name":"Konkatenate""#)
        .hasPrefix(
          "\(network).layers[2]: there is no layer named \"Konkatenate\". Did you mean \"Concatenate\"? Known are "))
  }

  @Test("Networks of networks whose calls would be without end")
  func explosion() throws {
    var model = try Configuration(parsing: #require(good.metadata["model"]), at: "a")
    // Each model calls the one within it twice: 2^40 calls.
    var network = #"{"inputs":[{"dtype":"float32","example_axis":0,"lengths":["batch",4],"name":"x"}],"#
    network += #""layers":[{"class_name":"Activation","config":{"name":"a","trainable":true,"activation":"relu"}}],"#
    network +=
      #""calls":[{"layer":0,"arguments":[{"input":0}],"training":null}],"outputs":[{"name":"y","value":{"call":0,"result":0}}]}"#
    for _ in 0..<40 {
      let inputs = #"{"inputs":[{"dtype":"float32","example_axis":0,"lengths":["batch",4],"name":"x"}],"#
      let layers = #""layers":[{"network":\#(network),"config":{"name":"m","trainable":true}}],"#
      let calls = #"{"layer":0,"arguments":[{"input":0}]},{"layer":0,"arguments":[{"call":0,"result":0}]}"#
      network = inputs + layers + #""calls":[\#(calls)],"outputs":[{"name":"y","value":{"call":1,"result":0}}]}"#
    }
    model["network"] = try JSONValue(parsing: network, at: "a")
    try write(["athanor": "1", "model": model.jsonValue.description], [:])
    let text = errorOfLoading()
    #expect(text.hasPrefix("a.safetensors, model.network.layers[0].network"))
    #expect(text.hasSuffix(": it has more than 50000 calls. The file is damaged."))
  }

  @Test("Tensors: missing, left over, of another shape or type; before memory is taken")
  func tensorErrors() throws {
    let kernel = "base/dense/kernel"
    #expect(
      try error { $0[kernel] = nil }
        == "a.safetensors, tensor \"\(kernel)\": there is no tensor of this name. "
        + "The file belongs to another network.")
    #expect(
      try error { $0["extra"] = try noise([2]) }
        == "a.safetensors, tensor \"extra\": the model has no weight of this name. "
        + "The file is damaged or belongs to another network.")
    #expect(
      try error { $0[kernel] = try noise([3, 4]) }
        == "a.safetensors, tensor \"\(kernel)\": it has shape (3, 4) but the model needs (4, 3). "
        + "The file is damaged or belongs to another network.")
    #expect(
      try error { $0[kernel] = try Tensor(shape: [4, 3], integers: Array(0..<12)) }
        == "a.safetensors, tensor \"\(kernel)\": its elements are I32 but a model's are F32. Convert the file to 32-bit numbers."
    )
    #expect(
      try error("model", #""units":2,"#, #""units":1073741824,"#)
        == "a.safetensors, tensor \"side/kernel\": it has shape (4, 2) but the model needs (4, 1073741824). "
        + "The file is damaged or belongs to another network.")
    #expect(
      try error("model", #""units":3,"#, #""units":1073741824,"#)
        == "a.safetensors: head (layer 5, Dense): weight \"kernel\" would have shape (1073741826, 1073741824). "
        + "Each length must be at least 1, and all together fit into memory.")
    #expect(
      try error { $0["optimizer/momentum/\(kernel)"] = nil }
        == "a.safetensors, optimizer: tensor \"optimizer/momentum/\(kernel)\" is missing for the optimizer that the model is compiled "
        + "with, which keeps momentum, velocity. Compile with the optimizer of the interrupted training.")
    #expect(
      try error { $0["optimizer/third/\(kernel)"] = try noise([4, 3]) }
        == "a.safetensors, optimizer: tensor \"optimizer/third/\(kernel)\" is left over for the optimizer that the model is compiled "
        + "with, which keeps momentum, velocity. Compile with the optimizer of the interrupted training.")
    #expect(
      try error { $0["optimizer/velocity/\(kernel)"] = try noise([4]) }
        == "a.safetensors, tensor \"optimizer/velocity/\(kernel)\": it has shape (4,) but the model needs (4, 3). "
        + "The file is damaged or belongs to another network.")
    let places = "has no place in the stores, or several, or lies where another one cannot. The file is damaged."
    #expect(
      try error("model", #""side/kernel""#, #""side/bias""#) == "a.safetensors, model: weight \"side/bias\" \(places)")
    #expect(
      try error("model", #""shared":{}"#, #""shared":{"side/kernel":"head/kernel"}"#)
        == "a.safetensors, tensor \"side/kernel\": the model has no weight of this name. "
        + "The file is damaged or belongs to another network.")
    // Best weights of another network are found when training begins.
    try write(good.metadata, tensors().filter { $0.key != "callbacks/0 EarlyStopping/\(kernel)" })
    let model = try load()
    expectError(
      "fit: the best weights in the checkpoint are those of another network. Resume the model that was read from the checkpoint."
    ) {
      try model.fit(
        NativeModels.data(model, 9), epochs: 3, batchSize: 4,
        callbacks: [EarlyStopping(monitor: .loss, patience: 9, mode: .max, restoreBestWeights: true)],
        verbose: .silent, resume: true)
    }
  }

  @Test("What is said of training: a model that predicts, with a warning; impossible states are errors of going on")
  func training() throws {
    func warnings(_ old: String, _ new: String) throws -> [String] {
      #expect(try error("training", old, new) == "(no error)")
      let model = try load()
      _ = try model.predict(noise([2, 4]))
      #expect(model.training == nil)
      return model.warnings.map { $0.replacingOccurrences(of: folder.url.path + "/", with: "") }
    }
    let rest =
      ", so the model is not compiled. Compile it with its optimizer, losses and metrics; fit(resume: true) then goes on where the "
      + "file stands."
    #expect(
      try warnings("sparse_categorical_crossentropy", "own")
        == ["a.safetensors, training.goals[0].loss: there is no loss named \"own\"\(rest)"])
    #expect(
      try warnings("\"accuracy\"", "\"own\"")
        == ["a.safetensors, training.goals[0].metrics[0]: there is no metric named \"own\"\(rest)"])
    #expect(
      try warnings("\"Adam\"", "\"Adem\"")
        == [
          "a.safetensors, training.optimizer.class_name: SGD, RMSprop, Adam, AdamW, Adamax, Nadam, Adagrad, Adadelta, Ftrl or Lion was expected but Adem was found\(rest)"
        ])
    #expect(
      try warnings("0.01", "\"nan\"")
        == [
          "a.safetensors, training: learning rate: cosineDecay(initial: nan, steps: 9, alpha: 0.0) needs numbers above zero\(rest)"
        ])
    #expect(
      try warnings(#""weight":1.0"#, #""weight":"nan""#)
        == ["a.safetensors, training: compile: the loss weight of \"head\" is nan\(rest)"])
    #expect(try warnings(#""goals":["#, #""goals":[7,"#).count == 1)
    #expect(
      try warnings(#"{"goals""#, #"{"goals":[],"other""#)
        == ["a.safetensors, training: it has losses for 0 outputs but the model has 1\(rest)"])

    let anew = "Go on from another checkpoint, or train anew."
    func state(_ key: String, _ value: JSONValue) throws -> String {
      var metadata = good.metadata
      var progress = try Configuration(parsing: #require(metadata["progress"]), at: "progress")
      #expect(progress[key] != value)
      progress[key] = value
      metadata["progress"] = progress.jsonValue.description
      try write(metadata, tensors())
      return errorOfLoading()
    }
    for (key, value) in [
      ("step", -6), ("pass", -1), ("epoch", .integer(.max)), ("batch", -2), ("count", .text("nan")), ("count", -1),
      ("fixedRate", .text("inf")), ("fixedRate", .number(-0.5)),
    ] as [(String, JSONValue)] {
      #expect(
        try state(key, value) == "a.safetensors, progress: the state of training has impossible numbers. \(anew)")
    }
    #expect(
      try state("totals", .array([.array([1]), .array([2, 3])]))
        == "a.safetensors, progress: the unfinished epoch has sums [1, 2] of losses and metrics but the model is compiled for "
        + "[1, 1, 1]. Compile with the losses and metrics of the interrupted training.")
    #expect(try state("totals", .array([])) == "(no error)")
    for (key, value) in [("seed", .text("x")), ("step", .number(0.5)), ("history", .null)] as [(String, JSONValue)] {
      #expect(
        try state(key, value) == "a.safetensors, progress: the state of training cannot be read. \(anew)")
    }
    let model = try load()
    _ = try model.predict(noise([2, 4]))
    #expect(
      model.warnings == [
        folder.path("a.safetensors")
          + ", progress: the state of training cannot be read, so the optimizer begins anew. \(anew)"
      ])
    #expect(try load(compiled: false).training == nil)
  }

  @Test("Other texts in the metadata")
  func texts() throws {
    #expect(
      try error("model", "{", "[")
        == "a.safetensors, model: it is not valid JSON. The file is damaged or of another kind.")
    #expect(
      try error("athanor", "1", "2")
        == "a.safetensors: its layout is version 2 but only version 1 can be read. Use a newer Athanor.")
    #expect(
      try error("model", #""seed":"0""#, #""seed":"-1""#)
        == "a.safetensors, model.seed: a number was expected but -1 was found.")
    for scale in ["0", "\"nan\"", "1e300"] {
      #expect(
        try error("model", #""pixel_scale":0.003921568859368563"#, #""pixel_scale":\#(scale)"#)
          .hasPrefix("a.safetensors, model.pixel_scale: a number that is not 0 was expected but "))
    }
    #expect(
      try error("model", #""name":"net""#, #""name":"net","class_names":["a"]"#)
        == "net: it names 1 classes, but its output has shape (None, 3). The file is damaged.")
    #expect(
      try error("model", #""name":"net""#, #""name":"net","class_names":["a","b","a"]"#)
        == "net: class name 1 and class name 3 are both \"a\". Give each class a name of its own.")
    #expect(
      try error("model", #""name":"net""#, #""name":"net","class_names":["a"," ","c"]"#)
        == "net: class name 2 is empty. Give one name for each class.")
  }

  /// What is read must also work.
  private func use() -> Bool {
    guard let model = try? load() else { return false }
    let size = model.built.types.joined().reduce(0) { $0 + $1.shape.sizes.reduce(1, *) }
    guard size < 1 << 16, let data = try? NativeModels.data(model, 9) else { return true }
    _ = try? model.predict(data.inputsByName)
    _ = try? model.fit(
      data, epochs: 3, batchSize: 4,
      callbacks: [EarlyStopping(monitor: .loss, patience: 9, mode: .max, restoreBestWeights: true)], verbose: .silent,
      resume: model.training != nil)
    return true
  }

  @Test("Values of the metadata replaced at random", arguments: ["model", "training", "progress"])
  func mutated(_ key: String) throws {
    let tensors = try tensors()
    let json = try JSONValue(parsing: #require(good.metadata[key]), at: key)
    var random = RandomStream(seed: 20, stream: UInt64(key.count))
    func number(_ count: Int) -> Int { min(Int(random.nextUniform() * Double(count)), count - 1) }
    let others: [JSONValue] = [
      .null, .flag(true), .integer(-1), .integer(0), .integer(1), .integer(3), .integer(1 << 40), .integer(.max),
      .integer(.min), .number(1e300), .number(-0.5), .text("nan"), .text(""), .text("batch"), .text("inf"),
      .text("base/dense/kernel"), .array([]), .object([:]), .array([.integer(0), .integer(0)]),
    ]
    func count(_ value: JSONValue) -> Int {
      switch value {
      case .array(let values): values.reduce(1) { $0 + count($1) }
      case .object(let values): values.values.reduce(1) { $0 + count($1) }
      default: 1
      }
    }
    func change(_ value: JSONValue, at place: inout Int) -> JSONValue {
      place -= 1
      if place == -1 {
        if case .array(var values) = value, number(2) == 0, !values.isEmpty {
          let (from, to) = (number(values.count), number(values.count))
          if number(2) == 0 { values.swapAt(from, to) } else { values.insert(values[from], at: to) }
          return .array(values)
        }
        if case .integer(let integer) = value, number(2) == 0 { return .integer(integer &+ number(5) - 2) }
        return others[number(others.count)]
      }
      switch value {
      case .array(let values): return .array(values.map { change($0, at: &place) })
      case .object(let values):
        var result: [String: JSONValue] = [:]
        for (key, value) in values.sorted(by: { $0.key < $1.key }) { result[key] = change(value, at: &place) }
        return .object(result)
      default: return value
      }
    }
    let size = count(json)
    var read = 0
    for _ in 0..<4000 {
      var place = number(size)
      var metadata = good.metadata
      metadata[key] = change(json, at: &place).description
      try write(metadata, tensors)
      if use() { read += 1 }
    }
    // What is said of training never decides whether the model can be read.
    #expect(key == "model" ? read > 100 && read < 4000 : read > 3000, "\(read)")
  }

  @Test("Bytes of the header flipped, and files cut short")
  func flipped() throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: good.path))
    let file = URL(fileURLWithPath: folder.path("a.safetensors"))
    let header = 8 + Int(data[0]) + Int(data[1]) << 8
    var random = RandomStream(seed: 21, stream: 1)
    var read = 0
    for _ in 0..<6000 {
      var damaged = data
      let bit = Int(random.nextUniform() * Double(header * 8))
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      try damaged.write(to: file)
      if use() { read += 1 }
    }
    #expect(read > 20 && read < 1900, "\(read)")
    for part in 0..<60 {
      try data.prefix(data.count * part / 60).write(to: file)
      #expect(!use(), "\(part)")
    }
  }
}

extension JSONValue: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: Int) { self = .integer(value) }
}
