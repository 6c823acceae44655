// The payload of the tests here: an event that is its text. The product turns events into text late, see
// SessionEvent.

import HTTP

/// An event that is kept as its text.
struct LineEvent: EventPayload, Hashable {
    let eventName: String
    let json: [UInt8]

    /// Traps on a line break: it would end the event early.
    init(name: String, json: [UInt8]) {
        precondition(!json.contains { $0 == 10 || $0 == 13 }, "the data of \(name) has more than one line")
        precondition(!name.utf8.contains { $0 == 10 || $0 == 13 }, "an event's name has more than one line")
        eventName = name
        self.json = json
    }

    func appendData(to bytes: inout [UInt8]) { bytes += json }
}
