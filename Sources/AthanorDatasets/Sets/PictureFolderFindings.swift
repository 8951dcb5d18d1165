import Athanor
import Foundation

extension PictureFolder {
  /// What is worth knowing of pictures, in sentences.
  ///
  /// - Parameter same: The places of pictures with equal pixels, group by group.
  static func findings(
    _ entries: [Entry], _ classNames: [String], counts: [Int], same: [[Int]], notes: [String], path: String
  ) -> [String] {
    var findings = [
      "\(path): \(entries.count) pictures of \(classNames.count) classes: " + ClassBalance.list(classNames, counts)
    ]
    findings.append(sizes(entries))
    findings += ClassBalance.findings(classNames, counts, unit: "picture")
    if !same.isEmpty {
      let extra = same.reduce(0) { $0 + $1.count - 1 }
      findings.append(
        "\(extra) picture\(extra == 1 ? " has the pixels of another one" : "s have the pixels of other ones"), so that parts of a "
          + "random split may share them: \(pairs(same, entries))")
      let shared = same.filter { group in Set(group.map { entries[$0].part }).count > 1 }
      if !shared.isEmpty {
        findings.append(
          "The same pixels are in several parts, so that their figures are too optimistic: \(pairs(shared, entries))")
      }
      let contrary = same.filter { group in Set(group.map { entries[$0].classNumber }).count > 1 }
      if !contrary.isEmpty {
        findings.append("The same pixels are in several classes: \(pairs(contrary, entries))")
      }
    }
    let others = otherFiles(path)
    let loose = looseFiles(path, parts: entries.contains { $0.part != nil })
    if let first = loose.first {
      findings.append(
        "\(loose.count) picture\(loose.count == 1 ? " lies" : "s lie") in no folder of a class and \(loose.count == 1 ? "is" : "are") passed "
          + "over: \(first)\(loose.count > 1 ? ", ..." : "")")
    }
    if let first = others.first {
      findings.append(
        "\(others.count) file\(others.count == 1 ? " is" : "s are") passed over, for only .png, .jpg and .jpeg files are read: "
          + "\(first)\(others.count > 1 ? ", ..." : "")")
    }
    return findings + notes
  }

  /// The pictures beside the folders of classes.
  private static func looseFiles(_ path: String, parts: Bool) -> [String] {
    func names(_ folder: String) -> [String] { (try? FileBytes.names(in: folder)) ?? [] }
    let folders = parts ? names(path).filter { FileBytes.isFolder(FileBytes.join(path, $0)) } : []
    return ([""] + folders.map { $0 + "/" }).flatMap { folder in
      names(FileBytes.join(path, folder)).map { folder + $0 }
    }.filter { name in
      let file = FileBytes.join(path, name)
      return Picture.isPictureName(name) && FileBytes.isFile(file) && !FileBytes.isSpecial(file)
    }
  }

  private static func sizes(_ entries: [Entry]) -> String {
    let colours = entries.count(where: \.hasColour)
    let colour =
      colours == 0 ? "in shades of gray" : colours == entries.count ? "in colour" : "\(colours) of them in colour"
    let sizes = entries.map { ($0.height * $0.width, "\($0.height) x \($0.width)") }
    guard let smallest = sizes.min(by: { $0.0 < $1.0 }), let largest = sizes.max(by: { $0.0 < $1.0 }) else { return "" }
    return Set(sizes.map(\.1)).count == 1
      ? "All have \(smallest.1) pixels (height x width), \(colour)"
      : "They have \(smallest.1) to \(largest.1) pixels (height x width), \(colour)"
  }

  private static func pairs(_ groups: [[Int]], _ entries: [Entry]) -> String {
    groups.prefix(3).map { group in group.prefix(2).map { entries[$0].name }.joined(separator: " and ") }
      .joined(separator: "; ") + (groups.count > 3 ? "; ..." : "")
  }

  /// The files below a folder that do not have the names of pictures, pipes, devices, and links that lead nowhere, without hidden ones.
  private static func otherFiles(_ path: String) -> [String] {
    guard let walk = FileManager.default.enumerator(atPath: path) else { return [] }
    var others: [String] = []
    for case let name as String in walk where !name.split(separator: "/").contains(where: { $0.hasPrefix(".") }) {
      let file = FileBytes.join(path, name)
      let isOther =
        Picture.isPictureName(name)
        ? FileBytes.isSpecial(file) : FileBytes.isFile(file) || FileBytes.danglingLink(file) != nil
      if isOther { others.append(name) }
    }
    return others.sorted()
  }
}

/// What is said of the sizes of classes.
package enum ClassBalance {
  /// `cat 120, dog 80`
  package static func list(_ names: [String], _ counts: [Int]) -> String {
    let shown = zip(names, counts).prefix(20).map { "\($0) \($1)" }.joined(separator: ", ")
    return shown + (names.count > 20 ? ", ..." : "")
  }

  /// Sentences about classes of one example, and of very different sizes.
  ///
  /// - Parameter unit: What examples are called, in the singular.
  package static func findings(_ names: [String], _ counts: [Int], unit: String) -> [String] {
    var findings: [String] = []
    let single = zip(names, counts).filter { $0.1 == 1 }.map(\.0)
    if !single.isEmpty {
      findings.append(
        "\(single.count == 1 ? "Class \(single[0]) has" : "Classes \(ClassNames.list(single)) have") one \(unit), which can only be "
          + "learned from: nothing tells how well")
    }
    let present = zip(names, counts).filter { $0.1 > 0 }
    if let largest = present.max(by: { $0.1 < $1.1 }), let smallest = present.min(by: { $0.1 < $1.1 }),
      largest.1 >= 3 * smallest.1
    {
      let factor = Double(largest.1) / Double(smallest.1)
      findings.append(
        "Class \(largest.0) has \(String(format: factor < 10 ? "%.1f" : "%.0f", factor)) times as many \(unit)s as class \(smallest.0); "
          + "balanced class weights let all classes count alike")
    }
    return findings
  }
}
