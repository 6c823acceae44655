// One streamed body between its source and libmicrohttpd: what the client has not yet taken of the current
// piece, and when its connection is suspended and resumed. It buffers nothing else; the source is asked
// only when the client can take more. StreamState is the part that knows no socket; its tests run without
// one.

import CMicroHTTPD
import Glibc
import HTTP
import Locking

/// The state of one streamed body. Used under its stream's lock.
struct StreamState: Hashable {
    private(set) var isResting = false
    private(set) var isCut = false
    private var hasEnded = false
    private var wakePending = false

    /// The source has nothing. True: suspend the connection, before the lock is given back. False: a wake-up
    /// or the end arrived meanwhile: look again.
    mutating func rest() -> Bool {
        precondition(!isResting && !hasEnded, "a stream rested twice or after its end")
        guard !wakePending, !isCut else {
            wakePending = false
            return false
        }
        isResting = true
        return true
    }

    /// There may be something. True: resume the connection, before the lock is given back.
    mutating func wake() -> Bool {
        guard !hasEnded else { return false }
        guard isResting else {
            wakePending = true
            return false
        }
        isResting = false
        return true
    }

    /// No more bytes shall go out. True: resume the connection, so that it can be closed.
    mutating func cut() -> Bool {
        isCut = true
        return wake()
    }

    /// The connection is done with the stream. From here on nothing touches it.
    mutating func end() {
        precondition(!hasEnded, "a stream ended twice")
        // libmicrohttpd ends a suspended connection only while it stops, which resumes all of them first.
        precondition(!isResting, "a resting stream ended")
        hasEnded = true
    }
}

/// A streamed body. `@unchecked Sendable`: `state`, `isComputing` and `ending` are touched only under `lock`,
/// the other `var`s only by the thread that serves the connection.
final class StreamBody: @unchecked Sendable {
    private let source: any StreamSource
    private let connection: OpaquePointer
    let record: ConnectionRecord?
    private let connections: ConnectionTable
    private let lane: HeavyLane
    private let limits: ServerLimits
    private let work = Work()
    private let lock = Lock()
    private var state = StreamState()
    private var isComputing = false
    /// What the source hears when its computation is over.
    private var ending: StreamEnding?
    private var piece: [UInt8]
    private var taken = 0
    private var isComplete = false
    /// Since the last read: one whose client waits for the end.
    private var hasRested = false
    /// Bytes handed to libmicrohttpd.
    private(set) var bytesOut = 0

    init(
        _ source: any StreamSource, beginning: [UInt8], connection: OpaquePointer, record: ConnectionRecord?,
        connections: ConnectionTable, lane: HeavyLane, limits: ServerLimits
    ) {
        self.source = source
        self.connection = connection
        self.record = record
        self.connections = connections
        self.lane = lane
        self.limits = limits
        piece = beginning
    }

    var endsByItself: Bool { source.endsByItself }

    /// To be called once, before libmicrohttpd can ask for bytes.
    func start() {
        // Weak: a source that outlives its stream, and keeps the waker, must not keep the body.
        source.start(waker: StreamWaker { [weak self] in self?.wake() })
        let missed = connections.begin(self)
        if missed.mustFinish { finish() }
        if missed.mustEnd { cut() }
    }

    /// Puts bytes into `space`; returns their count, 0 after the connection was suspended, or one of
    /// libmicrohttpd's two endings.
    func read(into space: UnsafeMutableRawBufferPointer) -> Int {
        connections.sending(on: record, now: MonotonicClock.microseconds())
        if hasRested { LongWait.end(of: connection, limits) }
        hasRested = false
        while true {
            let (isCut, isWaiting) = lock.withLock { (state.isCut, isComputing) }
            if isCut { return breakOff(space) }
            // Something else woke it.
            if isWaiting, rest() { return 0 }
            if isWaiting { continue }
            if taken < piece.count { return copy(into: space) }
            if isComplete { return Self.endOfStream }
            switch source.next() {
            case .bytes(let bytes):
                precondition(
                    !bytes.isEmpty && bytes.count <= StreamPiece.bytesMax,
                    "a piece of \(bytes.count) bytes, not 1...\(StreamPiece.bytesMax)")
                (piece, taken) = (bytes, 0)
            case .nothingYet:
                if rest() { return 0 }
            case .toCompute:
                compute()
            case .end:
                isComplete = true
            }
        }
    }

