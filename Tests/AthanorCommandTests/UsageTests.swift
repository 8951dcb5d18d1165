import Foundation
import Testing

@Suite("Usage")
struct UsageTests {
  static let commands = [
    "summary", "train", "evaluate", "predict", "benchmark", "export", "convert", "inspect", "datasets",
    "figure filters",
    "figure features", "figure data",
  ]

  @Test("Help says what each command does and takes", arguments: [""] + commands)
  func help(_ command: String) throws {
    let outcome = try Program().run(command.split(separator: " ").map(String.init) + ["--help"])
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(
      outcome.output
        == (try snapshot("help\(command.isEmpty ? "" : "-" + command.replacing(" ", with: "-")).txt", outcome.output)))
    #expect(command.isEmpty || outcome.output.contains("--json"))
    // Each option has its sentence, and the lines fit a terminal.
    let lines = outcome.output.split(separator: "\n")
    let start = try #require(lines.firstIndex(of: "OPTIONS:"))
    let options = lines[(start + 1)...].split { !$0.hasPrefix("  ") }.first ?? []
    for (index, line) in zip(options.indices, options) where line.hasPrefix("  -") {
      let below = options.indices.contains(index + 1) ? options[index + 1] : ""
      let sentence = line.dropFirst(26).isEmpty || !line.dropFirst(25).hasPrefix(" ") ? below : line.dropFirst(26)
      let words = sentence.split(separator: " ")
      #expect(words.count > 1 && words.first?.first?.isUppercase == true, "\(line)")
    }
    #expect(lines.allSatisfy { $0.count <= 80 || $0.hasPrefix("USAGE:") })
  }

  @Test(
    "Wrong usage ends with 2, and says what is wrong on standard error",
    arguments: [
      ("bogus", "there is no command \"bogus\". See athanor --help."),
      ("summary", "Missing expected argument '<network> ...'"),
      ("figure filters malireddi", "Missing expected argument '--output <output>'"),
      ("figure filters malireddi --output a.png", "--output a.png: give a name that ends with .svg."),
      ("figure data --columns 0 --output a.svg", "--columns must be from 1 to 20."),
      ("train malireddi --epochs 0", "--epochs must be at least 1 and at most 2^30."),
      ("train malireddi --epochs two", "The value 'two' is invalid for '--epochs <epochs>'"),
      ("train malireddi --epochs -3", "--epochs must be at least 1 and at most 2^30."),
      ("train malireddi --batch-size 0", "--batch-size must be at least 1 and at most 2^30."),
      ("train malireddi --batch-size -1", "--batch-size must be at least 1 and at most 2^30."),
      ("train malireddi --seed -1", "The value '-1' is invalid for '--seed <seed>'"),
      ("train malireddi --threads 0", "--threads must be at least 1."),
      ("train malireddi --patience 0", "--patience must be at least 1 and at most 2^30."),
      ("train malireddi --learning-rate nan", "--learning-rate must be above 0."),
      ("train malireddi --learning-rate inf", "--learning-rate must be above 0."),
      ("train malireddi --learning-rate -0.1", "--learning-rate must be above 0."),
      ("evaluate", "Missing expected argument '<file>'"),
      ("evaluate x.h5 --threads -1", "--threads must be at least 1."),
      ("evaluate x.h5 --dataset digts", "there is no data set \"digts\". Did you mean \"digits\"?"),
      ("predict", "Missing expected argument '<file>'"),
      ("predict x.h5 a.png --threads 0", "--threads must be at least 1."),
      ("predict x.h5 a.png --output p.npy", "--output FILE.npy needs --dataset, and --output FILE.csv a table."),
      (
        "predict x.h5 a.png --dataset digits --output p.npy",
        "Give pictures, or --dataset with --output, or --inputs with --outputs."
      ),
      ("predict x.h5 a.png --inputs x.npy --outputs y.npy", "Give pictures, or --dataset with --output, or --inputs"),
      ("predict x.h5 --inputs x.npy", "--inputs FILE.npy and --outputs FILE.npy go together."),
      ("predict x.h5 a.png --outputs y.npy", "--inputs FILE.npy and --outputs FILE.npy go together."),
      (
        "predict x.h5 --inputs x.npy --output y.npy",
        "--output FILE.npy needs --dataset, and --output FILE.csv a table."
      ),
      ("predict x.h5 --inputs x.npy --outputs y.npy --batch-size 0", "--batch-size must be at least 1."),
      ("predict x.h5 a.png --batch-size 4", "--batch-size goes with --dataset, --inputs or a table."),
      ("benchmark", "Missing expected argument '<model>'"),
      ("benchmark malireddi --batch -1", "--batch must be at least 1 and at most 2^30."),
      ("benchmark malireddi --threads 0", "--threads must be at least 1."),
      ("benchmark malireddi --length time", "The value 'time' is invalid for '--length <length>'"),
      ("benchmark malireddi --length time=0", "The value 'time=0' is invalid for '--length <length>'"),
      ("predict x.h5 --dataset digts --output p.npy", "there is no data set \"digts\". Did you mean \"digits\"?"),
      ("datasets digits", "Unexpected argument 'digits'"), ("summary malireddi --jsn", "Unknown option '--jsn'"),
      ("train malireddi --dataset mnistt", "there is no data set \"mnistt\". Did you mean \"mnist\"?"),
      ("train malireddi --resume x.h5 --learning-rate 1", "--learning-rate cannot change in the middle of a training"),
      ("train malireddi --resume x.h5 --schedule cosine", "--schedule cannot change in the middle of a training"),
      ("train malireddi --schedule cosin", "The value 'cosin' is invalid for '--schedule <schedule>'"),
      ("train malireddi --dataset digits --validation-split 1", "--validation-split must be above 0 and below 1."),
      (
        "train --validation-split 0.6 --test-split 0.4", "--validation-split and --test-split must be below 1 together."
      ),
      ("train --validate-on test --validation-split 0.1", "leave --validation-split out."),
      ("train cnn --base x.h5", "--base is the network; leave cnn out."),
      ("train --freeze", "--freeze goes with --base."),
      ("train --dataset digits --size 0", "The value '0' is invalid for '--size <size>'"),
      ("train --mixup 0", "--mixup must be above 0."), ("train --mixup 1 --cutmix 1", "Give --mixup or --cutmix."),
      ("train --flip", "--flip goes with --augment."),
      ("train --mixup 1 --class-weights balanced", "--class-weights does not go with --mixup and --cutmix"),
      ("predict x.h5 t.csv --output o.csv --labels a,b", "--labels is for pictures, not for a table."),
      ("predict x.h5 a.png --size 28", "--size goes with --dataset."),
      ("predict x.h5 a.png --split s.csv", "--split goes with --dataset."),
      ("export x.h5 x.onnx --part test", "--part goes with --dataset."),
      ("predict x.h5 --dataset digits --output p.csv", "--output p.csv: give a name that ends with .npy"),
      ("train --label-smoothing 1", "--label-smoothing must be at least 0 and below 1."),
      ("predict x.h5", "Give pictures, or --dataset with --output, or --inputs with --outputs."),
      ("predict x.h5 --dataset digits", "--dataset needs --output FILE.npy."),
      ("evaluate x.h5 --datset digits", "Unknown option '--datset'. Did you mean '--dataset'?"),
    ])
  func wrongUsage(_ words: String, _ problem: String) throws {
    let outcome = try Program().run(words.split(separator: " ").map(String.init))
    #expect(outcome.status == 2 && outcome.output == "")
    #expect(outcome.error.contains(problem), "\(outcome.error)")
  }

