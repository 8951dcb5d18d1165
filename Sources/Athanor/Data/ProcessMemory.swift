import Foundation

/// The memory of this process.
package enum ProcessMemory {
  /// The most resident memory that this process has had at once, in bytes.
  package static var peakByteCount: Int {
    var usage = rusage()
    #if canImport(Darwin)
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #else
      // getrusage counts the program that started this one too, and is asked only where /proc does not tell.
      if let status = try? FileBytes.read("/proc/self/status"),
        let line = status.split(separator: UInt8(ascii: "\n")).first(where: { $0.starts(with: "VmHWM:".utf8) }),
        let kilobytes = Int(String(decoding: line, as: UTF8.self).filter(\.isNumber))
      {
        return kilobytes * 1024
      }
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss * 1024
    #endif
  }
}
