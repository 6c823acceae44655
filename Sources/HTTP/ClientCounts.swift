// How many of something each client has, so that one of them cannot take what is there for all. A value
// without a lock: whoever counts has one.

/// Counts by client: a token's name or an address, whichever the caller goes by.
public struct ClientCounts: Sendable {
    private var counts: [String: Int] = [:]

    public init() {}

    /// Clients that have any.
    public var clientCount: Int { counts.count }

    public func count(of client: String) -> Int { counts[client] ?? 0 }

    /// Counts one more; false, and nothing is counted, where the client has `most` already.
    public mutating func add(_ client: String, most: Int) -> Bool {
        guard let place = counts.index(forKey: client) else {
            guard most > 0 else { return false }
            counts[client] = 1
            return true
        }
        guard counts.values[place] < most else { return false }
        counts.values[place] += 1
        return true
    }

    /// Gives one back that was counted.
    public mutating func remove(_ client: String) {
        guard let place = counts.index(forKey: client) else {
            preconditionFailure("\(client) has none to give back")
        }
        counts.values[place] -= 1
        if counts.values[place] == 0 { counts.remove(at: place) }
    }
}
