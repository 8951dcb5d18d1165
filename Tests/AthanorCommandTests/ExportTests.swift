import Athanor
import AthanorKeras
import Foundation
import Testing

/// `export` and `inspect`, run as a user runs them.
@Suite("Export")
struct ExportCommandTests {
  private let program: Program

  init() throws {
    program = try Program()
    try Sequential(input: [28, 28, 1], seed: 1) {
      Conv2D(4, kernelSize: 5, activation: .relu)
      MaxPooling2D(2)
      Flatten()
      Dense(10, activation: .softmax)
    }.save(to: program.path("digits.h5"))
    try Sequential(input: [20, 20, 3], seed: 1) {
      Conv2D(4, kernelSize: 3, activation: .relu)
      GlobalAveragePooling2D()
      Dense(3, activation: .softmax)
    }.save(to: program.path("colors.h5"))
  }

  private let digits = ["--image-input", "gray", "--class-labels", "0,1,2,3,4,5,6,7,8,9"]

  @Test("A package for Xcode, with what it says of itself")
  func package() throws {
    let facts = [
      "--author", "Ada", "--license", "MIT", "--model-version", "1.2", "--summary", "Reads digits.", "--describe",
      "image=A digit, white on black", "--metadata", "trained on=MNIST", "--wrapper", "DigitClassifier.swift",
    ]
    let outcome = try program.run(["export", "digits.h5", "Digits.mlpackage"] + digits + facts)
    #expect(outcome.status == 0 && outcome.error == "")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    try #require(lines.count == 4)
    #expect(lines[0].hasPrefix("Digits.mlpackage: a Core ML model for iOS 15 and macOS 12 or newer, "))
    #expect(lines[1].hasPrefix("Read again and run on 32 examples of random numbers: largest difference "))
    #expect(
      lines[2].hasPrefix(
        "Compared with digits.h5, opened anew: 8 pictures of random bytes, prepared as declared: largest difference "))
    #expect(lines[2].hasSuffix("(limit 1.0e-05), the same 10 classes."))
    #expect(lines[3] == "DigitClassifier.swift: for app code, `try DigitClassifier().predict(...)`")
    let inspected = try program.run("inspect", "Digits.mlpackage")
    #expect(inspected.status == 0)
    let text = inspected.output.replacing(/\d+ KB/, with: "SIZE KB", maxReplacements: 1)
    #expect(text == (try snapshot("inspect-mlpackage.txt", text)))
    let wrapper = try program.text("DigitClassifier.swift")
    #expect(wrapper == (try snapshot("DigitClassifier.swift.txt", wrapper)))
  }

  /// Against stubs of Apple's modules with the same signatures, since those exist on Apple's systems only.
  @Test("The Swift file for apps compiles", arguments: ["pictures", "digits", "numbers"])
  func wrapperCompiles(_ input: String) throws {
    let takesPictures = input != "numbers"
    let options = takesPictures ? digits : []
    let model = try Model(contentsOf: program.path("digits.h5"))
    if input == "digits" { model.picturePreparation = .digit }
    try model.save(to: program.path("prepared.h5"))
    #expect(
      try program.run(["export", "prepared.h5", "Digits.mlpackage", "--wrapper", "DigitClassifier.swift"] + options)
        .status == 0)
    #expect(try program.text("DigitClassifier.swift").contains("BlankPicture") == (input == "digits"))
    #if !canImport(CoreML)  // elsewhere stand-ins with the same signatures
      let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      for module in ["CoreGraphics", "CoreVideo", "CoreML"] {
        let declarations = tests.appendingPathComponent("SystemHeaders/apple-modules/\(module).swift")
        try compile("-emit-module", "-parse-as-library", "-I", ".", "-module-name", module, declarations.path)
      }
    #endif
    try Data(
      """
      import CoreVideo
      nonisolated func use(_ buffer: CVPixelBuffer) throws {
        _ = try DigitClassifier().predict(\(takesPictures ? "buffer).label + 1" : "[1, 2]).values[0]")
      }
      nonisolated func isSendable(_ prediction: DigitClassifier.Prediction) -> any Sendable { prediction }

      """.utf8
    )
    .write(to: url("App.swift"))
    // Also in an app whose code belongs to the main actor unless it says otherwise.
    for isolation in ["nonisolated", "MainActor"] {
      try compile(
        "-typecheck", "-swift-version", "6", "-warnings-as-errors", "-default-isolation", isolation, "-I", ".",
        "DigitClassifier.swift", "App.swift")
    }
  }

  @Test("A wrapper cannot have the name of a class that Xcode makes", arguments: ["", "Input", "Output"])
  func wrapperName(_ suffix: String) throws {
    let outcome = try program.run(
      "export", "digits.h5", "My-Digits.mlpackage", "--wrapper", "My_Digits\(suffix).swift")
    #expect(outcome.status == 1)
    #expect(
      outcome.error
        == "Error: wrapper: Xcode makes a class My_Digits\(suffix) of My-Digits.mlpackage. "
        + "Take another name, for example My_DigitsModel.\n")
    #expect(try !program.files().contains("My-Digits.mlpackage"))
  }

  private func compile(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["swiftc"] + arguments
    process.currentDirectoryURL = program.folder
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
  }

  @Test("Every format is read again: shown, used, handed on", arguments: ["mlpackage", "mlmodel", "onnx"])
  func formats(_ ending: String) throws {
    let options = ending == "onnx" ? [] : digits
    #expect(try program.run(["export", "digits.h5", "a.\(ending)"] + options).status == 0)
    let json = try program.run("inspect", "a.\(ending)", "--json")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect((object["operations"] as? [Any])?.isEmpty == false && (object["bytes"] as? Int ?? 0) > 10_000)
    let predicted = try program.run("predict", "a.\(ending)", "--dataset", "digits", "--output", "\(ending).npy")
    #expect(predicted.status == 0, "\(predicted.error)")
    #expect(try program.run("predict", "digits.h5", "--dataset", "digits", "--output", "h5.npy").status == 0)
    let (ours, theirs) = (try Data(contentsOf: url("h5.npy")), try Data(contentsOf: url("\(ending).npy")))
    #expect(ours == theirs)
    let again = try program.run("export", "a.\(ending)", "b.onnx")
    #expect(again.status == 0, "\(again.error)")
  }

  private func url(_ name: String) -> URL { program.folder.appendingPathComponent(name) }

  @Test("Smaller weights are counted on real data")
  func quantized() throws {
    let arguments =
      ["export", "digits.h5", "small.mlpackage", "--quantize", "palette6", "--dataset", "digits"] + digits
    let outcome = try program.run(arguments)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.output.contains("iOS 16 and macOS 13") && outcome.output.contains(" accuracy "))
    let json = try program.run(arguments + ["--json"])
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect(object["accuracy_before"] is Double && object["examples"] as? Int == 1000)
  }

  @Test("Pictures of several sizes, scaled and shifted by channel")
  func sizes() throws {
    let outcome = try program.run(
      "export", "colors.h5", "colors.mlpackage", "--image-input", "rgb", "--image-scale", "0.00784", "--image-bias",
      "-1,-1,-0.5", "--image-size-range", "8x8-64x48")
    #expect(outcome.status == 0, "\(outcome.error)")
    let inspected = try program.run("inspect", "colors.mlpackage")
    #expect(inspected.output.contains("RGB picture 20 x 20, heights 8 to 64, widths 8 to 48"))
  }

  @Test(
    "Wrong usage is told before anything is done",
    arguments: [
      (["digits.h5", "a.onnx", "--quantize", "int8"], 2, "the other options are for"),
      (["digits.h5", "a.onnx", "--image-sizes", "28x28"], 2, "the other options are for"),
      (["digits.h5", "a.mlpackage", "--describe", "image"], 2, "write NAME=TEXT"),
      (["digits.h5", "a.mlpackage", "--image-scale", "2"], 2, "go with --image-input"),
      (["digits.h5", "a.mlpackage", "--wrapper", "a.txt"], 2, "ends with .swift"),
      (["digits.h5", "a.mlpackage", "--batch-range", "x"], 1, "--batch-range: \"x\" is not understood"),
      (["digits.h5", "a.mlpackage", "--describe", "picture=x"], 1, "\"picture\" is described, but is neither"),
      (["digits.h5", "a.mlpackage", "--class-labels", "a,b"], 1, "2 class labels were given"),
      (["digits.h5", "a.txt"], 1, "must end with .mlpackage or .mlmodel"),
      (["colors.h5", "a.mlpackage", "--image-input", "gray"], 1, "1 is gray, 3 is rgb"),
      (["none.h5", "a.mlpackage"], 1, "none.h5"),
      (["digits.h5", "no/such/folder/a.mlpackage"], 1, "no/such/folder"),
    ])
  func refusals(_ arguments: [String], _ status: Int32, _ text: String) throws {
    let outcome = try program.run(["export"] + arguments)
    #expect(outcome.status == status && outcome.error.contains(text), "\(outcome.error)")
    #expect(try program.files() == ["colors.h5", "digits.h5"])
  }

  @Test("What cannot be inspected is named")
  func unreadable() throws {
    try Data("text".utf8).write(to: url("a.mlmodel"))
    try Data("text".utf8).write(to: url("a.onnx"))
    for name in ["a.mlmodel", "a.onnx", "none.mlpackage"] {
      let outcome = try program.run("inspect", name)
      #expect(outcome.status == 1 && outcome.error.contains(name), "\(outcome.error)")
    }
  }
}
