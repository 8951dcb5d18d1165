import Foundation

/// Small files that other programs wrote: NumPy 2.4.6 and Pillow 13.0.0 under Python 3.11.7.
enum Fixtures {
  /// `TinySet` by `numpy.savez_compressed`.
  static let compressedArchive = bytes(
    """
    UEsDBC0AAAAIAAAAIQBMeqNs//////////8KABQAeF90ZXN0Lm5weQEAEACMAAAAAAAAAFUAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgXl
    NqqK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjoKQGSsqaNQq0Ae4Dpx8tTpM2cvXb5y9dp1AFBLAwQtAAAACAAAACEAhw//1v//
    ////////CwAUAHhfdHJhaW4ubnB5AQAQAJ4AAAAAAAAAaAAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBeU2qorqOgnpZfVFKUmBefX5SSCh
    J3S8wpTgWKF2ckFqQC+RqmOgpGOgrGmjoKtQrkAS4GRiZmFlYNTS1tHd2AwKDgkNCKyqrqmtoFCxctXrIUAFBLAwQtAAAACAAAACEASeRkcv//
    ////////CwAUAHlfdHJhaW4ubnB5AQAQAIUAAAAAAAAASQAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBeU2qorqOgnpZfVFKUmBefX5SSCh
    J3S8wpTgWKF2ckFqQC+RqmOpo6CrUKFAAuBkYmRgYAUEsDBC0AAAAIAAAAIQAbAEHt//////////8KABQAeV90ZXN0Lm5weQEAEACCAAAAAAAA
    AEYAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgXlNqqK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjqaOgq1ChQALiZGAFBLAQ
    ItAy0AAAAIAAAAIQBMeqNsVQAAAIwAAAAKAAAAAAAAAAAAAACAAQAAAAB4X3Rlc3QubnB5UEsBAi0DLQAAAAgAAAAhAIcP/9ZoAAAAngAAAAsA
    AAAAAAAAAAAAAIABkQAAAHhfdHJhaW4ubnB5UEsBAi0DLQAAAAgAAAAhAEnkZHJJAAAAhQAAAAsAAAAAAAAAAAAAAIABNgEAAHlfdHJhaW4ubn
    B5UEsBAi0DLQAAAAgAAAAhABsAQe1GAAAAggAAAAoAAAAAAAAAAAAAAIABvAEAAHlfdGVzdC5ucHlQSwUGAAAAAAQABADiAAAAPgIAAAAA
    """)

  /// 16 x 12, gray: the left half black and the right half white.
  static let grayJPEG = bytes(
    """
    /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDA
    sKDAkKCgr/wAALCAAMABABAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACv/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP+f4AGf4/9k=
    """)

  /// 16 x 12, colour: the left half blue and the right half red.
  static let colorJPEG = bytes(
    """
    /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDA
    sKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgr/wAARCAAM
    ABADAREAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAACAn/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFgEBAQEAAAAAAAAAAAAAAAAACgcJ/8
    QAFBEBAAAAAAAAAAAAAAAAAAAAAP/aAAwDAQACEQMRAD8Ajm38SsvBVyUBDKoGvLwVclB//9k=
    """)

  /// The same picture, progressive and with half the resolution for colour.
  static let progressiveJPEG = bytes(
    """
    /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDA
    sKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgr/wgARCAAM
    ABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAABwj/xAAUAQEAAAAAAAAAAAAAAAAAAAAH/9oADAMBAAIQAxAAAAGOV4hXlRq//8QAFB
    ABAAAAAAAAAAAAAAAAAAAAIP/aAAgBAQABBQIf/8QAGBEAAgMAAAAAAAAAAAAAAAAAAAhFg8P/2gAIAQMBAT8BXmTp1P/EABgRAAIDAAAAAAAA
    AAAAAAAAAAAIRYPD/9oACAECAQE/AWair8T/xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAY/Ah//xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9
    oACAEBAAE/IR//2gAMAwEAAgADAAAAEAP/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAEDAQE/EB//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oA
    CAECAQE/ECf/xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAE/EB//2Q==
    """)

  private static func bytes(_ base64: String) -> [UInt8] {
    [UInt8](Data(base64Encoded: base64, options: .ignoreUnknownCharacters) ?? Data())
  }
}

/// The ways in which archives of `TinySet` are compressed.
enum ArchiveFixture: CaseIterable {
  case stored
  case deflated

  var file: [UInt8] {
    switch self {
    case .stored: TinySet.archive()
    case .deflated: Fixtures.compressedArchive
    }
  }
}

/// The kinds of JPEG pictures.
enum JPEGFixture: CaseIterable {
  case gray
  case color
  case progressive

  var file: [UInt8] {
    switch self {
    case .gray: Fixtures.grayJPEG
    case .color: Fixtures.colorJPEG
    case .progressive: Fixtures.progressiveJPEG
    }
  }
}
