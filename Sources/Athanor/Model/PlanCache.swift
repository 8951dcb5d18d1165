/// What a plan is made for.
struct PlanKey: Hashable {
  let purpose: Model.Purpose
  let feed: Feed
}

/// The plans of a step of `fit`.
struct StepPlans {
  /// What random layers make of the inputs; nil where the step does all.
  let preparation: Plan?
  let step: Plan
}

/// The plans that were used last. A program that computes at ever new lengths does not collect plans without end.
struct PlanCache<Made> {
  private let limit = 32
  private var plans: [PlanKey: (plan: Made, lastUse: Int)] = [:]
  private var uses = 0

  mutating func made(_ key: PlanKey, _ make: () throws -> Made) rethrows -> Made {
    uses += 1
    if let known = plans[key] {
      plans[key]?.lastUse = uses
      return known.plan
    }
    let plan = try make()
    if plans.count >= limit, let oldest = plans.min(by: { $0.value.lastUse < $1.value.lastUse })?.key {
      plans[oldest] = nil
    }
    plans[key] = (plan, uses)
    return plan
  }
}
