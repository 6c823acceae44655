// What the names of a trace stand for while it runs.

/// The allocations of a run by their names.
public struct TraceNames: Sendable {
    /// A successful allocation.
    public struct Allocation: Hashable, Sendable {
        public var pfn: UInt64
        /// Pages as asked for.
        public var size: UInt64
        /// Whether `allocateFast` made it, so that its range has the size of its class.
        public var isCached: Bool
    }

    private enum State {
        case unknown
        case failed(operation: Int)
        case live(Allocation, operation: Int)
        case freed(operation: Int, by: Int)
    }

    private var states: [State]

    public init(count: Int) { states = Array(repeating: .unknown, count: count) }

    /// Notes what an allocation under `name` gave. The name must be free.
    mutating func note(_ name: TraceOperation.Name?, _ allocation: Allocation?, at operation: Int) {
        guard let name else { return }
        states[Int(name)] =
            allocation.map { .live($0, operation: operation) } ?? .failed(operation: operation)
    }

    /// Refuses a name that an earlier allocation got, also when that was freed since: which of the two
    /// a later free means would be a guess.
    func checkUnused(_ name: TraceOperation.Name?) throws(TraceMistake.Reason) {
        guard let name else { return }
        switch states[Int(name)] {
        case .unknown, .failed: return
        case .live(_, let operation), .freed(let operation, _): throw .nameUsedTwice(operation: operation)
        }
    }

    /// The allocation that a free means.
    func allocation(_ name: TraceOperation.Name) throws(TraceMistake.Reason) -> Allocation {
        switch states[Int(name)] {
        case .unknown: throw .unknownName
        case .failed(let operation): throw .failedName(operation: operation)
        case .freed(_, let operation): throw .freedTwice(operation: operation)
        case .live(let allocation, _): return allocation
        }
    }

    mutating func noteFree(_ name: TraceOperation.Name, at operation: Int) {
        guard case .live(_, let made) = states[Int(name)] else {
            preconditionFailure("name \(name) is freed at \(operation) but is not live")
        }
        states[Int(name)] = .freed(operation: made, by: operation)
    }
}
