// What is kept for the next request, bounded by weight: two generations, of which the older is dropped when
// the younger is full; what is used again in time moves to the younger. A value that knows no lock.

/// Values by key, each with a weight.
struct Generations<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Kept: Sendable {
        let value: Value
        let weight: Int
    }

    private var young: [Key: Kept] = [:]
    private var old: [Key: Kept] = [:]
    private var youngWeight = 0
    /// Each generation has room for half of what may be kept.
    private let roomMax: Int

    init(weightMax: Int) { roomMax = weightMax / 2 }

    mutating func value(_ key: Key) -> Value? {
        if let kept = young[key] { return kept.value }
        guard let kept = old.removeValue(forKey: key) else { return nil }
        insert(kept, under: key)
        return kept.value
    }

    /// A value that would fill more than a generation is not kept.
    mutating func keep(_ value: Value, weight: Int, under key: Key) {
        guard weight <= roomMax else { return }
        insert(Kept(value: value, weight: weight), under: key)
    }

    private mutating func insert(_ kept: Kept, under key: Key) {
        if youngWeight + kept.weight > roomMax {
            old = young
            young = [:]
            youngWeight = 0
        }
        // One look-up; what was there before is nearly always nothing.
        if let before = young.updateValue(kept, forKey: key) { youngWeight -= before.weight }
        youngWeight += kept.weight
    }

    /// Drops those whose keys are as said; O(count).
    mutating func drop(where isGone: (Key) -> Bool) {
        for key in young.keys.filter(isGone) {
            if let kept = young.removeValue(forKey: key) { youngWeight -= kept.weight }
        }
        for key in old.keys.filter(isGone) { old[key] = nil }
    }

    var count: Int { young.count + old.count }

    /// Sum of the weights; O(count).
    var weight: Int { youngWeight + old.values.reduce(0) { $0 + $1.weight } }
}
