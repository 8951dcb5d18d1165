import Athanor

/// A model's inputs and outputs in NumPy files.
package enum NumPyFiles {
  /// A tensor that was written.
  package struct Output: Hashable, Sendable {
    /// The model's name for it.
    package let name: String
    /// The file that holds it.
    package let path: String
    /// The tensor.
    package let tensor: Tensor
  }

  /// Reads the files of a model's inputs.
  ///
  /// - Parameters:
  ///   - files: `NAME=FILE.npy` with an input's name, or `FILE.npy` where there is but one input.
  ///   - inputs: The model's inputs.
  /// - Throws: `AthanorError` when a name is not known, missing or given twice, or a file cannot be read or holds integers that the input
  ///   does not take.
  package static func read(_ files: [String], for inputs: [Port]) throws -> [String: Tensor] {
    let names = inputs.map(\.name).joined(separator: ", ")
    var tensors: [String: Tensor] = [:]
    for file in files {
      let named = inputs.filter { file.hasPrefix($0.name + "=") }.max { $0.name.count < $1.name.count }
      if named == nil, let sign = file.firstIndex(of: "="), !FileBytes.isFile(file) {
        let name = String(file[..<sign])
        throw AthanorError(
          .argument, at: file, "the model has no input \"\(name)\", and there is no file of this name",
          fix: AthanorError.suggestion(for: name, among: inputs.map(\.name)) + "It has \(names).")
      }
      guard let input = named ?? (inputs.count == 1 ? inputs.first : nil) else {
        throw AthanorError(
          .argument, at: file, "the model has the inputs \(names), so each file needs the name of one",
          fix: "Give NAME=\(file).")
      }
      guard tensors[input.name] == nil else {
        throw AthanorError(
          .argument, at: file, "input \"\(input.name)\" is given twice", fix: "Give one file for each of \(names).")
      }
      let path = named == nil ? file : String(file.dropFirst(input.name.count + 1))
      tensors[input.name] = try NumPyArray(FileBytes.read(path), path: path).tensor(for: input.dtype, path: path)
    }
    return tensors
  }

  /// The paths of files for a model's outputs: a file's name for one, or else `NAME.npy` in a folder for each.
  ///
  /// Characters that are not safe everywhere become `_`, and where two names would be the same, in upper or lower case, a number follows.
  ///
  /// - Throws: `AthanorError` when one file is named for several outputs.
  package static func paths(_ place: String, for outputs: [Port]) throws -> [String] {
    var taken: Set<String> = []
    let files = outputs.map { output in
      var safe = String(output.name.map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" })
      if safe.isEmpty || safe.hasPrefix(".") { safe = "_" + safe.dropFirst() }
      var (name, number) = (safe, 1)
      while !taken.insert(name.lowercased()).inserted {
        number += 1
        name = "\(safe)_\(number)"
      }
      return name + ".npy"
    }
    guard place.lowercased().hasSuffix(".npy") else { return files.map { FileBytes.join(place, $0) } }
    guard outputs.count == 1 else {
      throw AthanorError(
        .argument, at: place,
        "the model has the outputs \(outputs.map(\.name).joined(separator: ", ")), but one file is named",
        fix: "Name a folder, which gets \(files.joined(separator: ", ")).")
    }
    return [place]
  }

  /// Writes a model's outputs to their files, and makes the folder that they need.
  ///
  /// - Throws: `AthanorError` when one file is named for several outputs, or a file cannot be written.
  package static func write(_ tensors: [String: Tensor], of outputs: [Port], to place: String) throws -> [Output] {
    let paths = try paths(place, for: outputs)
    if paths != [place] { try FileBytes.makeFolder(place) }
    return try zip(outputs, paths).compactMap { port, path in
      guard let tensor = tensors[port.name] else { return nil }
      try NumPyArray.write(tensor, to: path)
      return Output(name: port.name, path: path, tensor: tensor)
    }
  }
}
