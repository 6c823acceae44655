// One answer that the heavy lane computes while its connection is suspended: libmicrohttpd's thread goes on
// with other clients, and the access handler is called once more when the connection was resumed. Cancelled
// when the client has gone, or when the server's grace is over.

import CMicroHTTPD
import Glibc
import HTTP
import Locking

/// An answer from the heavy lane. `@unchecked Sendable`: every `var` is touched only under `lock`; the
/// connection is resumed exactly once, by whoever completes it, and not touched from here afterwards.
final class DeferredAnswer: @unchecked Sendable {
    private enum State {
        case pending
        /// nil when nobody waits for it.
        case complete(Response?)
    }

    let record: ConnectionRecord?
    private let connection: OpaquePointer
    private let head: RequestHead
    private let core: ServerCore
    private let lane: HeavyLane
    private let work = Work()
    private let lock = Lock()
    private var state = State.pending
    private var job: HeavyLane.Job?
    private var closedSinceMicroseconds: Int64?

    init(
        on connection: OpaquePointer, head: RequestHead, record: ConnectionRecord?, core: ServerCore,
        lane: HeavyLane
    ) {
        self.connection = connection
        self.head = head
        self.record = record
        self.core = core
        self.lane = lane
    }

    /// On the connection's thread, in the access handler, which then returns without an answer.
    func start(
        _ body: [UInt8], holding hold: FlightBudget.Hold, _ answer: @escaping Responder.Answer
    ) {
        LongWait.begin(of: connection, core.limits)
        // Before the lane can complete it: what resumes must find the connection suspended.
        MHD_suspend_connection(connection)
        let submitted = lane.submit(of: client, bytes: body.count) { [self] in
            work.begin(cpuSecondsMax: lane.bounds.cpuSecondsMax)
            // Only now: what is computed at once, and must go out, is as much as there are threads.
            let response = work.isCancelled ? nil : hold.findsRoom() ? answer(body, work) : noRoom
            complete(response)
            if work.isCancelled { lane.noteCancelled() }
        }
        guard let submitted else {
            let refusal = Responder.Refusal.busy(retryAfterSeconds: HeavyLane.Bounds.retryAfterSeconds)
            return complete(core.responder.refuse(refusal, head))
        }
        lock.withLock {
            // The job holds this object: one that has run already must not be held by it in turn.
            if case .pending = state { job = submitted }
        }
        guard core.connections.begin(self, now: MonotonicClock.microseconds()) else { return }
        // The server stops, and has looked for suspended connections already.
        cancel()
        while isPending { usleep(Daemon.drainTickMicroseconds) }
    }

    private var noRoom: Response { core.responder.refuse(PendingRequest.noRoom, head) }

    /// Clients take turns.
    private var client: String { head.client }

    /// Whether the connection is still suspended.
    var isPending: Bool {
        lock.withLock {
            switch state {
            case .pending: true
            case .complete: false
            }
        }
    }

    /// On the connection's thread, after it was resumed; nil when nobody waits for the answer. Asked once.
    func taken() -> Response? {
        LongWait.end(of: connection, core.limits)
        return lock.withLock {
            defer { state = .complete(nil) }
            guard case .complete(let response) = state else {
                preconditionFailure("libmicrohttpd went on with a connection that was not resumed")
            }
            return response
        }
    }

    /// The client has closed its end. One that has only stopped sending gets a little time.
    func clientClosed(hasClosedBoth: Bool, now: Int64) {
        let isGone = lock.withLock {
            let since = closedSinceMicroseconds ?? now
            closedSinceMicroseconds = since
            let grace = Int64(core.limits.halfClosedGraceMilliseconds) * 1_000
            return hasClosedBoth || now - since >= grace
        }
        if isGone { cancel() }
    }

    /// Nobody waits for the answer any more. What runs ends at its next checkpoint.
    func cancel() {
        work.cancel()
        guard let job = lock.withLock({ job }), lane.withdraw(job) else { return }
        complete(nil)
    }

    private func complete(_ response: Response?) {
        lock.withLock {
            guard case .pending = state else { preconditionFailure("an answer was completed twice") }
            state = .complete(work.isCancelled ? nil : response)
            job = nil
            MHD_resume_connection(connection)
        }
    }
}

/// A suspension of a request whose client waits for its answer. When libmicrohttpd goes on with a connection,
/// it reads from it before it asks for the answer, and closes where a client has closed its half; only those
/// with a timeout of their own it asks first.
enum LongWait {
    /// On the connection's thread, before it is suspended.
    static func begin(of connection: OpaquePointer, _ limits: ServerLimits) {
        iovad_mhd_set_timeout(connection, UInt32(clamping: limits.inactivitySeconds + 1))
    }

    /// On the connection's thread, after it was resumed.
    static func end(of connection: OpaquePointer, _ limits: ServerLimits) {
        iovad_mhd_set_timeout(connection, UInt32(clamping: limits.inactivitySeconds))
    }
}