  @Test(
    "What fails ends with 1 and one paragraph",
    arguments: [
      ("summary malireddii", "there is neither a network nor a file of this name. Did you mean \"malireddi\"?"),
      ("summary notes.txt", "notes.txt: neither its contents nor its ending say what kind of model file it is"),
      ("summary empty", "empty: "),
      ("evaluate none.h5 --dataset digits", "none.h5: there is no such file"),
      (
        "train maliredi --dataset digits",
        "there is neither a network nor a file of this name. Did you mean \"malireddi\"?"
      ),
      ("train malireddi --dataset digits --resume none.h5", "none.h5: there is no such file"),
      ("train malireddi --dataset digits --threads 100000", "threads: 100000 threads were asked for"),
      ("predict none.h5 notes.txt", "none.h5: there is no such file"),
      ("predict none.h5 --inputs x.npy --outputs y.npy", "none.h5: there is no such file"),
      ("benchmark cholet", "there is neither a network nor a file of this name. Did you mean \"chollet\"?"),
      (
        "benchmark malireddi --length time=4",
        "--length time=4: the model has no open length \"time\". All its lengths are fixed."
      ),
      ("benchmark malireddi --batch 1000000000", "input \"input_layer\": shape (1000000000, 28, 28, 1) has more than"),
      ("train malireddi --dataset digits --data-dir empty", "empty: does not hold all of "),
      ("train malireddi --dataset digits --data-dir none", "none: there is no such folder"),
      ("train malireddi --dataset digits --output notes.txt/run", "notes.txt/run: the folder cannot be made"),
    ])
  func failures(_ words: String, _ problem: String) throws {
    let program = try Program()
    try FileManager.default.createDirectory(atPath: program.path("empty"), withIntermediateDirectories: false)
    try Data("not a model\n".utf8).write(to: program.folder.appendingPathComponent("notes.txt"))
    let outcome = try program.run(words.split(separator: " ").map(String.init))
    #expect(outcome.status == 1 && outcome.output == "")
    #expect(outcome.error.hasPrefix("Error: ") && outcome.error.contains(problem), "\(outcome.error)")
    #expect(outcome.error.split(separator: "\n").count == 1)
  }

  @Test("Summaries as a table and as JSON")
  func summary() throws {
    let program = try Program()
    let table = try program.run("summary", "malireddi").output
    #expect(table.contains("conv2d_1 (Conv2D)               (None, 10, 10, 64)        18496\n"))
    #expect(table.contains("\nTotal params: 94,602\nTrainable params: 94,602\nNon-trainable params: 0\n"))
    let object = try #require(try objects(program.run("summary", "chollet", "--json").output).first)
    #expect(object["parameters"] as? Int == 1_199_882 && object["input"] as? [Int] == [28, 28, 1])
    #expect((object["layers"] as? [[String: Any]])?.count == 8)
  }

  @Test("The data sets that are here, and how to get the others")
  func datasets() throws {
    let program = try Program()
    let text = try program.run("datasets").output
    #expect(text.contains("digits: 4000 + 1000 examples in ") && text.contains("fashion-mnist: "))
    let sets = try objects(program.run("datasets", "--json").output)
    #expect(sets.map { $0["name"] as? String } == ["mnist", "fashion-mnist", "digits"])
    #expect(sets.last?["present"] as? Bool == true && sets.last?["train"] as? Int == 4000)
  }
}
