// The requests of each client that are under way: admitted, their bodies arriving, waiting or computed. One
// client may have so many that others still find room. Requests without a body that are answered at once are
// not counted: there are never more of them than threads.

import HTTP
import Locking

/// Counts requests by client.
final class UnderWay: Sendable {
    /// One request; its place is given back when nobody holds it any more, whether it was answered or not.
    final class Place: Sendable {
        private let client: String
        private let all: UnderWay

        fileprivate init(_ client: String, _ all: UnderWay) {
            self.client = client
            self.all = all
        }

        deinit { all.counts.withLock { $0.remove(client) } }
    }

    private let counts = Locked(ClientCounts())

    func count(of client: String) -> Int { counts.withLock { $0.count(of: client) } }

    /// nil where the client has as many as it may.
    func enter(_ client: String) -> Place? {
        counts.withLock { $0.add(client, most: Limits.requestsPerClientMax) } ? Place(client, self) : nil
    }
}

extension Service {
    /// Of one client, for tests.
    package func requestsUnderWay(of client: String) -> Int { underWay.count(of: client) }

    /// The place of a request that may take a while.
    func place(for plan: Plan, _ head: RequestHead) throws(Problem) -> UnderWay.Place? {
        guard plan.reads != nil || plan.route.lane != .light else { return nil }
        if let place = underWay.enter(plan.caller.client(head)) { return place }
        throw Problem(
            .busy, "This client has \(Limits.requestsPerClientMax) requests under way, which is the limit.",
            retryAfterSeconds: HeavyLane.Bounds.retryAfterSeconds)
    }
}
