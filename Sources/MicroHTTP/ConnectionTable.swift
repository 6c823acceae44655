// Every open connection and what it is waiting for, so that deadlines hold for clients that libmicrohttpd's
// inactivity timer does not see: those that send a byte every second. It also knows which connections carry
// a stream: those must be asked to finish when the server stops, and libmicrohttpd does not notice when the
// client of a suspended one goes away.

import Glibc
import HTTP
import Locking

/// One connection. `@unchecked Sendable`: `openRequest` is touched only by the thread that serves it, every
/// other `var` only under the lock of its table.
final class ConnectionRecord: @unchecked Sendable {
    /// `resting` is a streamed body that has nothing to send, `computing` an answer on the heavy lane;
    /// libmicrohttpd does not watch either meanwhile.
    enum Phase { case idle, receiving, answering, computing, sending, resting }

    /// For the thread that serves it, which is the one that opened it.
    let connection: OpaquePointer
    let thread = pthread_self()
    let descriptor: Int32
    let peer: String
    /// What `RequestHead.client(ofPeer:)` makes of it, for all requests of the connection.
    let client: String
    fileprivate(set) var phase = Phase.idle
    fileprivate(set) var sinceMicroseconds: Int64
    /// Set once the head of the present request is complete.
    fileprivate(set) var head: RequestHead?
    /// The status of an answer that was sent past libmicrohttpd's callbacks, if one was.
    fileprivate(set) var statusSentPast: Int?
    fileprivate(set) var isOpen = true
    /// Since when the client is known to have closed its end, or the half that it sends on.
    fileprivate var endSeenMicroseconds: Int64?
    /// The context of a request that has begun and is not complete. Of the thread that serves the connection
    /// only.
    var openRequest: UnsafeMutableRawPointer?

    init(connection: OpaquePointer, descriptor: Int32, peer: String, now: Int64) {
        self.connection = connection
        self.descriptor = descriptor
        self.peer = peer
        client = RequestHead.client(ofPeer: peer)
        sinceMicroseconds = now
    }

    /// Otherwise the kernel takes megabytes for a client that does not read. For the life of the connection.
    func bound(sendBufferBytes: Int) {
        var count = Int32(clamping: sendBufferBytes)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &count, socklen_t(MemoryLayout<Int32>.size))
    }
}

/// The connections of one daemon. `@unchecked Sendable`: every `var` is touched only under `lock`.
final class ConnectionTable: @unchecked Sendable {
    struct Overdue {
        let record: ConnectionRecord
        let sinceMicroseconds: Int64
        /// Present when the head has arrived, so that a 408 can be sent.
        let head: RequestHead?
    }

    private let lock = Lock()
    private var records: [ObjectIdentifier: ConnectionRecord] = [:]
    private var requestCount = 0
    private var draining = false
    private var closingAfterAnswers = false
    private var cutting = false
    private var ending = false
    private var streams: [ObjectIdentifier: StreamBody] = [:]
    private var computations: [ObjectIdentifier: DeferredAnswer] = [:]

    var isDraining: Bool { lock.withLock { draining } }
    /// Whether the grace for streams is over.
    var isCut: Bool { lock.withLock { cutting } }
    /// Requests between their request line and the end of their answer.
    var requestsInFlight: Int { lock.withLock { requestCount } }
    /// Whether some request is in flight, or some that is no stream without an end of its own.
    func hasRequests(countingStreams: Bool) -> Bool {
        lock.withLock {
            requestCount > (countingStreams ? 0 : streams.values.count { !$0.endsByItself })
        }
    }
    var connectionCount: Int { lock.withLock { records.count } }

