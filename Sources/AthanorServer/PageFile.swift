import HTTPTypes
import Hummingbird

/// A file of the page, as it is sent.
struct PageFile: Sendable {
  let path: String
  let type: String
  private let bytes: [UInt8]

  static let all = [
    PageFile(path: "/", type: "text/html; charset=utf-8", bytes: PackageResources.index_html),
    PageFile(path: "/page.js", type: "text/javascript; charset=utf-8", bytes: PackageResources.page_js),
    PageFile(path: "/pad.js", type: "text/javascript; charset=utf-8", bytes: PackageResources.pad_js),
    PageFile(path: "/page.css", type: "text/css; charset=utf-8", bytes: PackageResources.page_css),
    PageFile(path: "/icon.svg", type: "image/svg+xml", bytes: PackageResources.icon_svg),
  ]

  /// The page loads its own files alone, is shown in no other page, and tells no other one where it is.
  var response: Response {
    var response = Response(.ok, type, bytes)
    response.headers[.contentSecurityPolicy] =
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
      + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    if let referrerPolicy = HTTPField.Name("Referrer-Policy") { response.headers[referrerPolicy] = "no-referrer" }
    return response
  }
}
