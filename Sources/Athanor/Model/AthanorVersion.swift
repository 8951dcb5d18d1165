/// The version of the library and its programs.
public enum AthanorVersion {
  /// As `major.minor.patch`.
  public static let current = "0.1.0"
}
