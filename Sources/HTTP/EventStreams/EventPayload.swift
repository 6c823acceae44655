// What an event says, in whatever compact form its publisher keeps it: it is turned into text only when
// somebody reads it.

/// The content of one event.
public protocol EventPayload: Sendable {
    /// The `event:` field. No line break.
    var eventName: String { get }

    /// Appends the `data:` field: one line of JSON. Called on server threads without any lock held.
    func appendData(to bytes: inout [UInt8])
}
