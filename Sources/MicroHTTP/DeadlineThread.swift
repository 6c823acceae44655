// The thread that ends connections past their deadline. It looks at every connection a few times a second:
// ten thousand of them are a fraction of a millisecond, and no timer has to be kept per connection. Time in
// which the process did not run, because it was stopped or its machine was, counts against no client.

import Glibc
import HTTP
import Locking

enum DeadlineThread {
    /// A look that comes later than this was held up: a busy machine is late by less.
    static let stallMicroseconds: Int64 = 1_000_000

    /// Starts the thread; it runs until it is stopped.
    static func start(core: ServerCore) throws(ListenError) -> PeriodicThread {
        let last = Locked(MonotonicClock.microseconds())
        do throws(PeriodicThread.Failure) {
            return try PeriodicThread(everyMilliseconds: core.limits.deadlineTickMilliseconds) {
                forgive(since: last, core)
                look(core)
                last.withLock { $0 = MonotonicClock.microseconds() }
            }
        } catch {
            throw .system(call: error.call, errno: error.code)
        }
    }

    private static func forgive(since last: Locked<Int64>, _ core: ServerCore) {
        let now = MonotonicClock.microseconds()
        let late = now - last.withLock { $0 } - Int64(core.limits.deadlineTickMilliseconds) * 1_000
        if late > stallMicroseconds { core.connections.forgive(microseconds: late, now: now) }
    }

    private static func look(_ core: ServerCore) {
        let now = MonotonicClock.microseconds()
        let grace = Int64(core.limits.halfClosedGraceMilliseconds) * 1_000
        for stream in core.connections.streamsWithoutClient(now: now, graceMicroseconds: grace) {
            stream.cut()
        }
        core.connections.endWithoutClient(
            now: now, idleMicroseconds: Int64(core.limits.deadlineTickMilliseconds) * 1_000,
            graceMicroseconds: grace)
        for (deferred, hasClosedBoth) in core.connections.computationsWithoutClient() {
            deferred.clientClosed(hasClosedBoth: hasClosedBoth, now: now)
        }
        for overdue in core.connections.overdue(now: MonotonicClock.microseconds(), limits: core.limits) {
            // What bypasses libmicrohttpd bypasses TLS too, so that only plain text can be sent.
            let refusal = (core.tls == nil ? overdue.head : nil).map {
                core.responder.refuse(.tooSlow(seconds: core.limits.wholeRequestSeconds), $0)
            }
            let farewell =
                refusal.map { DirectAnswer.serialize($0, isHead: overdue.head?.method == .head) } ?? []
            core.connections.end(overdue, farewell: farewell, status: refusal?.status)
        }
    }
}
