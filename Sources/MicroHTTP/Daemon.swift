// The life of one libmicrohttpd daemon: started on one listening socket, drained, stopped. Several listeners
// are several daemons. No policy about requests: that is PendingRequest's and the responder's.

import CMicroHTTPD
import Glibc
public import HTTP
import Locking

/// A running server on one listening socket. `@unchecked Sendable`: every `var` is touched under `lock`.
public final class Daemon: @unchecked Sendable {
    /// How often `drain` looks whether requests are still in flight.
    static let drainTickMicroseconds: UInt32 = 5000

    /// The socket it listens on; `port` tells what port 0 became.
    public let listener: ListenSocket
    let core: ServerCore
    private let lock = Lock()
    private var handle: OpaquePointer?
    private var deadlines: PeriodicThread?
    private let coreReference: Unmanaged<ServerCore>
    private let logSink = UnsafeMutablePointer<iovad_mhd_log_sink>.allocate(capacity: 1)

    /// Starts serving on `listener`, which belongs to the daemon from here on (also when this throws).
    /// With `tls` it speaks HTTPS.
    /// `onCompletion` and `onError` are called on server threads, several at a time. Ignores SIGPIPE for the
    /// whole process.
    public init(
        listener: ListenSocket, responder: Responder, limits: ServerLimits = ServerLimits(),
        tls: TLSCredentials? = nil,
        onCompletion: (@Sendable (CompletedExchange) -> Void)? = nil,
        onError: (@Sendable (String) -> Void)? = nil
    ) throws(ListenError) {
        signal(SIGPIPE, SIG_IGN)
        self.listener = listener
        core = ServerCore(
            responder: responder, limits: limits, tls: tls.map(TLSMemory.init), onCompletion: onCompletion,
            onError: onError)
        coreReference = Unmanaged.passRetained(core)
        do throws(ListenError) {
            deadlines = try DeadlineThread.start(core: core)
        } catch {
            coreReference.release()
            listener.close()
            throw error
        }
        handle = startDaemon(listener.descriptor, coreReference.toOpaque(), limits, core.tls, logSink)
        let said = core.startLines.withLock { lines in
            defer { lines = nil }
            return lines ?? []
        }
        guard handle != nil else {
            deadlines?.stop()
            coreReference.release()
            listener.close()
            throw .daemonNotStarted(said)
        }
    }

    /// Open connections, for metrics.
    public var connectionCount: Int { core.connections.connectionCount }
    /// Requests between their request line and the end of their answer.
    public var requestsInFlight: Int { core.connections.requestsInFlight }

    /// Stops accepting, answers new requests on open connections with `refuse(.shuttingDown)`, gives requests
    /// in flight up to `graceSeconds`, then closes everything. Returns whether all of them finished in time.
    /// Streams are asked to finish. Those without an end of their own are cut when `streamGoodbyeSeconds` are
    /// over: a client that does not take its good-bye makes no drain unclean. Others count as requests.
    /// A handler that is still at work after the grace is waited for: a thread cannot be ended from outside.
    /// True at once when the daemon was already stopped.
    @discardableResult
    public func drain(graceSeconds: Double) -> Bool { Daemon.drain([self], graceSeconds: graceSeconds) }

    /// Drains several daemons within one grace period.
    @discardableResult
    public static func drain(_ daemons: [Daemon], graceSeconds: Double) -> Bool {
        for daemon in daemons { daemon.quiesce() }
        let start = MonotonicClock.microseconds()
        let grace = Int64(min(max(graceSeconds, 0), 86_400) * 1_000_000)
        func isWaitedFor(_ daemon: Daemon) -> Bool {
            let elapsed = MonotonicClock.microseconds() - start
            let goodbye = Int64(daemon.core.limits.streamGoodbyeSeconds) * 1_000_000
            guard elapsed < grace else { return false }
            return daemon.core.connections.hasRequests(countingStreams: elapsed < goodbye)
        }
        while daemons.contains(where: isWaitedFor) { usleep(drainTickMicroseconds) }
        let allFinished = !daemons.contains { $0.core.connections.hasRequests(countingStreams: false) }
        for daemon in daemons { daemon.stop() }
        return allFinished
    }

    private func quiesce() {
        let streams = lock.withLock { () -> [StreamBody] in
            guard let handle else { return [] }
            defer { MHD_quiesce_daemon(handle) }
            return core.connections.startDraining()
        }
        for stream in streams { stream.finish() }
    }

    private func stop() {
        lock.withLock {
            guard let handle else { return }
            self.handle = nil
            // libmicrohttpd must not be stopped while a connection is suspended.
            for stream in core.connections.startCutting() { stream.cut() }
            // The deadline thread lives until libmicrohttpd has stopped: it ends clients that hold it up.
            MHD_stop_daemon(handle)
            deadlines?.stop()
            deadlines = nil
            // Only now: libmicrohttpd must not see a quiesced listen socket closed under it.
            listener.close()
            coreReference.release()
        }
    }

    deinit {
        quiesce()
        stop()
        logSink.deallocate()
    }
}
