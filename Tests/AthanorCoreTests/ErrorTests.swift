import AthanorCore
import Testing

@Suite struct ErrorTests {
  @Test func textHasFourParts() {
    let error = AthanorError(.shape, at: "dense", "came 3 but 4 is needed", fix: "Give 4.")
    #expect(error.description == "dense: came 3 but 4 is needed. Give 4.")
    #expect(error.within("model").description == "model: dense: came 3 but 4 is needed. Give 4.")
    #expect(error.within("model").kind == .shape)
    let bare = AthanorError(.data, at: "", "the file ends early")
    #expect(bare.description == "the file ends early.")
    #expect(bare.within("a.h5").description == "a.h5: the file ends early.")
  }

  @Test(arguments: [
    ("rleu", "relu"), ("RELU", "relu"), ("sigmod", "sigmoid"), ("softmx", "softmax"), ("categorical_crossentopy", ""),
    ("th", "tanh"), ("t", ""), ("", ""), ("swish", ""), ("leakyrelu", "leaky_relu"), ("tanhh", "tanh"),
  ])
  func suggestion(name: String, want: String) {
    let names = ["relu", "leaky_relu", "sigmoid", "softmax", "softplus", "tanh", "gelu"]
    #expect(
      AthanorError.suggestion(for: name, among: names) == (want.isEmpty ? "" : "Did you mean \"\(want)\"? "))
  }

  @Test func suggestionIsTheNearest() {
    #expect(AthanorError.suggestion(for: "gelu", among: ["relu", "gelu"]) == "Did you mean \"gelu\"? ")
    #expect(AthanorError.suggestion(for: "relu", among: []) == "")
    #expect(AthanorError.suggestion(for: "elv", among: ["relu", "elu"]) == "Did you mean \"elu\"? ")
    // A third of a long name may differ, more may not.
    #expect(AthanorError.suggestion(for: "abcdefghijkl", among: ["abcdefghXXXX"]) == "Did you mean \"abcdefghXXXX\"? ")
    #expect(AthanorError.suggestion(for: "abcdefghijkl", among: ["abcdefgXXXXX"]) == "")
  }

  @Test func threadCounts() throws {
    for count in [0, -1, 257] {
      #expect(
        text { _ = try ThreadPool(threadCount: count) }
          == "threads: \(count) threads were asked for. Give a number from 1 to 256.")
    }
    #expect(try ThreadPool(threadCount: 3).threadCount == 3)
  }

  @Test func instructionSets() throws {
    #expect(try InstructionSet.chosen(nil) == .best && InstructionSet.chosen("reference") == .reference)
    #expect(InstructionSet.available.contains(.reference) && InstructionSet.available.contains(.best))
    let names = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
    #expect(
      text { _ = try InstructionSet.chosen("mmx") }
        == "ATHANOR_INSTRUCTION_SET: \"mmx\" is not a set of instructions that this CPU has. "
        + "Use one of \(names), or leave the variable out.")
    for missing in Set(InstructionSet.allCases).subtracting(InstructionSet.available) {
      #expect(
        text { _ = try Bench(Graph(), instructions: missing) }
          == "instruction set \(missing): this CPU or this build does not have it. Use one of \(names).")
    }
  }
}

/// What an action's error says; empty when it throws none.
func text(_ action: () throws -> Void) -> String {
  do {
    try action()
    return ""
  } catch {
    return "\(error)"
  }
}
