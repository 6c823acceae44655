// Server-Sent Events from a server, as the HTML standard has them read, but for one thing: an event without
// an id has none here. A server gives ids to the events after which a reader may go on; one that took the id
// of the event before it would look like such an event.

extension Server {
    /// One event of a stream.
    public struct Event: Sendable {
        /// What a reader names to go on after it; nil where the event had none.
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
        /// No stream, but an answer of another status than 200.
        case refused(Answer)
    }

    /// The server writes a comment at least every quarter of this; a stream that is silent longer is dead.
    static let silenceMilliseconds: UInt32 = 60_000
    /// The most bytes of an event.
    static let eventBytesMax = 1 << 20

    /// Reads events until `take` says false, or the stream ends.
    ///
    /// - Parameter after: id of the last event that the reader has.
    public func events(
        _ target: String, after: String?, _ take: @escaping (Event) -> Bool
    ) throws(Failure) -> StreamEnd {
        try events(target, after: after, silenceMilliseconds: Self.silenceMilliseconds, take)
    }

    func events(
        _ target: String, after: String?, silenceMilliseconds: UInt32, _ take: @escaping (Event) -> Bool
    ) throws(Failure) -> StreamEnd {
        var fields = [(name: "Accept", value: EventReceiver.mediaType)]
        if let after { fields.append(("Last-Event-ID", after)) }
        let receiver = EventReceiver(take)
        do throws(Failure) {
            let status = try exchange(
                Message("GET", target, fields: fields), receiver, totalMilliseconds: 0,
                silenceMilliseconds: silenceMilliseconds)
            guard status == 200 else {
                return .refused(Answer(status: status, fields: receiver.fields, body: receiver.body))
            }
        } catch .broken where receiver.isStream {
            return .cut
        }
        guard receiver.isStream else { throw .noEvents(200) }
        return receiver.isStopped ? .stopped : .cut
    }
}

/// The lines of a stream, as far as they have come. By bytes: a colon before a combining character is not
/// found among a String's characters.
private final class EventReceiver: Receiver {
    static let mediaType = "text/event-stream"
    private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]
    private static let (lineFeed, carriageReturn) = (UInt8(ascii: "\n"), UInt8(ascii: "\r"))

    private(set) var isStopped = false
    private var status = 0
    private let takeEvent: (Server.Event) -> Bool
    private var line: [UInt8] = []
    private var isFirstLine = true
    /// A line feed after it belongs to the same end of line.
    private var isAfterCarriageReturn = false
    private var id: String?
    private var name: [UInt8] = []
    /// nil until there is a line of data.
    private var data: [UInt8]?

    init(_ take: @escaping (Server.Event) -> Bool) {
        takeEvent = take
        super.init(bytesMax: Server.eventBytesMax)
    }

    override func begin(status: Int) { self.status = status }

    /// Once the head has come: whether events follow.
    var isStream: Bool {
        guard status == 200, let type = field("content-type") else { return false }
        let essence = type.utf8.prefix { !"; \t".utf8.contains($0) }
        return String(Substring(essence)).lowercased() == Self.mediaType
    }

    override func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard isStream else { return super.take(bytes) }
        for byte in bytes {
            defer { isAfterCarriageReturn = byte == Self.carriageReturn }
            if byte == Self.lineFeed, isAfterCarriageReturn { continue }
            if byte == Self.lineFeed || byte == Self.carriageReturn {
                guard endLine() else {
                    isStopped = true
                    return false
                }
            } else {
                line.append(byte)
                if line.count + (data?.count ?? 0) > bytesMax { return end() }
            }
        }
        return true
    }

    /// False when the reader wants no more.
    private func endLine() -> Bool {
        var line = self.line[...]
        self.line.removeAll(keepingCapacity: true)
        if isFirstLine, line.starts(with: Self.byteOrderMark) {
            line = line.dropFirst(Self.byteOrderMark.count)
        }
        isFirstLine = false
        guard !line.isEmpty else { return endEvent() }
        let field = line.prefix { $0 != UInt8(ascii: ":") }
        var value = line[field.endIndex...].dropFirst()
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        // A comment is a field without a name.
        switch String(decoding: field, as: UTF8.self) {
        case "id": if !value.contains(0) { id = String(decoding: value, as: UTF8.self) }
        case "event": name = Array(value)
        case "data":
            if data != nil { data?.append(Self.lineFeed) }
            data = data ?? []
            data?.append(contentsOf: value)
        default: break
        }
        return true
    }

    private func endEvent() -> Bool {
        defer { (id, name, data) = (nil, [], nil) }
        guard let data else { return true }
        let name = name.isEmpty ? "message" : String(decoding: name, as: UTF8.self)
        return takeEvent(Server.Event(id: id, name: name, data: String(decoding: data, as: UTF8.self)))
    }
}