    /// Ends the connection, with a byte that cannot go out: what a failed write has ended libmicrohttpd gives
    /// back at once. One whose reader reports an error keeps its descriptor for as long as an older
    /// connection of the thread is silent.
    private func breakOff(_ space: UnsafeMutableRawBufferPointer) -> Int {
        guard let record, !space.isEmpty else { return Self.endWithError }
        _ = shutdown(record.descriptor, Int32(SHUT_RDWR))
        space[0] = 0
        return 1
    }

    private func copy(into space: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(space.count, piece.count - taken)
        space.copyBytes(from: piece[taken..<(taken + count)])
        taken += count
        bytesOut += count
        if taken == piece.count { (piece, taken) = ([], 0) }
        return count
    }

    /// Has the lane call the source, then goes on.
    private func compute() {
        lock.withLock { isComputing = true }
        let job = lane.submit(of: record?.client ?? "", bytes: 0, isUnderWay: true) { [self] in
            if !work.isCancelled { source.compute(work) }
            computed()
        }
        // The system has no thread for it.
        if job == nil {
            computed()
            cut()
        }
    }

    private func computed() {
        let ending = lock.withLock {
            isComputing = false
            return self.ending
        }
        if let ending { source.ended(ending) } else { wake() }
    }

    /// Suspends the connection unless a wake-up arrived. Under the lock, so that whoever resumes finds it
    /// suspended.
    private func rest() -> Bool {
        lock.withLock {
            guard state.rest() else { return false }
            connections.resting(on: record, now: MonotonicClock.microseconds())
            if endsByItself {
                LongWait.begin(of: connection, limits)
                hasRested = true
            }
            MHD_suspend_connection(connection)
            return true
        }
    }

    /// From any thread.
    func wake() { lock.withLock { if state.wake() { MHD_resume_connection(connection) } } }

    /// Asks the source to end.
    func finish() {
        source.finish()
        wake()
    }

    /// Ends the connection without what the source may still have.
    func cut() {
        work.cancel()
        lock.withLock { if state.cut() { MHD_resume_connection(connection) } }
    }

    /// The request is over.
    func end(_ code: MHD_RequestTerminationCode) {
        work.cancel()
        let ending: StreamEnding =
            switch code {
            case .REQUEST_TERMINATED_COMPLETED_OK: isComplete ? .complete : .clientGone
            case .REQUEST_TERMINATED_DAEMON_SHUTDOWN: .cutOff
            default: connections.isCut ? .cutOff : .clientGone
            }
        let isWaiting = lock.withLock {
            state.end()
            if isComputing { self.ending = ending }
            return isComputing
        }
        if !isWaiting { source.ended(ending) }
    }

    // MHD_CONTENT_READER_END_OF_STREAM and ..._END_WITH_ERROR: casts in macros do not reach Swift.
    private static let endOfStream = -1
    fileprivate static let endWithError = -2
}

/// Content reader callback: on the connection's thread.
func readStream(
    _ context: UnsafeMutableRawPointer?, _ position: UInt64, _ buffer: UnsafeMutablePointer<CChar>?,
    _ capacity: Int
) -> Int {
    guard let context, let buffer else { return StreamBody.endWithError }
    return Unmanaged<StreamBody>.fromOpaque(context).takeUnretainedValue()
        .read(into: UnsafeMutableRawBufferPointer(start: buffer, count: capacity))
}

/// Free callback: libmicrohttpd has dropped the response.
func releaseStream(_ context: UnsafeMutableRawPointer?) {
    guard let context else { return }
    Unmanaged<StreamBody>.fromOpaque(context).release()
}
