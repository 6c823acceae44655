// What an event says, in whatever compact form its publisher keeps it: it is turned into text only when
// somebody reads it.

/// The content of one event.
public protocol EventPayload: Sendable {
    /// The `event:` field. No line break.
    var eventName: String { get }

    /// Appends the `data:` field: one line of JSON. Called on server threads without any lock held.
    func appendData(to bytes: inout [UInt8])
}

/// An event that is kept as its text.
public struct LineEvent: EventPayload, Hashable {
    public let eventName: String
    public let json: [UInt8]

    /// Traps on a line break: it would end the event early.
    public init(name: String, json: [UInt8]) {
        precondition(!json.contains { $0 == 10 || $0 == 13 }, "the data of \(name) has more than one line")
        precondition(!name.utf8.contains { $0 == 10 || $0 == 13 }, "an event's name has more than one line")
        eventName = name
        self.json = json
    }

    public func appendData(to bytes: inout [UInt8]) { bytes += json }
}
