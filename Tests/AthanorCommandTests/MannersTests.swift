import Athanor
import AthanorDatasets
import Foundation
import Testing

/// How the program behaves as one among others: signals, terminals, pipes, shells.
@Suite("Manners")
struct MannersTests {
  @Test("The version")
  func version() throws {
    let outcome = try Program().run("--version")
    #expect(outcome.status == 0 && outcome.output == AthanorVersion.current + "\n" && outcome.error == "")
    #expect(AthanorVersion.current.wholeMatch(of: /\d+\.\d+\.\d+/) != nil)
  }

  @Test("SIGTERM saves as Ctrl-C does, and ends with its own code")
  func terminated() throws {
    let program = try Program()
    let words = "train malireddi --dataset digits --epochs 2 --batch-size 100 --output run".split(separator: " ")
    let outcome = try program.run(words.map(String.init)) { process, output in
      while process.isRunning, try !String(contentsOf: output, encoding: .utf8).contains("Epoch 2/2") { usleep(2000) }
      process.terminate()
    }
    #expect(outcome.status == 143 && outcome.error.contains("Interrupted and saved. Go on with:"))
    let progress = try Model(contentsOf: program.path("run/last.h5")).progress
    #expect(progress.epoch == 1 && progress.batch > 0)
  }

  @Test(
    "What is mistyped is told with what may have been meant",
    arguments: [
      ("trian malireddi", "Error: there is no command \"trian\". Did you mean \"train\"? See athanor --help.\n"),
      ("train malireddi --epoch 3", "Did you mean '--epochs'?"),
      ("evalute x.h5", "Did you mean \"evaluate\"?"),
      ("figure fliters malireddi", "Did you mean \"filters\"? See athanor figure --help."),
      ("summary --jsn malireddi", "Did you mean '--json'?"),
    ])
  func suggestions(_ words: String, _ suggestion: String) throws {
    let outcome = try Program().run(words.split(separator: " ").map(String.init))
    #expect(outcome.status == 2 && outcome.error.contains(suggestion), "\(outcome.error)")
  }

  @Test("Completions for each shell", arguments: ["bash", "zsh", "fish"])
  func completions(_ shell: String) throws {
    let outcome = try Program().run("--generate-completion-script", shell)
    #expect(outcome.status == 0 && outcome.error == "")
    for word in ["athanor", "train", "epochs", "figure"] { #expect(outcome.output.contains(word)) }
    // Names and paths for what may be either.
    #expect(outcome.output.contains("---completion train -- --dataset"))
  }

  @Test("A picture from standard input is read as from its file")
  func standardInput() throws {
    let program = try Program()
    let picture = Program.root.appendingPathComponent("Examples/digits/7.png")
    let model = try BundledModels.digits().path
    let file = try program.run("predict", model, picture.path, "--json")
    let words = ["predict", model, "-", "--json"]
    let piped = try program.run(words, input: FileHandle(forReadingFrom: picture))
    #expect(piped.status == 0 && piped.output == file.output.replacing(picture.path, with: "-"))
    let both = try program.run(["predict", model, picture.path, "-"], input: FileHandle(forReadingFrom: picture))
    #expect(both.status == 0 && both.output.split(separator: "\n").count == 3)

    let empty = try program.run(words)
    #expect(empty.status == 1 && empty.error.hasPrefix("Error: standard input: "), "\(empty.error)")
    let twice = try program.run("predict", model, "-", "-")
    #expect(twice.status == 2 && twice.error.contains("Standard input (-) holds one picture."))
  }

  /// The two ends of a terminal of so many columns.
  private func terminal(columns: UInt16) throws -> (screen: FileHandle, program: FileHandle) {
    #if canImport(Darwin)
      let screen = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
      try #require(screen >= 0 && grantpt(screen) == 0 && unlockpt(screen) == 0)
      let name = try String(cString: #require(ptsname(screen)))
    #else
      let screen = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
      var (locked, number): (Int32, Int32) = (0, 0)
      // TIOCSPTLCK and TIOCGPTN, which Swift does not import.
      try #require(screen >= 0 && ioctl(screen, 0x4004_5431, &locked) == 0 && ioctl(screen, 0x8004_5430, &number) == 0)
      let name = "/dev/pts/\(number)"
    #endif
    let end = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(end >= 0)
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    try #require(ioctl(end, UInt(TIOCSWINSZ), &size) == 0)
    return (FileHandle(fileDescriptor: screen), FileHandle(fileDescriptor: end))
  }

  /// What the program writes to a terminal.
  private func shown(_ words: [String], columns: UInt16 = 80, _ environment: [String: String] = [:]) throws -> String {
    let program = try Program()
    let (screen, end) = try terminal(columns: columns)
    let place = program.folder.appendingPathComponent("unused")
    let process = try program.start(words, output: place, error: place, environment: environment, terminal: end)
    try end.close()
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(screen.fileDescriptor, &part, part.count)
      if count <= 0 { break }  // Linux says EIO when the other end is closed
      bytes += part[..<count]
    }
    process.waitUntilExit()
    try screen.close()
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test("Errors are red on a terminal, warnings yellow; nothing is coloured elsewhere or where nobody wants it")
  func colours() throws {
    let words = ["summary", "none.h5"]
    #expect(try shown(words).hasPrefix("\u{1B}[31mError:\u{1B}[0m none.h5: "))
    #expect(try shown(words, ["NO_COLOR": "1"]).hasPrefix("Error: none.h5: "))
    #expect(try shown(words, ["TERM": "dumb"]).hasPrefix("Error: none.h5: "))
    #expect(
      try shown(["summary", "malireddi", "--jsn"]).hasPrefix("\u{1B}[31mError:\u{1B}[0m Unknown option '--jsn'."))
    #expect(try Program().run(words).error.hasPrefix("Error: none.h5: "))
  }

  @Test("Control characters of names do not reach a terminal")
  func controls() throws {
    let words = ["summary", "a\u{1B}[2J\u{9B}b.h5"]
    #expect(try shown(words, ["NO_COLOR": "1"]).hasPrefix("Error: a\\u{1B}[2J\\u{9B}b.h5: "))
    #expect(try Program().run(words).error.hasPrefix("Error: \(words[1]): "))
  }

  @Test("The bar of a training stays on its line")
  func bar() throws {
    let words = "train malireddi --dataset digits --epochs 1 --batch-size 500 --output run".split(separator: " ")
    let text = try shown(words.map(String.init), columns: 40)
    let lines = text.split { $0 == "\r" || $0 == "\n" || $0 == "\r\n" }.filter { $0.contains("/8 ") }
    #expect(lines.count > 1 && lines.dropLast().allSatisfy { $0.count < 40 }, "\(lines)")
    #expect(lines.last?.contains("val_accuracy") == true)
  }
}
