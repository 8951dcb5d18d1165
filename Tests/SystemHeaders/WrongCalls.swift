// Right calls, and one wrong one for each condition: `Tools/check_app.sh` fails unless it is refused.
import CoreML
import DigitPadLogic
import SwiftUI

struct Calls: View {
  let pad: Pad

  var body: some View {
    #if WRONG_LABEL
      Button("Clear", image: "trash") { pad.clear() }
    #else
      Button("Clear", systemImage: "trash") { pad.clear() }
    #endif
    #if WRONG_TYPE
      Text("A digit").padding().disabled("yes")
    #else
      Text("A digit").padding().disabled(true)
    #endif
    #if WRONG_MODIFIER
      Text("A digit").accessibilitySentence("A digit")
    #else
      Text("A digit").accessibilityLabel("A digit")
    #endif
  }
}

#if WRONG_ACTOR
  func clear(_ pad: Pad) { pad.clear() }
#else
  @MainActor func clear(_ pad: Pad) { pad.clear() }
#endif

struct Holder {
  let model: MLModel

  #if WRONG_INITIALISER
    init(_ url: URL) throws { _ = try MLModel(contentsOf: url, configuration: MLModelConfiguration()) }
  #else
    init(_ url: URL) throws { model = try MLModel(contentsOf: url, configuration: MLModelConfiguration()) }
  #endif
}
