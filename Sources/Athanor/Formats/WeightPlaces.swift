/// Which weights lie in which store, as files say it: models that share weights share them again when they are read, and gradients lie in
/// the same order.
struct WeightPlaces {
  /// The names of each store's weights, in order.
  let stores: [[String]]
  /// The names of weights that lie where another one lies, with the name of that one.
  let shared: [String: String]

  /// The places of a model's weights.
  init(_ map: WeightMap) {
    struct Place: Hashable {
      let store: Int
      let offset: Int
    }
    var first: [Place: String] = [:]
    var shared: [String: String] = [:]
    for span in map.spans {
      let place = Place(store: span.store, offset: span.offset)
      if let name = first[place] { shared[span.name] = name } else { first[place] = span.name }
    }
    self.shared = shared
    stores = map.stores.indices.map { store in
      first.filter { $0.key.store == store }.sorted { $0.key.offset < $1.key.offset }.map(\.value)
    }.filter { !$0.isEmpty }
  }

  /// What a file says.
  ///
  /// - Throws: `AthanorError` when it is no list of lists of names.
  init(_ json: Configuration) throws {
    func names(_ value: JSONValue, _ key: String) throws -> String {
      guard case .text(let name) = value else { throw json.error(key, expected: "names of weights") }
      return name
    }
    guard case .array(let lists) = json["stores"] else { throw json.error("stores", expected: "a list") }
    stores = try lists.map { list in
      guard case .array(let values) = list else { throw json.error("stores", expected: "a list of lists") }
      return try values.map { try names($0, "stores") }
    }
    shared = try json.nested("shared").values.mapValues { try names($0, "shared") }
  }

  /// Memory for the weights, in these places.
  ///
  /// - Throws: `AthanorError` when a weight has no place, or two, or memory is not available.
  func map(_ declared: [WeightDeclaration], at location: String) throws -> WeightMap {
    func damaged(_ name: String) -> AthanorError {
      AthanorError(
        .data, at: location,
        "weight \"\(name.prefix(80))\" has no place in the stores, or several, or lies where another one cannot",
        fix: "The file is damaged.")
    }
    let weights = Dictionary(declared.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    var placeOfName: [String: Int] = [:]
    var map = WeightMap()
    for names in stores {
      let placed = try names.map { name in
        guard let weight = weights[name], shared[name] == nil,
          placeOfName.updateValue(map.stores.count, forKey: name) == nil
        else { throw damaged(name) }
        return weight
      }
      map.append(try WeightStore(placed))
    }
    for weight in declared {
      let name = shared[weight.name] ?? weight.name
      guard let place = placeOfName[name], let original = weights[name], original.shape == weight.shape,
        original.isParameter == weight.isParameter
      else { throw damaged(weight.name) }
      map.append(weight.name, of: map.stores[place], entry: name)
    }
    return map
  }
}
