// Few entries by key: the doorbell pages of a domain are one or two, and those of a context 64 at most. A
// dictionary of one takes 900 instructions to make and to drop, a tenth of deciding.

/// Values by key: a list of the first few, and a dictionary of the others.
struct SmallMap<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private var few: [(key: Key, value: Value)] = []
    private var others: [Key: Value] = [:]

    private static var fewMax: Int { 8 }

    /// O(1).
    subscript(key: Key) -> Value? {
        for place in few.indices where few[place].key == key { return few[place].value }
        return few.count < Self.fewMax ? nil : others[key]
    }

    /// Sets the value of a key. O(1).
    mutating func set(_ value: Value, for key: Key) {
        for place in few.indices where few[place].key == key {
            few[place].value = value
            return
        }
        if few.count < Self.fewMax { few.append((key, value)) } else { others[key] = value }
    }

    var count: Int { few.count + others.count }

    /// In no order that means anything.
    var entries: [(key: Key, value: Value)] { few + others.map { ($0.key, $0.value) } }
}
