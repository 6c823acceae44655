// The life of one libmicrohttpd daemon: started on one listening socket, drained, stopped. Several
// listeners are several daemons. Here are also what all callbacks of a daemon share, and the options that
// libmicrohttpd gets. No policy about requests: that is PendingRequest's and the responder's.

import CMicroHTTPD
import Glibc
public import HTTP
import Locking

/// A running server on one listening socket. `@unchecked Sendable`: every `var` is touched under `lock`.
public final class Daemon: @unchecked Sendable {
    /// How often `drain` looks whether requests are still in flight.
    static let drainTickMicroseconds: UInt32 = 5000
    /// How often, and how long, a stop looks whether libmicrohttpd has closed all connections.
    private static let endTickMicroseconds: UInt32 = 500
    private static let endMicrosecondsMax: Int64 = 1_000_000
    /// How long streams that have no end of their own go on for requests that had begun when a drain began.
    private static let requestsBeforeGoodbyeMicroseconds: Int64 = 500_000

    /// The socket it listens on; `port` tells what port 0 became.
    public let listener: ListenSocket
    let core: ServerCore
    private let lock = Lock()
    private var handle: OpaquePointer?
    private var deadlines: PeriodicThread?
    private let coreReference: Unmanaged<ServerCore>
    private let logSink = UnsafeMutablePointer<iovad_mhd_log_sink>.allocate(capacity: 1)

    /// Starts serving on `listener`, which belongs to the daemon from here on (also when this throws).
    /// With `tls` it speaks HTTPS. Daemons may share a `lane` for what is heavy, one for what is `waiting`,
    /// and a `budget` for what is in flight.
    /// `onCompletion` and `onError` are called on server threads, several at a time; so is `onShortage`, when
    /// the system has no descriptor or memory for another connection, once a minute at most. Ignores SIGPIPE
    /// for the whole process.
    public init(
        listener: ListenSocket, responder: Responder, limits: ServerLimits = ServerLimits(),
        lane: HeavyLane = HeavyLane(), waiting: HeavyLane? = nil, budget: FlightBudget = FlightBudget(),
        tls: TLSIdentity? = nil,
        onCompletion: (@Sendable (CompletedExchange) -> Void)? = nil,
        onError: (@Sendable (String) -> Void)? = nil, onShortage: (@Sendable () -> Void)? = nil
    ) throws(ListenError) {
        signal(SIGPIPE, SIG_IGN)
        self.listener = listener
        core = ServerCore(
            responder: responder, limits: limits, lane: lane, waiting: waiting ?? lane, budget: budget,
            tls: tls, onCompletion: onCompletion, onError: onError, onShortage: onShortage)
        coreReference = Unmanaged.passRetained(core)
        do throws(ListenError) {
            deadlines = try DeadlineThread.start(core: core)
        } catch {
            coreReference.release()
            listener.close()
            throw error
        }
        handle = startDaemon(listener.descriptor, coreReference.toOpaque(), limits, logSink, tls != nil)
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

    /// The libmicrohttpd that is running, e.g. "0.9.75".
    public static var libraryVersion: String { String(cString: MHD_get_version()) }

    var connectionCount: Int { core.connections.connectionCount }
    /// Requests between their request line and the end of their answer.
    var requestsInFlight: Int { core.connections.requestsInFlight }

    /// Stops accepting, answers new requests on open connections with `refuse(.shuttingDown)`, gives requests
    /// in flight up to `graceSeconds`, then closes everything. Returns whether all of them finished in time.
    /// Streams are asked to finish when these are over, or after half a second. Those without an end of their
    /// own are cut when `streamGoodbyeSeconds` are over: a client that does not take its good-bye makes no
    /// drain unclean. Others count as requests.
    /// A handler that is still at work after the grace is waited for: a thread cannot be ended from outside.
    /// True at once when the daemon was already stopped.
    @discardableResult
    public func drain(graceSeconds: Double) -> Bool { Daemon.drain([self], graceSeconds: graceSeconds) }

    /// From now on each answer ends its connection, while requests are answered as before: what a load
    /// balancer needs that has still to learn that the server stops.
    public static func closeAfterAnswers(_ daemons: [Daemon]) {
        for daemon in daemons { daemon.core.connections.closeAfterAnswers() }
    }

    /// Drains several daemons within one grace period.
    @discardableResult
    public static func drain(_ daemons: [Daemon], graceSeconds: Double) -> Bool {
        let streams = daemons.flatMap { $0.quiesce() }
        let start = MonotonicClock.microseconds()
        let grace = Int64(min(max(graceSeconds, 0), 86_400) * 1_000_000)
        // Requests that had begun may add events, which subscribers are to get before their good-bye.
        let patience = min(grace / 2, requestsBeforeGoodbyeMicroseconds)
        while daemons.contains(where: { $0.core.connections.hasRequests(countingStreams: false) }),
            MonotonicClock.microseconds() - start < patience
        { usleep(drainTickMicroseconds) }
        for stream in streams { stream.finish() }
        let asked = MonotonicClock.microseconds()
        func isWaitedFor(_ daemon: Daemon) -> Bool {
            let now = MonotonicClock.microseconds()
            let goodbye = Int64(daemon.core.limits.streamGoodbyeSeconds) * 1_000_000
            guard now - start < grace else { return false }
            return daemon.core.connections.hasRequests(countingStreams: now - asked < goodbye)
        }
        while daemons.contains(where: isWaitedFor) { usleep(drainTickMicroseconds) }
        let allFinished = !daemons.contains { $0.core.connections.hasRequests(countingStreams: false) }
        for daemon in daemons { daemon.stop() }
        return allFinished
    }

    /// The streams that are to finish.
    private func quiesce() -> [StreamBody] {
        lock.withLock {
            guard let handle else { return [] }
            defer { MHD_quiesce_daemon(handle) }
            return core.connections.startDraining()
        }
    }

    private func stop() {
        lock.withLock {
            guard let handle else { return }
            self.handle = nil
            // libmicrohttpd must not be stopped while a connection is suspended.
            for stream in core.connections.startCutting() { stream.cut() }
            for deferred in core.connections.computing { deferred.cancel() }
            while core.connections.computing.contains(where: \.isPending) {
                usleep(Self.drainTickMicroseconds)
            }
            endConnections()
            // The deadline thread lives until libmicrohttpd has stopped: it ends clients that hold it up.
            MHD_stop_daemon(handle)
            deadlines?.stop()
            deadlines = nil
            // Only now: libmicrohttpd must not see a quiesced listen socket closed under it.
            listener.close()
            coreReference.release()
        }
    }

    /// Leaves libmicrohttpd 0.9.75 no connection to stop: a bad head that it would answer by itself makes it
    /// read an answer that it does not queue any more. A handler is waited for, as it would be by the stop.
    private func endConnections() {
        core.connections.endAll()
        var worked = MonotonicClock.microseconds()
        while core.connections.connectionCount > 0 {
            let now = MonotonicClock.microseconds()
            if core.connections.hasHandlerAtWork { worked = now }
            guard now - worked < Self.endMicrosecondsMax else { return }
            usleep(Self.endTickMicroseconds)
        }
    }

    deinit {
        for stream in quiesce() { stream.finish() }
        stop()
        logSink.deallocate()
    }
}

final class ServerCore: Sendable {
    let responder: Responder
    let limits: ServerLimits
    let lane: HeavyLane
    /// For what waits; the same where nothing does.
    let waiting: HeavyLane
    let budget: FlightBudget
    let onCompletion: (@Sendable (CompletedExchange) -> Void)?
    let onError: (@Sendable (String) -> Void)?
    let onShortage: (@Sendable () -> Void)?
    /// When it was last called.
    private let shortageTold = Locked<Int64?>(nil)
    let connections = ConnectionTable()
    /// Present when the daemon speaks TLS.
    let tls: TLSIdentity?
    /// What libmicrohttpd logged while it started; nil afterwards.
    let startLines = Locked<[String]?>([])

