// swift-format-ignore-file: AlwaysUseLowerCamelCase

// SwiftUI as far as Apps/DigitPad calls it: iOS 17 and macOS 14, as the SDKs of Xcode 16 and newer isolate it. Nothing here does anything.
@_exported import CoreGraphics
@_exported import Foundation
import Observation

// MARK: Views

@MainActor @preconcurrency public protocol View {
  associatedtype Body: View
  @ViewBuilder @MainActor @preconcurrency var body: Body { get }
}
extension Never: View {
  public typealias Body = Never
  public var body: Never { preconditionFailure() }
}
/// A view that the system makes.
public protocol SystemView: View where Body == Never {}
extension SystemView { public var body: Never { preconditionFailure() } }
extension Optional: View where Wrapped: View { public typealias Body = Never }
extension Optional: SystemView where Wrapped: View {}

@resultBuilder public enum ViewBuilder {
  public static func buildBlock() -> EmptyView { EmptyView() }
  public static func buildExpression<Content: View>(_ content: Content) -> Content { content }
  public static func buildBlock<each Content: View>(_ content: repeat each Content) -> TupleView<(repeat each Content)>
  {
    TupleView()
  }
  public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
  public static func buildIf<Content: View>(_ content: Content?) -> Content? { content }
  public static func buildEither<First: View, Second: View>(first: First) -> ConditionalView<First, Second> { .init() }
  public static func buildEither<First: View, Second: View>(second: Second) -> ConditionalView<First, Second> {
    .init()
  }
}
public struct EmptyView: SystemView { public nonisolated init() {} }
public struct TupleView<Content>: SystemView { nonisolated init() {} }
public struct ConditionalView<First: View, Second: View>: SystemView { nonisolated init() {} }

