import Athanor
import AthanorDatasets
import Testing

/// A model's inputs and outputs in NumPy files.
struct NumPyFilesTests {
  private let folder: TemporaryFolder
  private let picture = Port(name: "picture", lengths: [.batch, 2])
  private let age = Port(name: "age", dtype: .int32, lengths: [.batch])

  init() throws {
    folder = try TemporaryFolder()
    try folder.write(npy(npyHeader("|u1", [1, 2]), [3, 4]), "p.npy")
    try folder.write(npy(npyHeader("<i8", [2]), littleEndian(Int64(-5)) + littleEndian(Int64(6))), "a=b.npy")
  }

  /// The files of the folder in place of their names, which follow a `>`.
  private func files(_ texts: [String]) -> [String] {
    texts.map { $0.replacingOccurrences(of: ">", with: folder.path + "/") }
  }

  private func read(_ texts: String..., for ports: [Port]) throws -> [String: Tensor] {
    try NumPyFiles.read(files(texts), for: ports)
  }

  @Test func severalInputsAreNamed() throws {
    let tensors = try read("age=>a=b.npy", "picture=>p.npy", for: [picture, age])
    #expect(
      try tensors
        == ["picture": Tensor(shape: [1, 2], bytes: [3, 4]), "age": Tensor(shape: [2], integers: [-5, 6])])
  }

  @Test func oneInputNeedsNoName() throws {
    #expect(try read(">a=b.npy", for: [age]) == ["age": Tensor(shape: [2], integers: [-5, 6])])
    #expect(try read("age=>a=b.npy", for: [age]) == ["age": Tensor(shape: [2], integers: [-5, 6])])
    // The longest name counts.
    let twin = Port(name: "age=\(folder.path)/a", dtype: .int32, lengths: [.batch])
    #expect(folder.error { try read("age=>a=b.npy", for: [age, twin]) }.hasPrefix("b.npy: cannot be opened"))
  }

  @Test func wrongInputs() {
    func error(_ texts: String..., for ports: [Port]) -> String {
      folder.error { try NumPyFiles.read(files(texts), for: ports) }
    }
    #expect(
      error("pictur=>p.npy", for: [picture, age])
        == "pictur=p.npy: the model has no input \"pictur\", and there is no file of this name. "
        + "Did you mean \"picture\"? It has picture, age.")
    #expect(
      error("x=y.npy", for: [picture])
        == "x=y.npy: the model has no input \"x\", and there is no file of this name. It has picture.")
    #expect(
      error(">p.npy", for: [picture, age])
        == "p.npy: the model has the inputs picture, age, so each file needs the name of one. Give NAME=p.npy.")
    #expect(
      error(">p.npy", "picture=>p.npy", for: [picture])
        == "picture=p.npy: input \"picture\" is given twice. Give one file for each of picture.")
    #expect(
      error(">none.npy", for: [picture])
        == "none.npy: cannot be opened for reading (No such file or directory). Check the spelling of the path.")
  }

  @Test func outputsGoIntoFilesOfTheirNames() throws {
    let names = ["kind", "größe", "a/b:0", "a_b_0", "A\\B 0", "..", "", ".x", "a_b_0_2", "x=1"]
    #expect(
      try NumPyFiles.paths("out", for: names.map { Port(name: $0, lengths: []) })
        == [
          "kind", "größe", "a_b_0", "a_b_0_2", "A_B_0_3", "_.", "_", "_x", "a_b_0_2_2", "x_1",
        ].map { "out/\($0).npy" })
    #expect(try NumPyFiles.paths("out.NPY", for: [age]) == ["out.NPY"])
    #expect(
      folder.error { try NumPyFiles.paths("y.npy", for: [picture, Port(name: "a:0", lengths: [])]) }
        == "y.npy: the model has the outputs picture, a:0, but one file is named. "
        + "Name a folder, which gets picture.npy, a_0.npy.")
  }

  @Test func writesOutputsOfAnyType() throws {
    let results = try [
      "picture": Tensor(shape: [1, 2], [0.5, 1.5]), "age": Tensor(shape: [], integers: [7]),
      "other": Tensor(shape: [0], []),
    ]
    func load(_ name: String) throws -> Tensor {
      try NumPyArray(FileBytes.read(folder[name]), path: name).tensor(for: .float32, path: name)
    }
    let outputs = try NumPyFiles.write(results, of: [picture, age], to: folder["new/deep"])
    #expect(outputs.map(\.name) == ["picture", "age"])
    #expect(outputs.map(\.path) == [folder["new/deep/picture.npy"], folder["new/deep/age.npy"]])
    #expect(try load("new/deep/picture.npy") == results["picture"])
    #expect(try load("new/deep/age.npy") == results["age"])
    #expect(folder.files == ["a=b.npy", "new/deep/age.npy", "new/deep/picture.npy", "p.npy"])
    // An existing folder keeps its other files; an existing file is replaced.
    _ = try NumPyFiles.write(["age": Tensor(shape: [1], bytes: [9])], of: [age], to: folder["new/deep"])
    #expect(try load("new/deep/age.npy") == Tensor(shape: [1], bytes: [9]))
    _ = try NumPyFiles.write(results, of: [age], to: folder["p.npy"])
    #expect(try load("p.npy") == results["age"])
    #expect(folder.files == ["a=b.npy", "new/deep/age.npy", "new/deep/picture.npy", "p.npy"])
    #expect(
      folder.error { try NumPyFiles.write(results, of: [age], to: folder["p.npy/deep"]) }
        == "p.npy/deep: the folder cannot be made (Not a directory).")
    try folder.makeFolder("folder.npy")
    #expect(
      folder.error { try NumPyFiles.write(results, of: [age], to: folder["folder.npy"]) }
        == "folder.npy: cannot be put into place (Is a directory).")
  }
}