    init(
        responder: Responder, limits: ServerLimits, lane: HeavyLane, waiting: HeavyLane, budget: FlightBudget,
        tls: TLSIdentity?, onCompletion: (@Sendable (CompletedExchange) -> Void)?,
        onError: (@Sendable (String) -> Void)?,
        onShortage: (@Sendable () -> Void)?
    ) {
        self.responder = responder
        self.limits = limits
        self.lane = lane
        self.waiting = waiting
        self.budget = budget
        self.tls = tls
        self.onCompletion = onCompletion
        self.onError = onError
        self.onShortage = onShortage
    }

    /// One line of libmicrohttpd's error log.
    func log(_ line: String) {
        refuseBadLength(line)
        waitForResources(line)
        let isStarting = startLines.withLock { lines in
            lines?.append(line)
            return lines != nil
        }
        if !isStarting { onError?(line) }
    }

    /// What libmicrohttpd logs when accept(2) fails because the process or the system has no more. A thread
    /// that has connections accepts again when one of them has ended; one that has none tries again at once.
    private static let shortageLine = "Hit process or system resource limit at "
    private static let busyShortageLine = shortageLine + "FIRST connection"
    /// Between two such trials, which would otherwise take all of a core.
    private static let acceptRetryMicroseconds: UInt32 = 50_000
    private static let shortageTellMicroseconds: Int64 = 60_000_000

