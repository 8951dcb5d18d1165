import Athanor
import AthanorKeras
import Foundation
import Testing

@Suite("Damaged and hostile files give an error that says where, never a crash")
struct HostileFileTests {
  private let folder: TemporaryFolder
  private let good: HDF5Group

  init() throws {
    folder = try TemporaryFolder()
    let model = try Sequential(input: [4, 4, 1], name: "net", threads: 1) {
      Conv2D(2, kernelSize: 3, activation: .relu)
      BatchNormalization()
      Flatten()
      Dense(3, activation: .softmax)
    }
    try model.compile(optimizer: .adam(), loss: .sparseCategoricalCrossentropy, metrics: [.accuracy, .precision])
    try model.save(to: folder.path("good.h5"))
    good = try HDF5Group.read(folder.path("good.h5"))
  }

  private func load(_ name: String = "a.h5") throws -> Model { try Model(contentsOf: folder.path(name), threads: 1) }

  /// Whether a file is read or refused; every other error is an issue.
  private func isRead(_ data: Data) throws -> Bool {
    try data.write(to: folder.url.appendingPathComponent("a.h5"))
    do {
      let model = try load()
      // What is read must also work.
      if model.inputShape.reduce(1, *) < 10_000, model.training != nil {
        _ = try? model.predict(noise([1] + model.inputShape))
      }
      return true
    } catch is AthanorError {
      return false
    }
  }

  private var goodData: Data { get throws { try Data(contentsOf: folder.url.appendingPathComponent("good.h5")) } }

  @Test("A file cut short at 60 places")
  func truncated() throws {
    let data = try goodData
    #expect(try isRead(data))
    for part in 0..<60 { #expect(try !isRead(data.prefix(data.count * part / 60)), "\(part)") }
    #expect(try !isRead(data.dropLast()))
  }

  @Test(
    "Single bits flipped at 3,000 places, in files of Athanor, of Keras, and as HDF5 2.0 lays them out",
    arguments: [("good.h5", 1), ("rmsprop.h5", 2), ("rmsprop-1.8.h5", 3)])
  func flipped(_ name: String, stream: UInt64) throws {
    let data =
      try name == "good.h5" ? goodData : Data(contentsOf: goldenFolder.appendingPathComponent(name))
    var random = RandomStream(seed: 8, stream: stream)
    var read = 0
    for _ in 0..<3000 {
      var damaged = data
      let bit = Int(random.nextUniform() * Double(data.count * 8))
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      if try isRead(damaged) { read += 1 }
    }
    #expect(read > 100 && read < 2990)  // most bits are of numbers and of unused places
  }

  @Test("A text's length, number, and its heap")
  func damagedTexts() throws {
    let data = try Data(contentsOf: goldenFolder.appendingPathComponent("rmsprop-1.8.h5"))
    let heap = try #require(data.firstRange(of: Data("GCOL".utf8))).lowerBound
    let mismatch = "the heap that holds its texts is damaged"
    let outside = "it leads out of the file"
    for (offset, value, problem) in [
      (8, UInt8(0xFF), mismatch), (16, 0x7F, mismatch), (24, 0xFF, outside), (26, 0x7F, outside),
    ] {
      var damaged = data
      damaged[heap + offset] = value
      try damaged.write(to: folder.url.appendingPathComponent("a.h5"))
      #expect(
        folder.errorText { try load() }
          == "a.h5, /, attribute backend: \(problem). The file is damaged or of another kind.", "\(offset)")
    }
    #expect(try isRead(data))
  }