    func open(_ record: ConnectionRecord) {
        lock.withLock {
            records[ObjectIdentifier(record)] = record
            if ending { _ = shutdown(record.descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Must be called before the descriptor is closed: afterwards its number may be someone else's.
    func close(_ record: ConnectionRecord) {
        lock.withLock {
            record.isOpen = false
            records[ObjectIdentifier(record)] = nil
        }
    }

    func requestStarted(on record: ConnectionRecord?, now: Int64) {
        lock.withLock {
            requestCount += 1
            move(record, to: .receiving, now)
        }
    }

    /// The deadline runs on from the request line.
    func headCame(_ head: RequestHead, on record: ConnectionRecord?) {
        lock.withLock { record?.head = head }
    }

    /// Those that this thread serves whose request line has come, and not all of the head.
    func awaitingHeads(onThread thread: pthread_t) -> [ConnectionRecord] {
        lock.withLock {
            records.values.filter {
                $0.phase == .receiving && $0.head == nil && pthread_equal($0.thread, thread) != 0
            }
        }
    }

    /// An answer was sent past libmicrohttpd.
    func answered(_ record: ConnectionRecord, status: Int) {
        lock.withLock { record.statusSentPast = status }
    }

    /// Returns `isDraining`.
    func answering(on record: ConnectionRecord?, now: Int64) -> Bool {
        lock.withLock {
            move(record, to: .answering, now)
            return draining
        }
    }

    func resting(on record: ConnectionRecord?, now: Int64) {
        lock.withLock { move(record, to: .resting, now) }
    }

    /// Returns whether an answer that is sent now ends its connection.
    @discardableResult
    func sending(on record: ConnectionRecord?, now: Int64) -> Bool {
        lock.withLock {
            move(record, to: .sending, now)
            return draining || closingAfterAnswers
        }
    }

    /// Returns the status of what was sent past the callbacks for this request, nil as a rule.
    func requestEnded(
        on record: ConnectionRecord?, stream: StreamBody?, deferred: DeferredAnswer?, now: Int64
    ) -> Int? {
        lock.withLock {
            requestCount -= 1
            if let deferred { computations[ObjectIdentifier(deferred)] = nil }
            if let stream { streams[ObjectIdentifier(stream)] = nil }
            precondition(requestCount >= 0, "more requests ended than started: \(requestCount)")
            move(record, to: .idle, now)
            record?.head = nil
            return record?.statusSentPast
        }
    }

    private func move(_ record: ConnectionRecord?, to phase: ConnectionRecord.Phase, _ now: Int64) {
        record?.phase = phase
        record?.sinceMicroseconds = now
        record?.endSeenMicroseconds = nil
    }

    /// The process did not run for so long, so that no client could be served: every deadline moves.
    func forgive(microseconds: Int64, now: Int64) {
        lock.withLock {
            for record in records.values {
                record.sinceMicroseconds = min(record.sinceMicroseconds + microseconds, now)
            }
        }
    }

    /// Connections that are past their deadline. One whose handler is at work never is.
    func overdue(now: Int64, limits: ServerLimits) -> [Overdue] {
        lock.withLock {
            records.values.compactMap { record in
                let seconds: Int
                switch record.phase {
                case .idle: seconds = limits.idleOrRequestLineSeconds
                case .receiving: seconds = limits.wholeRequestSeconds
                case .sending: seconds = limits.sendingSeconds
                case .answering, .computing, .resting: return nil
                }
                guard now - record.sinceMicroseconds >= Int64(seconds) * 1_000_000 else { return nil }
                let head = record.phase == .receiving ? record.head : nil
                return Overdue(record: record, sinceMicroseconds: record.sinceMicroseconds, head: head)
            }
        }
    }

    /// Shuts the connection down, after `farewell` if there is one; does nothing when it has moved on
    /// meanwhile. libmicrohttpd then sees the end of the stream and cleans up. Writing past
    /// libmicrohttpd is sound only here: while a body is awaited it writes nothing itself.
    func end(_ overdue: Overdue, farewell: [UInt8], status: Int?) {
        lock.withLock {
            let record = overdue.record
            guard record.isOpen, record.sinceMicroseconds == overdue.sinceMicroseconds else { return }
            if !farewell.isEmpty, record.phase == .receiving, record.statusSentPast == nil {
                let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                _ = send(record.descriptor, farewell, farewell.count, flags)
                record.statusSentPast = status
            }
            _ = shutdown(record.descriptor, Int32(SHUT_RDWR))
        }
    }
}

extension ConnectionTable {
    /// Requests in flight whose answer is a stream.
    var streamCount: Int { lock.withLock { streams.count } }

    func closeAfterAnswers() { lock.withLock { closingAfterAnswers = true } }

    /// Returns the streams that must be asked to finish; later ones learn it from `begin`.
    func startDraining() -> [StreamBody] {
        lock.withLock {
            defer { draining = true }
            return draining ? [] : Array(streams.values)
        }
    }

    /// Returns the streams that must be cut; later ones learn it from `begin`.
    func startCutting() -> [StreamBody] {
        lock.withLock {
            cutting = true
            return Array(streams.values)
        }
    }

    /// Shuts every connection down, and those that open later; libmicrohttpd then sees the end of each, and
    /// closes it.
    func endAll() {
        lock.withLock {
            ending = true
            for record in records.values { _ = shutdown(record.descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Whether a handler is at work on an HTTP thread, or a request waits for the heavy lane.
    var hasHandlerAtWork: Bool {
        lock.withLock { records.values.contains { $0.phase == .answering || $0.phase == .computing } }
    }

    /// Returns what a stream that begins now has missed.
    func begin(_ stream: StreamBody) -> (mustFinish: Bool, mustEnd: Bool) {
        lock.withLock {
            streams[ObjectIdentifier(stream)] = stream
            return (draining, cutting)
        }
    }

    /// Computations that are on the lane, or whose connections have not gone on yet.
    var computing: [DeferredAnswer] { lock.withLock { Array(computations.values) } }

    /// Returns whether the computation must be cancelled at once.
    func begin(_ deferred: DeferredAnswer, now: Int64) -> Bool {
        lock.withLock {
            computations[ObjectIdentifier(deferred)] = deferred
            if let record = deferred.record { move(record, to: .computing, now) }
            return cutting
        }
    }

    /// POLLRDHUP, which Glibc shows only to those who define _GNU_SOURCE.
    private var peerClosed: Int16 { 0x2000 }

    /// Resting streams whose client has closed its end, which libmicrohttpd would notice only at the second
    /// write. A client that only stopped sending counts as gone, too, where the stream has no end of its own:
    /// no event-stream client does that. One that waits for an end has the grace to get some of it.
    func streamsWithoutClient(now: Int64, graceMicroseconds: Int64) -> [StreamBody] {
        lock.withLock {
            closed(streams.values, by: \.record, in: .resting).compactMap { stream, events in
                let isGone =
                    !stream.endsByItself || events & ~peerClosed != 0
                    || stream.record.map { isOver(graceMicroseconds, of: $0, now) } ?? true
                return isGone ? stream : nil
            }
        }
    }

    /// Under the lock: whether the end of the connection has been known for so long in one phase.
    private func isOver(_ graceMicroseconds: Int64, of record: ConnectionRecord, _ now: Int64) -> Bool {
        guard let seen = record.endSeenMicroseconds else {
            record.endSeenMicroseconds = now
            return false
        }
        return now - seen >= graceMicroseconds
    }

    /// Computations whose client has closed its end, and whether it has closed both: one that has only
    /// stopped sending may still wait for its answer.
    func computationsWithoutClient() -> [(deferred: DeferredAnswer, hasClosedBoth: Bool)] {
        lock.withLock {
            closed(computations.values, by: \.record, in: .computing).map {
                ($0.waiting, $0.events & ~peerClosed != 0)
            }
        }
    }

    /// Ends connections whose client closed its end, or the half that it sends on, and has no answer to get:
    /// before its request was whole, and between requests. To libmicrohttpd an end of the stream that arrived
    /// with the last bytes is no event of its own.
    ///
    /// - Parameters:
    ///   - idleMicroseconds: how long a connection must have been idle; libmicrohttpd may have read a request
    ///     that it has not begun.
    ///   - graceMicroseconds: how long the end must have been known where only the client's half is closed. A
    ///     thread that has no processor may have read all of the request, and not asked for its answer.
    func endWithoutClient(now: Int64, idleMicroseconds: Int64, graceMicroseconds: Int64) {
        lock.withLock {
            let idle = records.values.lazy.filter { now - $0.sinceMicroseconds >= idleMicroseconds }
            let gone =
                closed(records.values, by: { $0 }, in: .receiving) + closed(idle, by: { $0 }, in: .idle)
            for (record, events) in gone {
                var byte: UInt8 = 0
                let flags = Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)
                // Bytes that were not read yet may be the rest of the request.
                if events & ~peerClosed == 0 {
                    guard recv(record.descriptor, &byte, 1, flags) == 0 else {
                        record.endSeenMicroseconds = nil
                        continue
                    }
                    guard isOver(graceMicroseconds, of: record, now) else { continue }
                }
                _ = shutdown(record.descriptor, Int32(SHUT_RDWR))
            }
        }
    }

    /// Under the lock: those of `all` in this phase whose client closed its end, with what poll(2) says.
    private func closed<Waiting>(
        _ all: some Sequence<Waiting>, by record: (Waiting) -> ConnectionRecord?,
        in phase: ConnectionRecord.Phase
    ) -> [(waiting: Waiting, events: Int16)] {
        var waiting: [Waiting] = []
        var polled: [pollfd] = []
        for one in all {
            // Under the lock, `isOpen` means that the descriptor is still this client's.
            guard let record = record(one), record.phase == phase, record.isOpen else { continue }
            waiting.append(one)
            polled.append(pollfd(fd: record.descriptor, events: peerClosed, revents: 0))
        }
        guard !polled.isEmpty, poll(&polled, nfds_t(polled.count), 0) > 0 else { return [] }
        return zip(waiting, polled).compactMap { $1.revents == 0 ? nil : ($0, $1.revents) }
    }
}
