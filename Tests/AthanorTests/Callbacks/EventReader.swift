import Athanor
import Foundation
import Testing

/// A message of protocol buffers, taken apart by field numbers.
struct ProtoFields {
  private(set) var numbers: [Int: [UInt64]] = [:]
  private(set) var contents: [Int: [[UInt8]]] = [:]

  init(_ bytes: [UInt8]) throws {
    var place = 0
    func varint() throws -> UInt64 {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while true {
        try #require(place < bytes.count)
        value |= UInt64(bytes[place] & 0x7F) << shift
        place += 1
        if bytes[place - 1] < 0x80 { return value }
        shift += 7
      }
    }
    func take(_ count: Int) throws -> [UInt8] {
      try #require(count <= bytes.count - place)
      place += count
      return Array(bytes[place - count..<place])
    }
    while place < bytes.count {
      let tag = Int(try varint())
      switch tag & 7 {
      case 0: try numbers[tag >> 3, default: []].append(varint())
      case 1: try numbers[tag >> 3, default: []].append(number(take(8)))
      case 5: try numbers[tag >> 3, default: []].append(number(take(4)))
      default: try contents[tag >> 3, default: []].append(take(Int(varint())))
      }
    }
  }

  func integer(_ field: Int) -> Int? { numbers[field]?.last.map { Int(Int64(bitPattern: $0)) } }
  func double(_ field: Int) -> Double? { numbers[field]?.last.map { Double(bitPattern: $0) } }
  func float(_ field: Int) -> Float? { numbers[field]?.last.map { Float(bitPattern: UInt32($0)) } }
  func text(_ field: Int) -> String? { contents[field]?.last.map { String(decoding: $0, as: UTF8.self) } }
  func message(_ field: Int) throws -> ProtoFields? { try contents[field]?.last.map(ProtoFields.init) }
  func messages(_ field: Int) throws -> [ProtoFields] { try contents[field, default: []].map(ProtoFields.init) }
  func doubles(_ field: Int) -> [Double] {
    let bytes = contents[field]?.last ?? []
    return stride(from: 0, to: bytes.count, by: 8).map { Double(bitPattern: number(Array(bytes[$0..<$0 + 8]))) }
  }
}

/// A number whose lowest byte comes first.
private func number(_ bytes: [UInt8]) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

/// What a folder of event files says, read as TensorBoard does: files by name, and at the start of a session what has its step or a later
/// one is forgotten.
struct EventReader {
  struct Entry {
    let step: Int
    let value: ProtoFields
  }

  private(set) var entries: [String: [Entry]] = [:]
  private(set) var graphs: [ProtoFields] = []
  let files: [String]

  init(_ folder: String) throws {
    files = try FileBytes.names(in: folder)
    for file in files { try read(FileBytes.read(FileBytes.join(folder, file))) }
  }

  private mutating func read(_ bytes: [UInt8]) throws {
    func mask(_ bytes: [UInt8]) -> UInt64 {
      let check = CyclicRedundancyCheck.castagnoli(bytes)
      return UInt64((check >> 15 | check << 17) &+ 0xA282_EAD8)
    }
    var (rest, isFirst) = (bytes[...], true)
    while !rest.isEmpty {
      func take(_ count: Int) throws -> [UInt8] {
        try #require(rest.count >= count)
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
      }
      let length = try take(8)
      #expect(try number(take(4)) == mask(length))
      let message = try take(Int(number(length)))
      #expect(try number(take(4)) == mask(message))
      let event = try ProtoFields(message)
      #expect(try #require(event.double(1)) > 1.7e9)
      #expect((event.text(3) == "brain.Event:2") == isFirst)
      isFirst = false
      let step = event.integer(2) ?? 0
      if try event.message(7)?.integer(1) == 1 { entries = entries.mapValues { $0.filter { $0.step < step } } }
      if let graph = try event.message(4) { graphs.append(graph) }
      for value in try event.message(5)?.messages(1) ?? [] {
        entries[try #require(value.text(1)), default: []].append(Entry(step: step, value: value))
      }
    }
  }

  func steps(_ tag: String) -> [Int] { entries[tag, default: []].map(\.step) }
  func scalars(_ tag: String) -> [Float?] { entries[tag, default: []].map { $0.value.float(2) } }
}
