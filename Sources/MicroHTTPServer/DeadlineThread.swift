// The thread that ends connections past their deadline. It looks at every connection a few times a second:
// ten thousand of them are a fraction of a millisecond, and no timer has to be kept per connection.

import Glibc
import HTTPMessages

/// A running deadline thread. `@unchecked Sendable`: after `init` only `stop` touches it, called once.
final class DeadlineThread: @unchecked Sendable {
    private final class Work: Sendable {
        let core: ServerCore
        let wakeup: Int32
        init(core: ServerCore, wakeup: Int32) {
            self.core = core
            self.wakeup = wakeup
        }
    }

    private let wakeup: Int32
    private let alarm: Int32
    private var thread = pthread_t()

    init(core: ServerCore) throws(ListenError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .system(call: "pipe", errno: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (wakeup, alarm) = (ends[0], ends[1])
        let work = Unmanaged.passRetained(Work(core: core, wakeup: wakeup))
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                DeadlineThread.run(work.core, wakeup: work.wakeup)
                return nil
            }, work.toOpaque())
        guard code == 0 else {
            work.release()
            close(wakeup)
            close(alarm)
            throw .system(call: "pthread_create", errno: code)
        }
    }

    /// Ends the thread and waits for it. Call once.
    func stop() {
        // Closing the writing end makes the reading end readable: no byte is needed.
        close(alarm)
        pthread_join(thread, nil)
        close(wakeup)
    }

    private static func run(_ core: ServerCore, wakeup: Int32) {
        while true {
            var descriptor = pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0)
            if poll(&descriptor, 1, Int32(clamping: core.limits.deadlineTickMilliseconds)) > 0 { return }
            for stream in core.connections.streamsWithoutClient() { stream.cut() }
            for overdue in core.connections.overdue(now: MonotonicClock.microseconds(), limits: core.limits) {
                let refusal = overdue.head.map {
                    core.responder.refuse(.tooSlow(seconds: core.limits.wholeRequestSeconds), $0)
                }
                let farewell = refusal.map { serialize($0, isHead: overdue.head?.method == .head) } ?? []
                core.connections.end(overdue, farewell: farewell, status: refusal?.status)
            }
        }
    }

    /// An HTTP/1.1 message for the one answer that libmicrohttpd cannot send.
    private static func serialize(_ response: Response, isHead: Bool) -> [UInt8] {
        var text = "HTTP/1.1 \(response.status) Request Timeout\r\nConnection: close\r\n"
        text += "Content-Length: \(response.body.count)\r\n"
        for field in response.headers.fields where ResponseQueueing.isSendable(field) {
            text += "\(field.name): \(field.value)\r\n"
        }
        return Array((text + "\r\n").utf8) + (isHead ? [] : response.body)
    }
}
