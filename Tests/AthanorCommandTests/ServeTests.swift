import Athanor
import Foundation
import Testing

@testable import AthanorCommand

@Test("Where the service is not built, athanor serve says how to build it")
func missingService() throws {
  let error = #expect(throws: AthanorError.self) { try Serve.program(in: "/nowhere") }
  #expect(
    error?.commandDescription
      == "/nowhere/athanor-serve: the program of the service is not there. "
      + "Build it with make serve; make install copies it beside this program.")
}