  @Test("No file, an empty one, a folder, another kind")
  func otherKinds() throws {
    let remedy = "Give a .h5 file that Keras or Athanor wrote; if writing it was interrupted, use the one before."
    #expect(
      folder.errorText { try load("none.h5") } == "none.h5: there is no such file. Check the name and the folder.")
    try Data().write(to: folder.url.appendingPathComponent("empty.h5"))
    #expect(
      folder.errorText { try load("empty.h5") }
        == "empty.h5: it is not an HDF5 file, is truncated, or cannot be read (0 bytes). \(remedy)")
    try Data("PK and so on".utf8).write(to: folder.url.appendingPathComponent("zip.h5"))
    #expect(
      folder.errorText { try load("zip.h5") }
        == "zip.h5: it is not an HDF5 file, is truncated, or cannot be read (12 bytes). \(remedy)")
    try FileManager.default.createDirectory(
      at: folder.url.appendingPathComponent("folder.h5"), withIntermediateDirectories: false)
    func model(_ name: String) -> String { folder.errorText { try Model(contentsOf: folder.path(name)) } }
    #expect(model("folder.h5") == "folder.h5: it is a folder, but a file is needed. Give a file in it.")
    try Data().write(to: folder.url.appendingPathComponent("folder.h5/a.h5"))
    #expect(
      model("folder.h5")
        == "folder.h5: it is a folder, but a file is needed. Give a file in it, such as folder.h5/a.h5.")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link.h5"), withDestinationPath: "blobs/0123")
    #expect(
      model("link.h5") == "link.h5: it is a link to blobs/0123, which is not there. Fetch the file, or give its place.")
  }

  /// The error of loading a changed copy of the good file, or why it could be read but not be compiled.
  private func error(_ change: (inout HDF5Group) throws -> Void) throws -> String {
    var root = good
    try change(&root)
    try root.write(folder.path("a.h5"))
    var warnings: [String] = []
    let text = folder.errorText {
      let model = try load()
      // What `fit(resume: true)` says where the state does not fit.
      if model.training != nil { try model.pendingState?(model) }
      warnings = model.warnings
    }
    guard let warning = warnings.first else { return text }
    let short = warning.replacingOccurrences(of: folder.url.path + "/", with: "")
    let rest =
      ", so the model is not compiled. Compile it with its optimizer, losses and metrics; fit(resume: true) then goes on where the "
      + "file stands."
    #expect(warnings.count == 1 && short.hasSuffix(rest))
    return "warning: " + short.dropLast(rest.count)
  }

  /// The error when a text of the configuration is replaced by another.
  private func error(_ old: String, _ new: String) throws -> String { try error("model_config", old, new) }

  private func error(_ attribute: String, _ old: String, _ new: String) throws -> String {
    try error { root in
      guard case .text(let text) = root.attributes[attribute] else { throw CocoaError(.featureUnsupported) }
      #expect(text.contains(old), "\(text)")
      root.attributes[attribute] = .text(text.replacingOccurrences(of: old, with: new))
    }
  }

  @Test("Arrays: another shape or type, missing ones")
  func arrays() throws {
    let kernel = "dense/net/dense/kernel"
    #expect(
      try error { $0.groups["model_weights"]?.setArray(try noise([3, 8]), at: kernel) }
        == "a.h5: weight \"dense/kernel\": the model's has shape (8, 3) but (3, 8) was given. "
        + "The file or array belongs to another network.")
    #expect(
      try error { $0.groups["model_weights"]?.groups["dense"]?.groups["net"]?.groups["dense"]?.arrays["kernel"] = nil }
        == "a.h5, dense: \"net/dense/kernel\" is missing. The file is damaged.")
    #expect(
      try error { $0.groups["model_weights"]?.groups["dense"] = nil }
        == "a.h5: it has weights for 2 layers but the model has 3 with weights. The file belongs to another network.")
    #expect(
      try error { $0.groups["model_weights"] = nil }
        == "a.h5: the names of the layers are missing. The file is damaged or of another kind.")
    #expect(
      try error {
        $0.groups["optimizer_weights"]?.groups["adam"]?.arrays["net_dense_kernel_velocity"] = try noise([4])
      } == "a.h5, adam/net_dense_kernel_velocity: it has shape (4,) but (8, 3) is needed.")
    #expect(
      try error { $0.groups["optimizer_weights"]?.groups["adam"]?.arrays["net_dense_kernel_velocity"] = nil }
        == "a.h5, optimizer: \"adam/net_dense_kernel_velocity\" is missing. The file is damaged.")
    for number: Float in [.nan, .infinity, 1e30, -1, 0.5] {
      #expect(
        try error {
          $0.groups["optimizer_weights"]?.groups["adam"]?.arrays["iteration"] = try Tensor(shape: [], [number])
        }.hasPrefix("a.h5, adam/iteration: the number of steps is \(number)."))
    }
    // Integers in the place of numbers are numbers; NaN and infinity are kept.
    #expect(
      try error {
        $0.groups["model_weights"]?.setArray(
          try Tensor(shape: [8, 3], integers: (0..<24).map { Int32($0) }), at: kernel)
      } == "(no error)")
    #expect(try load().weights.first { $0.name == "dense/kernel" }?.tensor.floats == (0..<24).map { Float($0) })
    let strange = try Tensor(shape: [8, 3], [.nan, .infinity] + [Float](repeating: -0.0, count: 22))
    #expect(try error { $0.groups["model_weights"]?.setArray(strange, at: kernel) } == "(no error)")
    let read = try #require(try load().weights.first { $0.name == "dense/kernel" })
    #expect(bits(read.tensor) == bits(strange))
  }

  @Test("Classes and functions that are not known, with the nearest one")
  func unknownNames() throws {
    let known =
      "Known are \(serializableLayers.map { $0.className }.sorted().joined(separator: ", "))."
    #expect(
      try error("\"Conv2D\"", "\"Conv2d1\"")
        == "a.h5, model_config.config.layers[1]: there is no layer named \"Conv2d1\". Did you mean \"Conv2D\"? \(known)"
    )
    #expect(
      try error("\"Flatten\"", "\"StringLookup\"")
        == "a.h5, model_config.config.layers[3]: there is no layer named \"StringLookup\". \(known)")
    #expect(
      try error("\"relu\"", "\"rely\"")
        == "a.h5, model_config.config.layers[1].config: activation \"rely\": there is no activation of this name. "
        + "Did you mean \"relu\"? Known are linear, relu, sigmoid, tanh, softmax, softplus, silu, gelu, elu, leaky_relu, relu6, hard_sigmoid, "
        + "hard_silu, selu, exponential, softsign, mish, log_softmax, celu, hard_tanh, hard_shrink, soft_shrink, tanh_shrink, log_sigmoid, "
        + "sparse_sigmoid, sparse_plus, squareplus, glu, legacy_hard_sigmoid."
    )
    #expect(
      try error("\"Sequential\"", "\"Functional\"")
        == "a.h5, model_config.config.layers[0].inbound_nodes: a list was expected but nothing was found.")
    // With which numbers a weight once began matters for training anew alone.
    var root = good
    if case .text(let text) = root.attributes["model_config"] {
      root.attributes["model_config"] = .text(
        text.replacingOccurrences(of: "\"GlorotUniform\"", with: "\"Orthogonal\""))
    }
    try root.write(folder.path("a.h5"))
    #expect(
      try load().warnings
        == [1, 4].map { layer in
          "\(folder.path("a.h5")), model_config.config.layers[\(layer)].config.kernel_initializer: there is no initializer named "
            + "\"Orthogonal\"; predictions do not change, but new weights would begin otherwise."
        })
    #expect(
      try error("training_config", "\"Adam\"", "\"Muon\"")
        == "warning: a.h5, training_config.optimizer_config.class_name: SGD, RMSprop, Adam, AdamW, Adamax, Nadam, Adagrad, Adadelta, Ftrl or Lion was expected but Muon was found"
    )
    #expect(
      try error("training_config", "\"sparse_categorical_crossentropy\"", "\"dice\"")
        == "warning: a.h5, training_config.loss: there is no loss named \"dice\"")
    #expect(
      try error(
        "training_config", "\"sparse_categorical_crossentropy\"",
        "{\"class_name\":\"Huber\",\"config\":{\"from_logits\":true}}")
        == "warning: a.h5, training_config.loss.from_logits: true is not supported")
    #expect(
      try error("training_config", "\"accuracy\"", "\"MeanIoU\"")
        == "warning: a.h5, training_config.metrics[0]: there is no metric named \"MeanIoU\"")
  }

  @Test("Thresholds of precision and recall, as Keras writes them: a number, a list or null")
  func thresholds() throws {
    func read(_ className: String, _ config: String) throws -> (error: String, threshold: Double?) {
      let metric = "{\"class_name\":\"\(className)\",\"config\":{\(config)}}"
      let text = try error("training_config", "[\"accuracy\",{", "[\(metric),{")
      let settings = text == "(no error)" ? try load().training?.metrics[0].formula?.settings : nil
      return (text, settings.map { $0["thresholds"]?.number ?? 0.5 })
    }
    for className in ["Precision", "Recall"] {
      for (config, threshold) in [
        ("", 0.5), ("\"thresholds\":null,\"top_k\":null", 0.5), ("\"thresholds\":0.9", 0.9),
        ("\"thresholds\":[0.25]", 0.25),
        ("\"thresholds\":1", 1),
      ] {
        let result = try read(className, config)
        #expect(result.error == "(no error)" && result.threshold == threshold)
      }
      #expect(
        try read(className, "\"thresholds\":[0.1,0.5,0.9]").error
          == "warning: a.h5, training_config.metrics[0].thresholds: \(className) has 3 thresholds but only one is supported"
      )
      #expect(
        try read(className, "\"thresholds\":\"high\"").error
          == "warning: a.h5, training_config.metrics[0].thresholds: a number or a list of numbers was expected but high was found"
      )
      #expect(
        try read(className, "\"top_k\":\"all\"").error
          == "warning: a.h5, training_config.metrics[0].top_k: an integer was expected but all was found")
      #expect(
        try read(className, "\"class_id\":200").error
          == "warning: a.h5, training_config: \(className.lowercased()): classID is 200 but there are 3 classes")
    }
  }

  @Test(
    "Absurd numbers in the architecture",
    arguments: [
      "1e18", "-1", "0", "1e300", "2.5", "null", "\"many\"", "[1]", "9223372036854775807", "1e999", "100000000",
    ])
  func absurdNumbers(_ number: String) throws {
    for (old, key) in [
      ("\"units\":3", "\"units\":"), ("\"filters\":2", "\"filters\":"), ("\"groups\":1", "\"groups\":"),
      ("\"kernel_size\":[3,3]", "\"kernel_size\":"), ("\"strides\":[1,1]", "\"strides\":"),
      ("\"dilation_rate\":[1,1]", "\"dilation_rate\":"), ("\"axis\":-1", "\"axis\":"),
      ("\"epsilon\":0.001", "\"epsilon\":"),
      ("\"batch_shape\":[null,4,4,1]", "\"batch_shape\":[null,4,4,"), ("\"filters\":2", "\"filters\":2,\"padding\":"),
    ] {
      let text = try error(old, key + number + (key.hasSuffix(",") ? "]" : ""))
      #expect(text == "(no error)" || text.hasPrefix("a.h5"), "\(key): \(text)")
      if key.contains("units") || key.contains("filters\":") && !key.contains("padding") {
        #expect(text != "(no error)")
      }
    }
    for (old, key) in [("\"beta_1\":0.9", "\"beta_1\":"), ("\"learning_rate\":0.001", "\"learning_rate\":")] {
      let text = try error("training_config", old, key + number)
      #expect(text == "(no error)" || text.hasPrefix("warning: a.h5"), "\(key): \(text)")
    }
  }

  @Test("Some of them word for word")
  func absurdTexts() throws {
    #expect(
      try error("\"units\":3", "\"units\":1e18")
        == "a.h5: dense (layer 4, Dense): weight \"kernel\" would have shape (8, 1000000000000000000). "
        + "Each length must be at least 1, and all together fit into memory.")
    #expect(
      try error("\"units\":3", "\"units\":100000000")
        == "a.h5: weight \"dense/kernel\": the model's has shape (8, 100000000) but (8, 3) was given. "
        + "The file or array belongs to another network.")
    #expect(
      try error("\"units\":3", "\"units\":-1")
        == "a.h5: dense (layer 4, Dense): units is -1 but must be at least 1.")
    #expect(
      try error("\"units\":3", "\"units\":\"three\"")
        == "a.h5, model_config.config.layers[4].config.units: an integer was expected but three was found.")
    #expect(
      try error("\"batch_shape\":[null,4,4,1]", "\"batch_shape\":[null,null,4,1]")
        == "a.h5: dense (layer 4, Dense): the last axis of input (None, None) is open, but a kernel needs a fixed number of "
        + "features. Reduce the open axis first, for example by GlobalAveragePooling2D.")
  }

  @Test("JSON that is broken, of another kind or nested without end")
  func json() throws {
    func config(_ text: String) throws -> String { try error { $0.attributes["model_config"] = .text(text) } }
    #expect(try config("{") == "a.h5, model_config: it is not valid JSON. The file is damaged or of another kind.")
    #expect(try config("[]") == "a.h5, model_config: it is not a JSON object. The file is damaged or of another kind.")
    #expect(try config("{}") == "a.h5, model_config.class_name: a text was expected but nothing was found.")
    let deep = String(repeating: "[", count: 200_000) + String(repeating: "]", count: 200_000)
    #expect(try config(deep) == "a.h5, model_config: it is not valid JSON. The file is damaged or of another kind.")
    let objects = String(repeating: "{\"config\":", count: 100_000) + "1" + String(repeating: "}", count: 100_000)
    #expect(try config(objects) == "a.h5, model_config: it is not valid JSON. The file is damaged or of another kind.")
    let bounded = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
    #expect(try error("\"units\":3", "\"units\":\(bounded)").count < 200)
  }

  @Test(
    "The state of training: numbers that no training has",
    arguments: [
      ("\"step\":0", "\"step\":-1"), ("\"epoch\":0", "\"epoch\":-5"), ("\"batch\":0", "\"batch\":-1"),
      ("\"step\":0", "\"step\":9223372036854775807"), ("\"pass\":0", "\"pass\":-1"),
      ("\"count\":0", "\"count\":\"nan\""),
      ("\"count\":0", "\"count\":-1"), ("\"step\":0", "\"fixedRate\":\"nan\",\"step\":0"),
    ])
  func progress(_ old: String, _ new: String) throws {
    #expect(
      try error("athanor_state", old, new)
        == "a.h5, athanor_state: the state of training has impossible numbers. "
        + "Go on from another checkpoint, or train anew.")
    #expect(
      try error("athanor_state", "\"step\":0", "\"step\":\"many\"")
        == "a.h5, athanor_state: the state of training cannot be read. "
        + "Go on from another checkpoint, or train anew.")
  }

  @Test("Sums of other losses and metrics, which the number of metrics alone does not tell")
  func sums() throws {
    for (totals, counts) in [("[[]]", "[0]"), ("[[1],[1],[1]]", "[1, 1, 1]"), ("[[1],[1],[1],[1]]", "[1, 1, 1, 1]")] {
      #expect(
        try error("athanor_state", "\"totals\":[]", "\"totals\":\(totals)")
          == "a.h5, athanor_state: the unfinished epoch has sums \(counts) of losses and metrics but the model is compiled for "
          + "[1, 1, 2]. Compile with the losses and metrics of the interrupted training.")
    }
    #expect(try error("athanor_state", "\"totals\":[]", "\"totals\":[[1],[1],[1,2]]") == "(no error)")
  }

  @Test("Weights for another network, from a file into a model: nothing is changed")
  func otherNetwork() throws {
    func text(_ layers: [any Layer]) throws -> String {
      let model = try Model(input: [4, 4, 1], threads: 1, layers: layers)
      let before = weightBits(model)
      let text = folder.errorText { try model.loadWeights(from: folder.path("good.h5")) }
      #expect(weightBits(model) == before)
      return text
    }
    #expect(
      try text([Flatten(), Dense(3)])
        == "good.h5: it has weights for 3 layers but the model has 1 with weights. The file belongs to another network."
    )
    #expect(
      try text([Conv2D(2, kernelSize: 3), BatchNormalization(scale: false), Flatten(), Dense(3)])
        == "good.h5, batch_normalization: it has 4 weights but batch_normalization needs 3. "
        + "The file belongs to another network.")
    #expect(
      try text([Conv2D(2, kernelSize: 3), BatchNormalization(), Flatten(), Dense(5)])
        == "good.h5: weight \"dense/kernel\": the model's has shape (8, 5) but (8, 3) was given. "
        + "The file or array belongs to another network.")
  }

  @Test("What cannot be written leaves the old file and nothing else")
  func writing() throws {
    let model = try load("good.h5")
    let before = try goodData
    #expect(
      folder.errorText { try model.save(to: folder.path("none/a.h5")) }
        == "none/a.h5: cannot be written (No such file or directory). Check the spelling of the path.")
    #expect(
      folder.errorText { try model.save(to: folder.path("good.h5/a.h5")) }
        == "good.h5/a.h5: cannot be written (Not a directory).")
    try FileManager.default.createDirectory(
      at: folder.url.appendingPathComponent("folder.h5"), withIntermediateDirectories: false)
    #expect(
      folder.errorText { try model.save(to: folder.path("folder.h5")) }
        == "folder.h5: cannot be put into place (Is a directory).")
    // A name that libhdf5 refuses.
    var root = good
    root.attributes[""] = .text("no name")
    #expect(
      folder.errorText { try root.write(folder.path("good.h5")) }
        == "good.h5: libhdf5 cannot lay it out in memory. Free some memory and try again.")
    #expect(try goodData == before)
    #expect(try folder.contents == ["folder.h5", "good.h5"])
    try model.save(to: folder.path("good.h5"))
    #expect(try folder.contents == ["folder.h5", "good.h5"])
  }
}
