// What waits for a thread: a line for each client, served in turn, so that one client's thousand requests
// delay another client by one of them at most. Bounded in count and bytes, for all clients and for each. A
// value that knows no thread; HeavyLane keeps it under a lock.

/// Items of several clients, each with the bytes that it holds.
struct FairQueue<Item: AnyObject> {
    private struct Waiting {
        let item: Item
        let bytes: Int
    }

    private struct Line {
        var waiting: [Waiting] = []
        var bytes = 0
    }

    let bounds: HeavyLane.Bounds
    private var lines: [String: Line] = [:]
    /// Clients with a line, the next to be served first.
    private var turns: [String] = []
    private(set) var count = 0
    private(set) var bytes = 0

    init(_ bounds: HeavyLane.Bounds) { self.bounds = bounds }

    /// False, and nothing changed, where a bound would be passed. A body over a bound of bytes still waits
    /// when nothing else does. O(1).
    ///
    /// - Parameter isForced: whether it is added whatever the bounds are.
    mutating func add(
        _ item: Item, of client: String, bytes added: Int, isForced: Bool = false
    ) -> Bool {
        guard isForced || hasRoom(for: added, of: client) else { return false }
        if lines[client] == nil { turns.append(client) }
        lines[client, default: Line()].waiting.append(Waiting(item: item, bytes: added))
        lines[client]!.bytes += added
        count += 1
        bytes += added
        return true
    }

    private func hasRoom(for added: Int, of client: String) -> Bool {
        let line = lines[client]
        guard count < bounds.requestsMax, (line?.waiting.count ?? 0) < bounds.requestsPerClientMax else {
            return false
        }
        guard count == 0 || bytes + added <= bounds.bytesMax else { return false }
        return line == nil || line!.bytes + added <= bounds.bytesPerClientMax
    }

    /// The longest waiting item of the client whose turn it is; nil when nothing waits. O(clients).
    mutating func next() -> Item? {
        guard !turns.isEmpty else { return nil }
        let client = turns.removeFirst()
        let item = take(0, of: client)
        if lines[client] != nil { turns.append(client) }
        return item
    }

    /// Takes the item out; false when it does not wait. O(waiting items of the client).
    mutating func remove(_ item: Item, of client: String) -> Bool {
        guard let place = lines[client]?.waiting.firstIndex(where: { $0.item === item }) else { return false }
        _ = take(place, of: client)
        if lines[client] == nil { turns.removeAll { $0 == client } }
        return true
    }

    private mutating func take(_ place: Int, of client: String) -> Item {
        guard let taken = lines[client]?.waiting.remove(at: place) else {
            preconditionFailure("\(client) has a turn and no line")
        }
        lines[client]!.bytes -= taken.bytes
        if lines[client]!.waiting.isEmpty { lines[client] = nil }
        count -= 1
        bytes -= taken.bytes
        return taken.item
    }
}
