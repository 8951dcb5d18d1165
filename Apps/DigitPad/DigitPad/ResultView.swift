import DigitPadLogic
import SwiftUI

/// The answer, the picture that the network saw, and ten bars.
struct ResultView: View {
  let pad: Pad
  let retry: @MainActor () async -> Void

  var body: some View {
    VStack(alignment: .leading, spacing: 16) {
      if let message = pad.message {
        Label(message, systemImage: "exclamationmark.triangle")
          .foregroundStyle(.red)
        if !pad.isReady {
          Button("Try Again") { Task { await retry() } }
        }
      }
      HStack(spacing: 16) {
        SeenPicture(shades: pad.reading?.picture ?? [])
        if let best = pad.reading?.best {
          VStack(alignment: .leading) {
            Text(String(best.digit)).font(.largeTitle).bold()
            Text(best.percent).foregroundStyle(.secondary)
          }
          .accessibilityElement()
          .accessibilityLabel("Answer")
          .accessibilityValue(pad.reading?.sentence ?? "")
        }
      }
      ForEach(0..<10, id: \.self) { digit in
        ProbabilityBar(digit: digit, answer: pad.reading?.answers[digit], isBest: pad.reading?.best.digit == digit)
      }
    }
    .frame(maxWidth: .infinity, alignment: .leading)
  }
}

/// One digit's probability.
struct ProbabilityBar: View {
  let digit: Int
  let answer: Reading.Answer?
  let isBest: Bool
  @ScaledMetric private var percentWidth: CGFloat = 56

  var body: some View {
    HStack(spacing: 12) {
      Text(String(digit)).bold(isBest)
      ProgressView(value: answer?.probability ?? 0)
        .tint(isBest ? Color.accentColor : Color.secondary)
      Text(answer?.percent ?? "")
        .frame(width: percentWidth, alignment: .trailing)
    }
    .monospacedDigit()
    .accessibilityElement()
    .accessibilityLabel("Digit \(digit)")
    .accessibilityValue(answer?.spokenPercent ?? "Nothing is drawn")
  }
}

/// The 28 x 28 pixels that the network sees.
struct SeenPicture: View {
  let shades: [UInt8]
  @ScaledMetric private var side: CGFloat = 112

  var body: some View {
    let shades = shades
    Canvas { context, size in
      let pixel = size.width / CGFloat(DigitPreparation.side)
      for (place, shade) in shades.enumerated() where shade > 0 {
        let (row, column) = place.quotientAndRemainder(dividingBy: DigitPreparation.side)
        let square = CGRect(x: CGFloat(column) * pixel, y: CGFloat(row) * pixel, width: pixel, height: pixel)
        context.fill(Path(square), with: .color(Color(white: Double(shade) / 255)))
      }
    }
    .background(.black)
    .frame(width: side, height: side)
    .accessibilityElement()
    .accessibilityLabel("What the network sees")
    .accessibilityValue(shades.isEmpty ? "Nothing is drawn" : "The drawing in 28 by 28 pixels")
  }
}
