/// The plans for a purpose and a kind of data.
struct Plans {
  /// What random layers make of the inputs; nil where `main` does all.
  var preparation: Plan?
  let main: Plan
}

/// The plans that were used last. A program that computes at ever new lengths does not collect plans without end.
struct PlanCache {
  struct Key: Hashable {
    let purpose: Model.Purpose
    let feed: Feed
  }

  private static let limit = 32
  private var entries: [Key: (plans: Plans, lastUse: Int)] = [:]
  private var uses = 0

  mutating func plans(_ key: Key, _ make: () throws -> Plans) rethrows -> Plans {
    uses += 1
    if let known = entries[key] {
      entries[key]?.lastUse = uses
      return known.plans
    }
    let plans = try make()
    if entries.count >= PlanCache.limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key {
      entries[oldest] = nil
    }
    entries[key] = (plans, uses)
    return plans
  }
}
