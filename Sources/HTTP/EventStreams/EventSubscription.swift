// One reader of a channel as the source of a streamed body, in the text form of Server-Sent Events (HTML
// standard, 9.2.6). It holds its place in the ring and the text of at most a few events.

import Locking

/// A subscriber. `@unchecked Sendable`: `unsent` and `hasSaidBye` are touched only by the thread that serves
/// the stream, every other `var` only under the channel's lock.
public final class EventSubscription<Payload: EventPayload>: StreamSource, HubMember, @unchecked Sendable {
    /// Milliseconds after which a client that lost its connection reconnects.
    static var retryMilliseconds: Int { 2000 }
    /// Events that are turned into text at once.
    static var eventsPerPiece: Int { 16 }

    private let channel: EventChannel<Payload>
    private var cursor: EventCursor
    private var waker: StreamWaker?
    private var lastSentMilliseconds: Int64
    private var isHeartbeatDue = false
    private var isServerStopping = false
    private var hasSaidBye = false
    private var unsent: ArraySlice<UInt8> = []

    init(channel: EventChannel<Payload>, cursor: EventCursor) {
        self.channel = channel
        self.cursor = cursor
        lastSentMilliseconds = channel.hub.nowMilliseconds()
    }

    deinit { channel.hub.leave(ObjectIdentifier(self)) }

    /// The answer that carries this subscription.
    public func response() -> Response {
        Response(
            status: 200,
            headers: HeaderFields([
                .init("Content-Type", "text/event-stream"), .init("Cache-Control", "no-cache"),
                // nginx would otherwise collect events until its buffer is full.
                .init("X-Accel-Buffering", "no"),
            ]), body: Array("retry: \(Self.retryMilliseconds)\n\n".utf8), stream: self)
    }

    /// Some kilobytes for each: the hub bounds how many there are.
    public var bytesHeld: Int { 0 }

    public func start(waker: StreamWaker) { channel.lock.withLock { self.waker = waker } }

    private enum Step {
        case text(EventCursor.Step<Payload>)
        case heartbeat
        case bye(String)
        case nothing
    }

    public func next() -> StreamPiece {
        if unsent.isEmpty {
            if hasSaidBye { return .end }
            switch step() {
            case .text(.events(let entries)): unsent = Self.text(of: entries)[...]
            case .text(.gap(let gap)): unsent = Self.text(of: gap)[...]
            case .text(.nothing), .nothing: return .nothingYet
            case .heartbeat: unsent = Array(":\n\n".utf8)[...]
            case .bye(let reason):
                hasSaidBye = true
                unsent = Array("event: bye\ndata: {\"reason\":\"\(reason)\"}\n\n".utf8)[...]
            }
        }
        let piece = unsent.prefix(StreamPiece.bytesMax)
        unsent = unsent.count == piece.count ? [] : unsent.dropFirst(piece.count)
        return .bytes(Array(piece))
    }

    /// What to send next; when there is nothing, the channel notes that this subscription rests.
    private func step() -> Step {
        let now = channel.hub.nowMilliseconds()
        return channel.lock.withLock {
            let step = cursor.advance(in: channel.ring, max: Self.eventsPerPiece)
            if case .nothing = step {
                if let reason = channel.farewell { return .bye(reason) }
                if isServerStopping { return .bye("shutting_down") }
                guard isHeartbeatDue else {
                    guard let waker else { preconditionFailure("a stream was asked before it started") }
                    channel.wait(ObjectIdentifier(self), waker: waker)
                    return .nothing
                }
                isHeartbeatDue = false
                lastSentMilliseconds = now
                return .heartbeat
            }
            isHeartbeatDue = false
            lastSentMilliseconds = now
            return .text(step)
        }
    }

    func beat(now: Int64, afterMilliseconds silence: Int64) {
        let waker = channel.lock.withLock { () -> StreamWaker? in
            guard now - lastSentMilliseconds >= silence else { return nil }
            // A subscription that does not rest has something to send already.
            guard let waker = channel.stopWaiting(ObjectIdentifier(self)) else { return nil }
            isHeartbeatDue = true
            return waker
        }
        waker?.wake()
    }

    public func finish() {
        channel.lock.withLock {
            isServerStopping = true
            _ = channel.stopWaiting(ObjectIdentifier(self))
        }
    }

    public func ended(_ ending: StreamEnding) {
        _ = channel.lock.withLock { channel.stopWaiting(ObjectIdentifier(self)) }
        channel.hub.leave(ObjectIdentifier(self))
    }

    private static func text(of entries: [EventRing<Payload>.Entry]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.count * 192)
        for entry in entries {
            if !entry.isContinued { bytes += "id: \(entry.id)\n".utf8 }
            bytes += "event: \(entry.payload.eventName)\ndata: ".utf8
            entry.payload.appendData(to: &bytes)
            bytes += "\n\n".utf8
        }
        return bytes
    }

    /// The id is that of the last event that was missed: a client that reconnects does not get the gap again.
    private static func text(of gap: EventGap) -> [UInt8] {
        let missed = "{\"after\":\(gap.after),\"missed_through\":\(gap.through)}"
        return Array("id: \(gap.through)\nevent: gap\ndata: \(missed)\n\n".utf8)
    }
}
