import Athanor
import AthanorCore
import AthanorCoreML
import Foundation
import Testing

/// What only a Mac would show otherwise, one test each.
@Suite struct PitfallTests {
  private func block(_ model: Model, _ options: CoreMLOptions = CoreMLOptions()) throws -> [ProtoOperation] {
    let program = try CoreMLProgram(model, options).model.program
    let function = try #require(program.functions["main"])
    return try #require(function.blocks[function.opset]).operations
  }

  /// The immediate integers, flags or texts of an argument.
  private func constant(_ argument: String, of operation: ProtoOperation, in block: [ProtoOperation]) throws
    -> ProtoTensorValue
  {
    let name = try #require(operation.inputs[argument]?.bindings.first?.name)
    let constant = try #require(block.first { $0.outputs.first?.name == name })
    return try #require(constant.attributes["val"]).immediate.tensor
  }

  private func operation(_ type: String, in block: [ProtoOperation]) throws -> ProtoOperation {
    try #require(block.first { $0.type == type })
  }

  /// Keras' average of a window at the border counts the places within the picture alone; Core ML's default counts the padding.
  @Test func paddingIsNotAveraged() throws {
    let model = try Sequential(input: [5, 5, 1]) { AveragePooling2D(3, strides: 2, padding: .same) }
    let block = try block(model)
    let pool = try operation("avg_pool", in: block)
    #expect(try constant("exclude_padding_from_average", of: pool, in: block).bools.values == [true])
    #expect(try constant("pad_type", of: pool, in: block).strings.values == ["custom"])
    #expect(try constant("pad", of: pool, in: block).int32S.values == [1, 1, 1, 1])
    let flat = try Sequential(input: [5, 5, 1]) {
      AveragePooling2D(3, strides: 2, padding: .same)
      Flatten()
    }
    let network = try CoreMLNetwork(flat, CoreMLOptions(input: .picture())).model.neuralNetwork
    #expect(network.layers[0].pooling.excludesPadding && network.layers[0].pooling.valid.amounts.edges.count == 2)
  }

  /// "Same" with a stride depends on the size; the odd row goes to the bottom and right, as TensorFlow has it.
  @Test func samePaddingIsWrittenAsNumbers() throws {
    let block = try block(Sequential(input: [6, 7, 2]) { Conv2D(3, kernelSize: 3, strides: 2, padding: .same) })
    #expect(try constant("pad", of: operation("conv", in: block), in: block).int32S.values == [0, 1, 1, 1])
  }

  @Test func noMoreThanFiveAxes() throws {
    let model = try Sequential(input: [64]) { Reshape([2, 2, 2, 2, 4]) }
    #expect(
      errorText { try model.checkExport(as: .coreML()) }
        == "reshape, export: a result of shape (1, 2, 2, 2, 2, 4) has more than the 5 axes of Core ML. Reshape to fewer axes."
    )
    // `linear` takes three axes at most; above them it is a matrix product.
    let types = try block(Sequential(input: [2, 3, 4]) { Dense(5, useBias: false) }).map(\.type)
    #expect(types.contains("matmul") && !types.contains("linear"))
  }

  /// Pictures lie channels first there, so a dense layer behind a flattening has its columns in another order.
  @Test func denseAfterFlatten() throws {
    let model = try Sequential(input: [1, 2, 3]) {
      MaxPooling2D(1)
      Flatten()
      Dense(1, useBias: false)
    }
    try model.setWeights(["dense/kernel": Tensor(shape: [6, 1], [0, 1, 2, 10, 11, 12])])  // [width, channel]
    let block = try block(model)
    let linear = try operation("linear", in: block)
    #expect(try constant("weight", of: linear, in: block).floats.values == [0, 10, 1, 11, 2, 12])
  }

  /// `scale * x + bias`, in this order, by channel.
  @Test func scaleComesBeforeBias() throws {
    let model = try Sequential(input: [2, 2, 3]) { GlobalAveragePooling2D() }
    let options = CoreMLOptions(input: .picture(scale: 0.5, bias: [1, 2, 3]))
    let block = try block(model, options)
    #expect(block.map(\.type).filter { $0 != "const" }.prefix(2) == ["mul", "add"])
    let add = try operation("add", in: block)
    #expect(try constant("y", of: add, in: block).floats.values == [1, 2, 3])
    let name = try #require(add.inputs["y"]?.bindings.first?.name)
    let type = try #require(block.first { $0.outputs.first?.name == name }?.outputs.first?.type.tensor)
    #expect(type.dimensions.map(\.constant.size) == [1, 3, 1, 1])
    let scaler = try CoreMLNetwork(model, options).model.neuralNetwork.preprocessing[0].scaler
    #expect([scaler.channelScale, scaler.redBias, scaler.greenBias, scaler.blueBias] == [0.5, 1, 2, 3])
  }

  /// Every value of a program in half precision is half, between the casts at its ends.
  @Test func typesDoNotMix() throws {
    let model = try Sequential(input: [6, 6, 2]) {
      Rescaling(2, offset: [1, -1])
      Conv2D(3, kernelSize: 3, activation: .elu)
      BatchNormalization()
      Activation(.gelu)
      Flatten()
      Dense(3, activation: .softmax)
    }
    for compression in [nil, Compression.int8, .palette(bits: 4)] {
      let options = CoreMLOptions(labels: .texts(["a", "b", "c"]), precision: .float16, compression: compression)
      let block = try block(model, options)
      var types: [String: Int32] = [:]
      for operation in block {
        if operation.type != "cast", operation.type != "classify", !operation.type.hasPrefix("const") {
          let floats = operation.inputs.values.flatMap(\.bindings).compactMap { types[$0.name] }.filter {
            (10...11).contains($0)
          }
          #expect(floats.allSatisfy { $0 == 10 }, "\(operation.type)")
        }
        for output in operation.outputs { types[output.name] = output.type.tensor.dataType }
      }
      #expect(block.count { $0.type == "cast" } == 2)
      // The classifier takes 32 bits.
      let classify = try operation("classify", in: block)
      #expect(types[try #require(classify.inputs["probabilities"]?.bindings.first?.name)] == 11)
    }
  }

  /// Every array of the weight file begins at a multiple of 64 bytes, and the header counts them.
  @Test func arraysAreAligned() throws {
    let program = try CoreMLProgram(
      NetworkTemplate.malireddi.model(), CoreMLOptions(input: .picture(), compression: .palette(bits: 6)))
    let block = try #require(program.model.program.functions["main"]?.blocks["CoreML6"]).operations
    let offsets = block.flatMap { $0.attributes.values.map(\.blobFile.offset) }.filter { $0 > 0 }
    #expect(offsets.count >= 10 && offsets.allSatisfy { $0 % 64 == 0 } && Set(offsets).count == offsets.count)
    #expect(program.weights.prefix(8) == [UInt8(offsets.count), 0, 0, 0, 2, 0, 0, 0])
    #expect(program.weights.count % 64 == 0)
  }
}