    /// Called with each line of libmicrohttpd's log, on the thread that it is about. One that has no
    /// connections keeps nobody waiting while it sleeps.
    private func waitForResources(_ line: String) {
        guard line.hasPrefix(Self.shortageLine) else { return }
        let now = MonotonicClock.microseconds()
        let isNew = shortageTold.withLock { told in
            if let told, now - told < Self.shortageTellMicroseconds { return false }
            told = now
            return true
        }
        if isNew { onShortage?() }
        if line.hasPrefix(Self.busyShortageLine) { usleep(Self.acceptRetryMicroseconds) }
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> ServerCore? {
        pointer.map { Unmanaged<ServerCore>.fromOpaque($0).takeUnretainedValue() }
    }
}

typealias URILogCallback =
    @convention(c) (
        UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?
    ) -> UnsafeMutableRawPointer?
typealias CompletedCallback =
    @convention(c) (
        UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
        MHD_RequestTerminationCode
    ) -> Void
typealias ConnectionCallback =
    @convention(c) (
        UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
        MHD_ConnectionNotificationCode
    ) -> Void

/// One formatted line of libmicrohttpd's error log.
private func logged(_ context: UnsafeMutableRawPointer?, _ line: UnsafePointer<CChar>?) {
    guard let core = ServerCore.from(context), let line else { return }
    var bytes = Array(String(cString: line).utf8)
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    core.log(String(decoding: bytes, as: UTF8.self))
}

/// Starts libmicrohttpd on a listening descriptor; nil when it refuses.
func startDaemon(
    _ descriptor: Int32, _ core: UnsafeMutableRawPointer, _ limits: ServerLimits,
    _ sink: UnsafeMutablePointer<iovad_mhd_log_sink>, _ speaksTLS: Bool
) -> OpaquePointer? {
    sink.initialize(to: iovad_mhd_log_sink(take: logged, context: core))
    // ITC: without it MHD_stop_daemon hangs when a pool thread is at its connection limit.
    var flags =
        MHD_USE_EPOLL_INTERNAL_THREAD.rawValue | MHD_USE_ITC.rawValue
        | MHD_ALLOW_SUSPEND_RESUME.rawValue | MHD_USE_ERROR_LOG.rawValue
    let threads = limits.threadCount ?? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    let limit = max(limits.maximumConnectionCount, threads)
    func item(
        _ option: MHD_OPTION, _ value: Int, _ pointer: UnsafeMutableRawPointer? = nil
    ) -> MHD_OptionItem {
        MHD_OptionItem(option: option, value: value, ptr_value: pointer)
    }
    var options = [
        // First, so that complaints about the others are logged.
        item(.EXTERNAL_LOGGER, iovad_mhd_logger_address(), UnsafeMutableRawPointer(sink)),
        item(.LISTEN_SOCKET, Int(descriptor)),
        item(.URI_LOG_CALLBACK, unsafeBitCast(uriSeen as URILogCallback, to: Int.self), core),
        item(.NOTIFY_COMPLETED, unsafeBitCast(requestCompleted as CompletedCallback, to: Int.self), core),
        item(.NOTIFY_CONNECTION, unsafeBitCast(connectionChanged as ConnectionCallback, to: Int.self), core),
        item(.CONNECTION_MEMORY_LIMIT, limits.connectionMemoryBytes),
        item(.CONNECTION_LIMIT, limit),
        item(.PER_IP_CONNECTION_LIMIT, limits.maximumConnectionCountPerAddress),
        item(.CONNECTION_TIMEOUT, limits.inactivitySeconds),
        item(.THREAD_STACK_SIZE, ThreadStack.bytes),
    ]
    if speaksTLS {
        flags |= MHD_USE_TLS.rawValue
        options.append(
            item(
                .HTTPS_CERT_CALLBACK, 0,
                unsafeBitCast(presentCertificate as CertificateCallback, to: UnsafeMutableRawPointer.self)))
    }
    // A pool of one is refused.
    if threads > 1 { options.append(item(.THREAD_POOL_SIZE, threads)) }
    options.append(item(MHD_OPTION.END, 0))
    return options.withUnsafeMutableBufferPointer { buffer in
        // libmicrohttpd reads the priorities while it starts, and keeps what it made of them.
        TLSCredentials.priorities.withCString { priorities in
            var arguments: [any CVarArg] = [Int32(MHD_OPTION.ARRAY.rawValue), buffer.baseAddress!]
            if speaksTLS { arguments += [Int32(MHD_OPTION.HTTPS_PRIORITIES.rawValue), priorities] }
            arguments.append(Int32(MHD_OPTION.END.rawValue))
            return withVaList(arguments) {
                MHD_start_daemon_va(flags, 0, nil, nil, handleAccess, core, $0)
            }
        }
    }
}
