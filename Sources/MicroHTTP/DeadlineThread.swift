// The thread that ends connections past their deadline. It looks at every connection a few times a second:
// ten thousand of them are a fraction of a millisecond, and no timer has to be kept per connection.

import Glibc
import HTTP
import Locking

enum DeadlineThread {
    /// Starts the thread; it runs until it is stopped.
    static func start(core: ServerCore) throws(ListenError) -> PeriodicThread {
        do throws(PeriodicThread.Failure) {
            return try PeriodicThread(everyMilliseconds: core.limits.deadlineTickMilliseconds) { look(core) }
        } catch {
            throw .system(call: error.call, errno: error.code)
        }
    }

    private static func look(_ core: ServerCore) {
        for stream in core.connections.streamsWithoutClient() { stream.cut() }
        let now = MonotonicClock.microseconds()
        core.connections.endWithoutClient(
            now: now, idleMicroseconds: Int64(core.limits.deadlineTickMilliseconds) * 1_000)
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