public struct VStack<Content: View>: SystemView {
  public init(alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {}
}
public struct HStack<Content: View>: SystemView {
  public init(alignment: VerticalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {}
}
public struct ScrollView<Content: View>: SystemView { public init(@ViewBuilder content: () -> Content) {} }
public struct ForEach<Data: RandomAccessCollection, ID: Hashable, Content: View>: SystemView {
  public init(_ data: Data, id: KeyPath<Data.Element, ID>, @ViewBuilder content: @escaping (Data.Element) -> Content) {}
}
public struct GeometryReader<Content: View>: SystemView {
  public init(@ViewBuilder content: @escaping (GeometryProxy) -> Content) {}
}
public struct GeometryProxy { public var size: CGSize { .zero } }

public struct Text: SystemView {
  public init<Content: StringProtocol>(_ content: Content) {}
  @_disfavoredOverload public init(_ key: LocalizedStringKey) {}
  public func font(_ font: Font?) -> Text { self }
  public func bold() -> Text { self }
  public func bold(_ isActive: Bool) -> Text { self }
}
public struct LocalizedStringKey: ExpressibleByStringInterpolation { public init(stringLiteral value: String) {} }
public struct Label<Title: View, Icon: View>: SystemView {}
extension Label where Title == Text, Icon == Image {
  public init<Content: StringProtocol>(_ title: Content, systemImage: String) {}
}
public struct Image: SystemView {}
public struct ProgressView<Label: View, ValueLabel: View>: SystemView {}
extension ProgressView where Label == EmptyView, ValueLabel == EmptyView {
  public init<Value: BinaryFloatingPoint>(value: Value?, total: Value = 1.0) {}
}
public struct Button<Label: View>: SystemView {}
extension Button where Label == Text {
  public init(_ titleKey: LocalizedStringKey, action: @escaping @MainActor () -> Void) {}
}
extension Button where Label == SwiftUI.Label<Text, Image> {
  public init(
    _ titleKey: LocalizedStringKey, systemImage: String, role: ButtonRole? = nil,
    action: @escaping @MainActor () -> Void
  ) {}
}
public struct ButtonRole: Sendable { public static let destructive = ButtonRole() }

// MARK: Drawing

public struct Canvas<Symbols: View>: SystemView {}
extension Canvas where Symbols == EmptyView {
  public init(
    opaque: Bool = false, rendersAsynchronously: Bool = false,
    renderer: @escaping (inout GraphicsContext, CGSize) -> Void
  ) {}
}
public struct GraphicsContext {
  public struct Shading: Sendable { public static func color(_ color: Color) -> Shading { Shading() } }
  public func fill(_ path: Path, with shading: Shading) {}
  public func stroke(_ path: Path, with shading: Shading, style: StrokeStyle) {}
}
public struct Path: Sendable {
  public init() {}
  public init(_ rect: CGRect) {}
  public init(ellipseIn rect: CGRect) {}
  public mutating func addLines(_ lines: [CGPoint]) {}
}
public struct StrokeStyle: Sendable {
  public init(lineWidth: CGFloat = 1, lineCap: CGLineCap = .butt, lineJoin: CGLineJoin = .miter) {}
}
public protocol Shape: View {}
public struct Rectangle: Shape, SystemView { public nonisolated init() {} }
public struct RoundedRectangle: Shape, SystemView { public nonisolated init(cornerRadius: CGFloat) {} }

public protocol ShapeStyle: Sendable {}
public struct Color: ShapeStyle, SystemView {
  public nonisolated init(white: Double, opacity: Double = 1) {}
  public nonisolated static var primary: Color { Color(white: 0) }
  public nonisolated static var secondary: Color { Color(white: 0) }
  public nonisolated static var accentColor: Color { Color(white: 0) }
}
extension ShapeStyle where Self == Color {
  public static var black: Color { Color(white: 0) }
  public static var red: Color { Color(white: 0) }
}
public struct HierarchicalShapeStyle: ShapeStyle {}
extension ShapeStyle where Self == HierarchicalShapeStyle {
  public static var secondary: HierarchicalShapeStyle { HierarchicalShapeStyle() }
  public static var quaternary: HierarchicalShapeStyle { HierarchicalShapeStyle() }
}

// MARK: Layout

public enum HorizontalAlignment: Sendable { case leading, center, trailing }
public enum VerticalAlignment: Sendable { case top, center, bottom }
public struct Alignment: Sendable {
  public static let leading = Alignment()
  public static let center = Alignment()
  public static let trailing = Alignment()
}
public enum TextAlignment: Sendable { case leading, center, trailing }
public enum ContentMode: Sendable { case fit, fill }
public enum ControlSize: Sendable { case small, regular, large }
public struct Font: Sendable { public static let largeTitle = Font() }
public protocol Layout {}
extension Layout {
  @MainActor public func callAsFunction<Content: View>(@ViewBuilder _ content: () -> Content) -> some View {
    EmptyView()
  }
}
public struct HStackLayout: Layout { public init(alignment: VerticalAlignment = .center, spacing: CGFloat? = nil) {} }
public struct VStackLayout: Layout { public init(alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil) {} }
public struct AnyLayout: Layout { public init<Other: Layout>(_ layout: Other) {} }

// MARK: Modifiers

extension View {
  public func padding() -> some View { self }
  public func frame(width: CGFloat? = nil, height: CGFloat? = nil, alignment: Alignment = .center) -> some View { self }
  public func frame(
    minWidth: CGFloat? = nil, maxWidth: CGFloat? = nil, minHeight: CGFloat? = nil, maxHeight: CGFloat? = nil,
    alignment: Alignment = .center
  ) -> some View { self }
  public func aspectRatio(_ aspectRatio: CGFloat? = nil, contentMode: ContentMode) -> some View { self }
  public func background<Style: ShapeStyle>(_ style: Style) -> some View { self }
  public func background<Style: ShapeStyle, Form: Shape>(_ style: Style, in shape: Form) -> some View { self }
  public func foregroundStyle<Style: ShapeStyle>(_ style: Style) -> some View { self }
  public func clipShape<Form: Shape>(_ shape: Form) -> some View { self }
  public func contentShape<Form: Shape>(_ shape: Form) -> some View { self }
  public func overlay<Content: View>(alignment: Alignment = .center, @ViewBuilder content: () -> Content) -> some View {
    self
  }
  public func tint(_ tint: Color?) -> some View { self }
  public func monospacedDigit() -> some View { self }
  public func multilineTextAlignment(_ alignment: TextAlignment) -> some View { self }
  public func allowsHitTesting(_ enabled: Bool) -> some View { self }
  public func disabled(_ disabled: Bool) -> some View { self }
  public func controlSize(_ size: ControlSize) -> some View { self }
  public func labelStyle<Style: LabelStyle>(_ style: Style) -> some View { self }
  public func buttonStyle<Style: PrimitiveButtonStyle>(_ style: Style) -> some View { self }
  public func keyboardShortcut(_ key: KeyEquivalent, modifiers: EventModifiers = .command) -> some View { self }
  public func gesture<Movement: Gesture>(_ gesture: Movement) -> some View { self }
  public func task(_ action: sending @escaping @isolated(any) () async -> Void) -> some View { self }
  public func onChange<Value: Equatable>(of value: Value, _ action: @escaping (Value, Value) -> Void) -> some View {
    self
  }
  public func focusedSceneValue<Value: AnyObject & Observable>(_ object: Value?) -> some View { self }
  public func sensoryFeedback<Value: Equatable>(_ feedback: SensoryFeedback, trigger: Value) -> some View { self }

