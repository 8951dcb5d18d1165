/// What the service accepts of one request and of all at once.
public struct ServiceLimits: Hashable, Sendable {
  /// The largest body of a request, in bytes. Beyond: 413.
  public var bodyByteCount = 8 << 20
  /// The most pixels of a picture. Beyond: 413.
  public var pixelCount = 1 << 24
  /// The most examples of a request. Beyond: 413.
  public var exampleCount = 1024
  /// How long a body may take to arrive (408) and an answer to be computed (503).
  public var time = Duration.seconds(10)
  /// The most requests that are read or computed at once. Beyond: 503, with the time after which to try again.
  public var requestCount = 128
  /// The most connections at once; others wait until one ends.
  public var connectionCount = 1024

  /// The limits of a service whose user says nothing.
  public init() {}
}
