// How much memory the bodies and answers of all requests under way may take together: a body from its head
// to its answer, an answer until its client has read it. One client may take half, so that no single one
// keeps the others out. What is light is not counted: that sum is bounded by the number of connections.

import Locking

/// The memory of what is in flight. Several servers may share one.
public final class FlightBudget: Sendable {
    public struct Bounds: Hashable, Sendable {
        /// Sum of the bodies and answers above `lightBytesMax`, of all clients and of one. A client is an
        /// address. One client's share must hold the largest body that is read.
        public var bytesMax = 96 << 20
        public var bytesPerClientMax = 48 << 20
        /// A body or answer up to this size is not counted.
        public var lightBytesMax = 16 << 10

        public init() {}

        /// What a client that finds no room should wait.
        public static let retryAfterSeconds = 1

        /// Names on the wire and values, for the service's list of limits.
        public var table: [(name: String, value: Int)] {
            [
                ("flight_bytes_max", bytesMax), ("flight_bytes_per_client_max", bytesPerClientMax),
                ("flight_light_bytes_max", lightBytesMax),
                ("flight_retry_after_seconds", Self.retryAfterSeconds),
            ]
        }
    }

    /// What is in flight now, and what happened since the start.
    public struct Gauges: Hashable, Sendable {
        public var bodyBytes = 0
        public var answerBytes = 0
        /// The largest sum of both so far.
        public var peakBytes = 0
        public var refusedBodies: UInt64 = 0
        public var refusedAnswers: UInt64 = 0

        fileprivate subscript(kind: Kind) -> Int {
            get {
                switch kind {
                case .body: bodyBytes
                case .answer: answerBytes
                }
            }
            set {
                switch kind {
                case .body: bodyBytes = newValue
                case .answer: answerBytes = newValue
                }
            }
        }

        fileprivate var bytes: Int { bodyBytes + answerBytes }
    }

    public enum Kind: Hashable, Sendable { case body, answer }

    fileprivate struct State {
        var gauges = Gauges()
        /// Clients that hold something.
        var clients: [String: Int] = [:]
    }

    public let bounds: Bounds
    fileprivate let state = Locked(State())

    public init(_ bounds: Bounds = Bounds()) {
        self.bounds = bounds
    }

    public var gauges: Gauges { state.withLock { $0.gauges } }
}

extension FlightBudget {
    /// What one request holds; nothing at first. It is given back with the last reference at the latest.
    ///
    /// `@unchecked Sendable`: the `var`s are written under the budget's lock only, by the one thread that has
    /// the request.
    public final class Hold: @unchecked Sendable {
        private let budget: FlightBudget
        private let client: String
        private var kind = Kind.body
        private var bytes = 0

        public init(_ budget: FlightBudget, client: String) {
            (self.budget, self.client) = (budget, client)
        }

        deinit { release() }

        /// Holds a body or an answer of this size in place of what was held before. False, and nothing
        /// changed, where it finds no room. What gets smaller always does.
        public func take(_ kind: Kind, bytes wanted: Int) -> Bool {
            change(to: kind, wanted, isForced: false)
        }

        /// The same for what must go out even when it finds no room.
        public func mustTake(_ kind: Kind, bytes wanted: Int) {
            _ = change(to: kind, wanted, isForced: true)
        }

        /// Whether the others leave any room for an answer, so that computing one makes sense.
        public func findsRoom() -> Bool {
            budget.state.withLock { state in
                let hasRoom =
                    state.gauges.bytes - bytes < budget.bounds.bytesMax
                    && state.clients[client, default: 0] - bytes < budget.bounds.bytesPerClientMax
                if !hasRoom { state.gauges.refusedAnswers += 1 }
                return hasRoom
            }
        }

        public func release() { _ = change(to: kind, 0, isForced: true) }

        private func change(to kind: Kind, _ wanted: Int, isForced: Bool) -> Bool {
            let wanted = wanted <= budget.bounds.lightBytesMax ? 0 : wanted
            // Nearly every request: no lock.
            guard wanted > 0 || bytes > 0 else { return true }
            return budget.state.withLock { state in
                let added = wanted - bytes
                let mine = state.clients[client, default: 0] + added
                let hasRoom =
                    state.gauges.bytes + added <= budget.bounds.bytesMax
                    && mine <= budget.bounds.bytesPerClientMax
                guard isForced || added <= 0 || hasRoom else {
                    switch kind {
                    case .body: state.gauges.refusedBodies += 1
                    case .answer: state.gauges.refusedAnswers += 1
                    }
                    return false
                }
                state.gauges[self.kind] -= bytes
                state.gauges[kind] += wanted
                state.gauges.peakBytes = max(state.gauges.peakBytes, state.gauges.bytes)
                state.clients[client] = mine > 0 ? mine : nil
                (self.kind, bytes) = (kind, wanted)
                return true
            }
        }
    }
}
