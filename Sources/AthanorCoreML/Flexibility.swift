import Athanor
import AthanorCore

extension CoreMLOptions {
  /// - Throws: `AthanorError` when the flexible lengths do not go with the model.
  func checkFlexibility(_ source: Model) throws {
    func refuse(_ what: String, _ fix: String) -> AthanorError {
      AthanorError(.argument, at: "Core ML", what, fix: fix)
    }
    let shape = source.inputShape
    switch flexibility {
    case nil: return
    case .batch(let range):
      guard !takesPictures else {
        throw refuse(
          "pictures come one by one, but a batch of \(range) was asked for", "Use input: .array, or MLBatchProvider.")
      }
      guard range.contains(1), range.upperBound > 1, range.upperBound <= 1 << 20 else {
        throw refuse("the batch is \(range)", "It must begin with 1 and end above.")
      }
    case .sizes(let sizes):
      guard takesPictures, !sizes.isEmpty, sizes.allSatisfy({ $0.height > 0 && $0.width > 0 }) else {
        throw refuse("the sizes are \(sizes)", "Give sizes of pictures, with input: .picture().")
      }
    case .sizeRange(let least, let most):
      guard takesPictures, least.height > 0, least.width > 0,
        (least.height...max(least.height, most.height)).contains(shape[0]),
        (least.width...max(least.width, most.width)).contains(shape[1])
      else {
        throw refuse(
          "sizes from \(least) to \(most) were asked for",
          "The model's own, \(shape[0])x\(shape[1]), must be one of them, with input: .picture().")
      }
    }
  }

  /// Shapes of one example besides the model's own, at the ends of what is accepted.
  func otherShapes(_ source: Model) -> [[Int]] {
    let sizes: [Size2D] =
      switch flexibility {
      case nil, .batch: []
      case .sizes(let sizes): sizes
      case .sizeRange(let least, let most): [least, most]
      }
    let shape = source.inputShape
    return sizes.map { [$0.height, $0.width, shape[shape.count - 1]] }.filter { $0 != shape }
  }

  /// Says in the description what else is accepted.
  func describeFlexibility(_ type: inout ProtoFeatureType) {
    func range(_ lower: Int, _ upper: Int) -> ProtoSizeRange {
      .with { ($0.lower, $0.upper) = (UInt64(lower), Int64(upper)) }
    }
    switch flexibility {
    case nil: return
    case .batch(let batch):
      let fixed = type.array.shape.dropFirst().map { range(Int($0), Int($0)) }
      type.array.range.lengths = [range(batch.lowerBound, batch.upperBound)] + fixed
    case .sizes(let sizes):
      type.image.sizes.sizes = sizes.map { size in
        .with { ($0.height, $0.width) = (UInt64(size.height), UInt64(size.width)) }
      }
      let own = ProtoImageType.Size.with {
        ($0.height, $0.width) = (UInt64(type.image.height), UInt64(type.image.width))
      }
      if !type.image.sizes.sizes.contains(own) { type.image.sizes.sizes.insert(own, at: 0) }
    case .sizeRange(let least, let most):
      type.image.range.height = range(least.height, most.height)
      type.image.range.width = range(least.width, most.width)
    }
  }
}

/// One program for several shapes: what was written for one, with that left open in which another differs.
enum OpenProgram {
  /// - Throws: `AthanorError` that names the operation, when more than lengths differ.
  static func merge(_ first: [ProtoOperation], _ second: [ProtoOperation]) throws -> [ProtoOperation] {
    guard first.map(\.type) == second.map(\.type) else {
      throw AthanorError(.unsupported, at: "", "other operations are needed for another size", fix: "Export one size.")
    }
    // The lengths that an operation is given as constants, and which of them may be left to be inferred.
    var lengths: [String: OperationKind] = [:]
    for (kind, argument) in [(OperationKind.reshape, ArgumentName.shape), (.sliceBySize, .size)] {
      for operation in first where operation.type == kind.name {
        if let name = operation.inputs[argument.rawValue]?.bindings.first?.name { lengths[name] = kind }
      }
    }
    return try zip(first, second).map { one, other in
      var merged = one
      for index in merged.outputs.indices where index < other.outputs.count {
        merged.outputs[index].type = open(one.outputs[index].type, other.outputs[index].type)
      }
      guard one.attributes != other.attributes || one.inputs != other.inputs else { return merged }
      let name = one.outputs.first?.name ?? ""
      guard one.inputs == other.inputs, let kind = lengths[name], var value = merged.attributes["val"] else {
        throw AthanorError(
          .unsupported, at: "\(name)", "this argument depends on the size of what goes in",
          fix: "Export one size, or use padding: .valid.")
      }
      let (mine, theirs) = (
        value.immediate.tensor.int32S.values, other.attributes["val"]?.immediate.tensor.int32S.values ?? []
      )
      let joined = zip(mine, theirs).map { $0 == $1 ? $0 : -1 }
      guard mine.count == theirs.count, kind != .reshape || joined.count(where: { $0 == -1 }) == 1 else {
        throw AthanorError(
          .unsupported, at: "\(name)", "more than one length depends on the size of what goes in",
          fix: "Export one size.")
      }
      value.immediate.tensor.int32S.values = joined
      merged.attributes["val"] = value
      return merged
    }
  }

  static func open(_ one: ProtoValueType, _ other: ProtoValueType) -> ProtoValueType {
    guard case .tensor(var tensor) = one.kind, case .tensor(let second) = other.kind,
      tensor.dimensions.count == second.dimensions.count
    else { return one }
    for axis in tensor.dimensions.indices where tensor.dimensions[axis] != second.dimensions[axis] {
      tensor.dimensions[axis].kind = .unknown(.init())
    }
    return .with { $0.tensor = tensor }
  }
}
