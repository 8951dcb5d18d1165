// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "Athanor",
  platforms: [.macOS(.v14), .iOS(.v17)],
  products: [
    .library(name: "Athanor", targets: ["Athanor"]),
    .library(name: "AthanorKeras", targets: ["AthanorKeras"]),
    .library(name: "AthanorCoreML", targets: ["AthanorCoreML"]),
    .library(name: "AthanorONNX", targets: ["AthanorONNX"]),
    .library(name: "AthanorDatasets", targets: ["AthanorDatasets"]),
    // Not "athanor": some disks cannot tell that from the module. `make build` links it by that name.
    .executable(name: "athanor-command", targets: ["AthanorCommand"]),
    .executable(name: "athanor-serve", targets: ["AthanorServe"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-crypto", "3.12.0"..<"5.0.0"),
    // Of `make docs` alone.
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", exact: "1.5.0"),
    // Of the service alone.
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.9.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.10.0"),
  ],
  targets: [
    .target(name: "AthanorKernels"),
    .target(name: "AthanorCore", dependencies: ["AthanorKernels"]),
    .target(name: "Athanor", dependencies: ["AthanorCore"]),

    .systemLibrary(
      name: "CHDF5", path: "Sources/System/CHDF5", pkgConfig: "hdf5",
      providers: [.apt(["libhdf5-dev"]), .brew(["hdf5"])]),
    .systemLibrary(
      name: "CZip", path: "Sources/System/CZip", pkgConfig: "libzip",
      providers: [.apt(["libzip-dev"]), .brew(["libzip"])]),
    .systemLibrary(
      name: "CZlib", path: "Sources/System/CZlib", pkgConfig: "zlib",
      providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(
      name: "CPNG", path: "Sources/System/CPNG", pkgConfig: "libpng",
      providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CTurboJPEG", path: "Sources/System/CTurboJPEG", pkgConfig: "libturbojpeg",
      providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),

    .target(
      name: "AthanorCoreML", dependencies: ["Athanor", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
      // A link to the source of the type itself: wrappers hold it, so that apps need no Athanor.
      resources: [.embedInCode("Resources/DigitPreparation.swift.txt")]),
    .target(
      name: "AthanorONNX", dependencies: ["Athanor", .product(name: "SwiftProtobuf", package: "swift-protobuf")]),
    .target(name: "AthanorArchives", dependencies: ["Athanor", "CZip"]),
    .target(name: "AthanorKeras", dependencies: ["Athanor", "AthanorArchives", "CHDF5", "CZlib"]),
    .target(
      name: "AthanorDatasets",
      dependencies: [
        "Athanor", "AthanorArchives", "CZlib", "CPNG", "CTurboJPEG", .product(name: "Crypto", package: "swift-crypto"),
      ],
      resources: [.copy("Resources/digits"), .copy("Resources/models")]),
    .executableTarget(
      name: "AthanorCommand",
      dependencies: [
        "Athanor", "AthanorKeras", "AthanorCoreML", "AthanorONNX", "AthanorDatasets",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .target(
      name: "AthanorServer",
      dependencies: [
        "Athanor", "AthanorKeras", "AthanorCoreML", "AthanorONNX", "AthanorDatasets",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      resources: [.embedInCode("Page")]),
    .executableTarget(
      name: "AthanorServe",
      dependencies: ["AthanorServer", .product(name: "ArgumentParser", package: "swift-argument-parser")]),

    // Here and not a package of their own, because the kernels are no product.
    .target(name: "PeakArithmetic", path: "Benchmarks/PeakArithmetic"),
    .executableTarget(
      name: "AthanorBenchmarks",
      dependencies: [
        "Athanor", "AthanorCore", "AthanorDatasets", "AthanorKernels", "PeakArithmetic",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Benchmarks/AthanorBenchmarks"),

    // Programs to read; the tests run them.
    .target(name: "AthanorExamples", dependencies: ["Athanor"], path: "Examples", exclude: ["digits"]),

    .testTarget(name: "AthanorKernelsTests", dependencies: ["AthanorKernels"]),
    .testTarget(name: "AthanorCoreTests", dependencies: ["AthanorCore"], exclude: ["Snapshots"]),
    .testTarget(
      name: "AthanorTests", dependencies: ["Athanor", "AthanorExamples"], exclude: ["Figures/Snapshots", "Goldens"]),
    .testTarget(
      name: "AthanorKerasTests", dependencies: ["AthanorKeras", "AthanorArchives"], exclude: ["Goldens"]),
    .testTarget(name: "AthanorCoreMLTests", dependencies: ["AthanorCoreML", "AthanorONNX"], exclude: ["Goldens"]),
    .testTarget(name: "AthanorONNXTests", dependencies: ["AthanorONNX"], exclude: ["Goldens"]),
    .testTarget(name: "AthanorDatasetsTests", dependencies: ["AthanorDatasets"], exclude: ["Goldens"]),
    .testTarget(
      name: "AthanorCommandTests",
      dependencies: ["AthanorCommand", "AthanorCoreML", "AthanorKeras", "AthanorONNX", "AthanorDatasets"],
      exclude: ["Snapshots"]),
    .testTarget(name: "AthanorServerTests", dependencies: ["AthanorServer"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11
)
