// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "DigitPadLogic",
  platforms: [.macOS(.v14), .iOS(.v17)],
  products: [.library(name: "DigitPadLogic", targets: ["DigitPadLogic"])],
  targets: [
    // DigitPreparation.swift is a link to Athanor's own.
    .target(name: "DigitPadLogic"),
    // Draws the digits of Tools/digits and has a model read them.
    .executableTarget(name: "DrawnDigits", dependencies: ["DigitPadLogic"]),
    .testTarget(name: "DigitPadLogicTests", dependencies: ["DigitPadLogic", "DrawnDigits"]),
  ],
  swiftLanguageModes: [.v6]
)