  public func accessibilityElement(children: AccessibilityChildBehavior = .ignore) -> some View { self }
  public func accessibilityDirectTouch(
    _ isDirectTouchArea: Bool = true, options: AccessibilityDirectTouchOptions = []
  ) -> some View { self }
  public func accessibilityLabel(_ key: LocalizedStringKey) -> some View { self }
  public func accessibilityHint(_ key: LocalizedStringKey) -> some View { self }
  @_disfavoredOverload public func accessibilityValue(_ key: LocalizedStringKey) -> some View { self }
  public func accessibilityValue<Content: StringProtocol>(_ value: Content) -> some View { self }
  public func accessibilityAction(named name: LocalizedStringKey, _ handler: @escaping () -> Void) -> some View { self }
}
public struct AccessibilityChildBehavior: Sendable {
  public static let ignore = AccessibilityChildBehavior()
}
public struct AccessibilityDirectTouchOptions: OptionSet, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }
  public static let requiresActivation = AccessibilityDirectTouchOptions(rawValue: 2)
}
public struct SensoryFeedback: Equatable, Sendable {
  public struct Weight: Equatable, Sendable { public static let light = Weight() }
  public static let selection = SensoryFeedback()
  public static func impact(weight: Weight, intensity: Double = 1.0) -> SensoryFeedback { SensoryFeedback() }
}
public struct KeyEquivalent: ExpressibleByExtendedGraphemeClusterLiteral, Sendable {
  public init(extendedGraphemeClusterLiteral value: Character) {}
  public static let delete: KeyEquivalent = "\u{8}"
}
public struct EventModifiers: OptionSet, Sendable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }
  public static let command = EventModifiers(rawValue: 1)
  public static let shift = EventModifiers(rawValue: 2)
}
public protocol LabelStyle {}
public struct IconOnlyLabelStyle: LabelStyle {}
extension LabelStyle where Self == IconOnlyLabelStyle { public static var iconOnly: IconOnlyLabelStyle { .init() } }
public protocol PrimitiveButtonStyle {}
public struct BorderedButtonStyle: PrimitiveButtonStyle {}
extension PrimitiveButtonStyle where Self == BorderedButtonStyle {
  public static var bordered: BorderedButtonStyle { .init() }
}

@MainActor @preconcurrency public protocol Gesture<Value> { associatedtype Value }
extension Gesture {
  public func onChanged(_ action: @escaping (Value) -> Void) -> some Gesture<Value> { self }
  public func onEnded(_ action: @escaping (Value) -> Void) -> some Gesture<Value> { self }
}
public struct DragGesture: Gesture {
  public struct Value: Equatable, Sendable {
    public var startLocation: CGPoint
    public var location: CGPoint
  }
  public init(minimumDistance: CGFloat = 10) {}
}

// MARK: State, scenes and menus

@propertyWrapper public struct State<Value> {
  public init(wrappedValue value: Value) { wrappedValue = value }
  public var wrappedValue: Value
}
@propertyWrapper public struct ScaledMetric<Value: BinaryFloatingPoint> {
  public init(wrappedValue: Value) { value = wrappedValue }
  private let value: Value
  public var wrappedValue: Value { value }
}
@propertyWrapper public struct FocusedValue<Value> {
  public init(_ objectType: Value.Type) where Value: AnyObject, Value: Observable {}
  public var wrappedValue: Value? { nil }
}

@MainActor @preconcurrency public protocol App {
  associatedtype Body: Scene
  @SceneBuilder @MainActor @preconcurrency var body: Body { get }
  @MainActor @preconcurrency init()
}
extension App { public static func main() {} }
@MainActor @preconcurrency public protocol Scene {}
extension Scene {
  public func commands<Content: Commands>(@CommandsBuilder content: () -> Content) -> some Scene { self }
}
@resultBuilder public enum SceneBuilder {
  public static func buildBlock<Content: Scene>(_ content: Content) -> Content { content }
}
public struct WindowGroup<Content: View>: Scene { public init(@ViewBuilder content: @escaping () -> Content) {} }
@MainActor @preconcurrency public protocol Commands {
  associatedtype Body: Commands
  @CommandsBuilder @MainActor @preconcurrency var body: Body { get }
}
extension Never: Commands {}
@resultBuilder public enum CommandsBuilder {
  public static func buildBlock<Content: Commands>(_ content: Content) -> Content { content }
}
public struct CommandGroup<Content: View>: Commands {
  public init(replacing group: CommandGroupPlacement, @ViewBuilder addition: () -> Content) {}
  public var body: Never { preconditionFailure() }
}
public struct CommandGroupPlacement: Sendable { public static let undoRedo = CommandGroupPlacement() }
