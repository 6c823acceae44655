// How many requests of which operation ended with which status, for /metrics.

import Locking

/// Counters that only grow; bounded by operations times statuses.
final class RequestCounters: Sendable {
    struct Key: Hashable, Comparable {
        let operation: String
        let status: Int

        static func < (left: Self, right: Self) -> Bool {
            (left.operation, left.status) < (right.operation, right.status)
        }
    }

    private let counts = Locked([Key: UInt64]())

    func count(_ route: Route?, status: Int) {
        let key = Key(operation: route?.id ?? "none", status: status)
        counts.withLock { $0[key, default: 0] &+= 1 }
    }

    /// Every counter, sorted by operation and status.
    var snapshot: [(key: Key, value: UInt64)] { counts.withLock { Array($0) }.sorted { $0.key < $1.key } }
}
