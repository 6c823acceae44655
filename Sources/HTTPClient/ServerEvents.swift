// Server-Sent Events from a server. Each event has the id that a reader names to go on after it, so that a
// connection that was cut loses none.

extension Server {
    /// One event of a stream.
    public struct Event: Sendable {
        /// Of the stream; nil where the event had none.
        public var id: String?
        public var name: String
        public var data: String
    }

    /// How one connection of a stream ended.
    public enum StreamEnd: Sendable {
        /// The reader asked for no more.
        case stopped
        /// The server ended it, or it broke, or nothing came for too long: go on after the last event.
        case cut
        /// No stream, but an answer.
        case refused(Answer)
    }

    /// The server writes a comment at least this often; a stream that is silent for longer is dead.
    static let silenceSeconds: UInt32 = 60

    /// Reads events until `take` says false, or the stream ends.
    ///
    /// - Parameter after: id of the last event that the reader has.
    public func events(
        _ target: String, after: String?, _ take: @escaping (Event) -> Bool
    ) throws(Failure) -> StreamEnd {
        var fields = [(name: "Accept", value: "text/event-stream")]
        if let after { fields.append(("Last-Event-ID", after)) }
        let receiver = EventReceiver(take)
        do throws(Failure) {
            let status = try exchange(
                Message("GET", target, fields: fields), receiver, totalMilliseconds: 0,
                silenceSeconds: Self.silenceSeconds)
            guard status == 200 else {
                return .refused(Answer(status: status, fields: receiver.fields, body: receiver.body))
            }
        } catch .broken where receiver.hasBegun {
            return .cut
        }
        return receiver.isStopped ? .stopped : .cut
    }
}

/// The lines of a stream, as far as they have come.
private final class EventReceiver: Receiver {
    private(set) var isStopped = false
    private(set) var hasBegun = false
    private let takeEvent: (Server.Event) -> Bool
    private var line: [UInt8] = []
    private var event = Server.Event(id: nil, name: "message", data: "")
    private var hasData = false

    /// The most bytes of a line.
    private static let lineBytesMax = 1 << 20
    private static let refusalBytesMax = 1 << 20

    init(_ take: @escaping (Server.Event) -> Bool) {
        takeEvent = take
        super.init(bytesMax: Self.refusalBytesMax)
    }

    override func begin(status: Int) { hasBegun = status == 200 }

    override func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard hasBegun else { return super.take(bytes) }
        for byte in bytes where byte != UInt8(ascii: "\r") {
            if byte != UInt8(ascii: "\n") {
                line.append(byte)
                if line.count > Self.lineBytesMax { return false }
            } else if !endLine() {
                isStopped = true
                return false
            }
        }
        return true
    }

    /// False when the reader wants no more.
    private func endLine() -> Bool {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else {
            defer {
                event.name = "message"
                event.data = ""
                hasData = false
            }
            return hasData ? takeEvent(event) : true
        }
        let text = String(decoding: line, as: UTF8.self)
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else { return true }
        let rest = text[text.index(after: colon)...]
        let value = String(rest.hasPrefix(" ") ? rest.dropFirst() : rest)
        switch text[..<colon] {
        case "id": event.id = value
        case "event": event.name = value
        case "data":
            event.data += hasData ? "\n\(value)" : value
            hasData = true
        default: break
        }
        return true
    }
}
