import Athanor
import Testing

@Suite("Networks by name")
struct NetworkTemplateTests {
  @Test("Each fits itself to pictures of many sizes, and to the number of classes", arguments: NetworkTemplate.allCases)
  func sizes(_ template: NetworkTemplate) throws {
    for input in [[28, 28, 1], [16, 40, 3], [64, 64, 3], [97, 200, 3]] {
      let model = try template.model(input: input, classes: 7, threads: 1)
      #expect(model.outputShape == [nil, 7] && model.inputShape == input)
      #expect(model.parameterCount < 20_000_000)
    }
  }

  @Test func smallPicturesAreForSome() throws {
    #expect(try NetworkTemplate.cnn.model(input: [1, 3, 1], classes: 2).outputShape == [nil, 2])
    #expect(try NetworkTemplate.chollet.model(input: [6, 6, 1], classes: 2).outputShape == [nil, 2])
    #expect(try NetworkTemplate.malireddi.model(input: [16, 16, 1], classes: 2).outputShape == [nil, 2])
    let small = #expect(throws: AthanorError.self) { try NetworkTemplate.malireddi.layers(input: [15, 28, 1]) }
    #expect(
      small?.description
        == "malireddi: pictures have 15 x 28 pixels but at least 16 x 16 are needed. Use the network cnn, or larger pictures."
    )
    #expect(try NetworkTemplate.mlp.model(input: [13], classes: 3).outputShape == [nil, 3])
    let flat = #expect(throws: AthanorError.self) { try NetworkTemplate.cnn.layers(input: [13]) }
    #expect(
      flat?.description
        == "cnn: examples have shape [13] but pictures of [height, width, channels] are needed. Use the network mlp.")
  }

  @Test("The tutorial's networks are what they are for MNIST")
  func tutorial() throws {
    #expect(try NetworkTemplate.malireddi.model().parameterCount == 94_602)
    #expect(try NetworkTemplate.chollet.model().parameterCount == 1_199_882)
  }
}
