import Foundation
import Testing

/// The project that Xcode opens, written by hand: what it names exists, and what the app needs is in it.
struct ProjectTests {
  private typealias Object = [String: Any]

  private let app: URL
  private let project: Object
  private let objects: [String: Object]

  init() throws {
    var folder = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { folder.deleteLastPathComponent() }
    app = folder
    let file = app.appendingPathComponent("DigitPad.xcodeproj/project.pbxproj")
    let list = try PropertyListSerialization.propertyList(from: Data(contentsOf: file), options: [], format: nil)
    project = try #require(list as? Object)
    objects = try #require(project["objects"] as? [String: Object])
  }

  private func text(_ object: Object?, _ key: String) -> String? { object?[key] as? String }
  private func list(_ object: Object?, _ key: String) -> [String] { object?[key] as? [String] ?? [] }
  private func all(_ kind: String) -> [Object] { objects.values.filter { text($0, "isa") == kind } }
  private func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: app.appendingPathComponent(path).path)
  }

  /// Every text of 24 hexadecimal digits, keys included.
  private func ids(_ value: Any) -> [String] {
    switch value {
    case let text as String: text.wholeMatch(of: /[0-9A-F]{24}/) == nil ? [] : [text]
    case let list as [Any]: list.flatMap(ids)
    case let object as Object: object.flatMap { ids($0.key) + ids($0.value) }
    default: []
    }
  }

  /// The files below a group by id, as paths from the project's folder.
  private func files(_ group: String, in folder: String) -> [String: String] {
    var result: [String: String] = [:]
    for child in list(objects[group], "children") {
      guard text(objects[child], "sourceTree") == "<group>" else { continue }
      let path = text(objects[child], "path").map { folder.isEmpty ? $0 : "\(folder)/\($0)" } ?? folder
      if text(objects[child], "isa") == "PBXGroup" {
        result.merge(files(child, in: path)) { first, _ in first }
      } else {
        result[child] = path
      }
    }
    return result
  }

  private func references() throws -> [String: String] {
    let root = try #require(objects[text(project, "rootObject") ?? ""])
    return files(try #require(text(root, "mainGroup")), in: "")
  }

  /// The paths of the files in the target's build phase.
  private func phase(_ kind: String) throws -> [String] {
    let references = try references()
    let target = try #require(all("PBXNativeTarget").first)
    let phase = list(target, "buildPhases").compactMap { objects[$0] }.first { text($0, "isa") == kind }
    return list(phase, "files").compactMap { text(objects[$0], "fileRef") }.compactMap { references[$0] }.sorted()
  }

  @Test func everyIdIsThatOfAnObject() {
    let known = Set(objects.keys)
    #expect(known.count > 20 && known.allSatisfy { $0.wholeMatch(of: /[0-9A-F]{24}/) != nil })
    #expect(Set(ids(project)).subtracting(known) == [])
    var used = ids(objects.values.map { $0 as Any })
    used.append(text(project, "rootObject") ?? "")
    #expect(known.subtracting(used) == [])
  }

  @Test func everyFileExists() throws {
    let references = try references()
    #expect(references.count == all("PBXFileReference").count - 1, "all but the product are in a group")
    for path in references.values { #expect(exists(path), "\(path)") }
    for package in all("XCLocalSwiftPackageReference") {
      #expect(exists("\(text(package, "relativePath") ?? "")/Package.swift"))
    }
    for configuration in all("XCBuildConfiguration") {
      let settings = configuration["buildSettings"] as? Object
      if let path = settings?["CODE_SIGN_ENTITLEMENTS[sdk=macosx*]"] as? String { #expect(exists(path)) }
    }
  }

  @Test func everySourceIsCompiled() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: app.appendingPathComponent("DigitPad").path)
    let sources = names.filter { $0.hasSuffix(".swift") || $0.hasSuffix(".mlpackage") }.map { "DigitPad/\($0)" }
    #expect(sources.count > 4)
    #expect(try phase("PBXSourcesBuildPhase") == sources.sorted())
    #expect(try phase("PBXResourcesBuildPhase") == ["DigitPad/Assets.xcassets"])
    let products = all("XCSwiftPackageProductDependency").compactMap { text($0, "productName") }
    #expect(products == ["DigitPadLogic"])
  }

  @Test func iconsAreThere() throws {
    let catalogue = app.appendingPathComponent("DigitPad/Assets.xcassets")
    for name in ["Contents.json", "AccentColor.colorset/Contents.json"] {
      _ = try JSONSerialization.jsonObject(with: Data(contentsOf: catalogue.appendingPathComponent(name)))
    }
    let icons = catalogue.appendingPathComponent("AppIcon.appiconset")
    let contents = try JSONSerialization.jsonObject(
      with: Data(contentsOf: icons.appendingPathComponent("Contents.json")))
    let images = try #require((contents as? Object)?["images"] as? [[String: String]])
    #expect(images.count == 11)
    for image in images {
      let points = try #require(image["size"].flatMap { Int($0.prefix { $0 != "x" }) })
      let side = points * (image["scale"] == "2x" ? 2 : 1)
      let file = try Data(contentsOf: icons.appendingPathComponent(image["filename"] ?? ""))
      // A PNG file has its width and height in bytes 16 to 23.
      #expect(file.prefix(4) == Data([0x89] + Array("PNG".utf8)))
      let length = [0, 0, UInt8(side / 256), UInt8(side % 256)]
      #expect([UInt8](file[16..<24]) == length + length, "\(image)")
    }
  }

  /// What the scheme builds is the target of the project.
  @Test func schemeNamesTheTarget() throws {
    let file = app.appendingPathComponent("DigitPad.xcodeproj/xcshareddata/xcschemes/DigitPad.xcscheme")
    let scheme = try String(contentsOf: file, encoding: .utf8)
    let named = scheme.matches(of: /BlueprintIdentifier = "(.*)"/).map { String($0.1) }
    #expect(!named.isEmpty && named.allSatisfy { text(objects[$0], "isa") == "PBXNativeTarget" })
    let entitlements = app.appendingPathComponent("DigitPad/DigitPad.entitlements")
    _ = try PropertyListSerialization.propertyList(from: Data(contentsOf: entitlements), options: [], format: nil)
  }
}
