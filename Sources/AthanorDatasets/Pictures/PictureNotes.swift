import Athanor

/// Collects what reading many pictures did, so that it is said once.
package struct PictureNotes {
  /// Why pictures cannot be read.
  package private(set) var errors: [AthanorError] = []
  private var turned: [String] = []
  private var defects: [(file: String, text: String)] = []
  /// How many files are named at most.
  private static let limit = 8

  package init() {}

  /// Adds the notes of a picture.
  package mutating func add(_ picture: Picture, _ file: String) { add(picture.notes, file) }

  /// Adds the notes of a file.
  mutating func add(_ notes: [Picture.Note], _ file: String) {
    for note in notes {
      switch note {
      case .turned: turned.append(file)
      case .defect(let text): defects.append((file, text))
      }
    }
  }

  /// Adds a picture that cannot be read.
  package mutating func add(_ error: AthanorError) { errors.append(error) }

  /// What is worth knowing of the pictures that were read, and which were not.
  ///
  /// - Parameters:
  ///   - place: The folder.
  ///   - count: The number of all pictures.
  package func warnings(of place: String, count: Int) -> [String] {
    let left = PictureNotes.list(errors.map { "\($0.location): \($0.problem)" })
    let start = errors.count == 1 ? "1 of \(count) pictures is" : "\(errors.count) of \(count) pictures are"
    return ((errors.isEmpty ? [] : ["\(start) left out: \(left)"]) + warningsOfRead(count: count)).map {
      "\(place): \($0)"
    }
  }

  /// What is worth knowing of the pictures that were read.
  package func warningsOfRead(count: Int) -> [String] {
    var warnings: [String] = []
    func share(_ part: Int, _ single: String, _ several: String) -> String {
      "\(part) of \(count) picture\(count == 1 ? "" : "s") \(part == 1 ? single : several)"
    }
    if let first = turned.first {
      let text = share(turned.count, "was", "were")
      warnings.append(
        "\(text) turned as \(turned.count == 1 ? "its" : "their") EXIF orientation says: \(first)\(turned.count > 1 ? ", ..." : "")"
      )
    }
    if !defects.isEmpty {
      let list = PictureNotes.list(defects.map { "\($0.file): \($0.text)" })
      warnings.append("\(share(defects.count, "was", "were")) read in spite of a defect: \(list)")
    }
    return warnings
  }

  /// All errors in one.
  func error(
    at place: String, _ problem: String, code remedy: String = "Mend or remove them.",
    command commandRemedy: String = "Mend or remove them."
  ) -> AthanorError {
    let list = PictureNotes.list(errors.map { "\($0.location): \($0.problem)" })
    return AthanorError(
      .data, at: place, "\(problem): \(list)", code: remedy, command: commandRemedy)
  }

  private static func list(_ texts: [String]) -> String {
    texts.prefix(limit).joined(separator: "; ") + (texts.count > limit ? "; and \(texts.count - limit) more" : "")
  }
}
