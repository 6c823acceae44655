// One libmicrohttpd daemon on one listening socket: epoll with a pool of threads, started and stopped.

import CMicroHTTPD
import Glibc
public import HTTPMessages

/// A running server.
///
/// `@unchecked Sendable`: the daemon's handle is set once in `init` and read only by `drain`, which the
/// owner calls once; everything else is immutable or behind the context's lock.
public final class Daemon: @unchecked Sendable {
    /// What is told of every request when it is over.
    public struct Completion: Sendable {
        public let head: RequestHead
        /// nil when the connection broke before an answer.
        public let status: Int?
        public let requestID: String?
        public let responseBytes: Int
        public let microseconds: UInt64
    }

    public typealias Observer = @Sendable (Completion) -> Void

    public struct StartFailure: Error, CustomStringConvertible {
        public let description: String
    }

    public let listener: ListenSocket
    private let context: ServerContext
    private let daemon: OpaquePointer

    /// The libmicrohttpd that is running, e.g. "0.9.75".
    public static var libraryVersion: String { String(cString: MHD_get_version()) }

    /// Serves `listener` with `threads` threads until `drain`.
    public init(
        _ listener: ListenSocket, responder: Responder, limits: ServerLimits = ServerLimits(),
        threads: Int, observer: Observer? = nil
    ) throws(StartFailure) {
        self.listener = listener
        context = ServerContext(responder: responder, limits: limits, observer: observer)
        let opaque = Unmanaged.passUnretained(context).toOpaque()
        // Without the inter-thread channel a full pool hangs in MHD_stop_daemon.
        let flags =
            MHD_USE_EPOLL_INTERNAL_THREAD.rawValue | MHD_USE_ITC.rawValue
            | MHD_ALLOW_SUSPEND_RESUME.rawValue
        var options = Self.options(listener, limits, threads: threads, context: opaque)
        let started = options.withUnsafeMutableBufferPointer { items in
            withVaList([MHD_OPTION.ARRAY.rawValue, items.baseAddress!, MHD_OPTION.END.rawValue]) { list in
                MHD_start_daemon_va(flags, 0, nil, nil, accessCallback, opaque, list)
            }
        }
        guard let started else {
            throw StartFailure(description: "libmicrohttpd could not start on \(listener.description)")
        }
        daemon = started
    }

    private static func options(
        _ listener: ListenSocket, _ limits: ServerLimits, threads: Int, context: UnsafeMutableRawPointer
    ) -> [MHD_OptionItem] {
        let uri:
            @convention(c) (
                UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?
            ) -> UnsafeMutableRawPointer? = uriCallback
        let completion:
            @convention(c) (
                UnsafeMutableRawPointer?, OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
                MHD_RequestTerminationCode
            ) -> Void = completionCallback
        var items = [
            MHD_OptionItem(option: MHD_OPTION.LISTEN_SOCKET, value: Int(listener.descriptor), ptr_value: nil),
            MHD_OptionItem(option: MHD_OPTION.CONNECTION_LIMIT, value: limits.connectionsMax, ptr_value: nil),
            MHD_OptionItem(
                option: MHD_OPTION.CONNECTION_MEMORY_LIMIT, value: limits.connectionMemoryBytes,
                ptr_value: nil),
            MHD_OptionItem(
                option: MHD_OPTION.CONNECTION_TIMEOUT, value: limits.idleSecondsMax, ptr_value: nil),
            MHD_OptionItem(
                option: MHD_OPTION.URI_LOG_CALLBACK, value: unsafeBitCast(uri, to: Int.self),
                ptr_value: context),
            MHD_OptionItem(
                option: MHD_OPTION.NOTIFY_COMPLETED, value: unsafeBitCast(completion, to: Int.self),
                ptr_value: context),
        ]
        // A pool of one is refused; leaving the option out means one thread.
        if threads > 1 {
            items.append(MHD_OptionItem(option: MHD_OPTION.THREAD_POOL_SIZE, value: threads, ptr_value: nil))
        }
        items.append(MHD_OptionItem(option: MHD_OPTION.END, value: 0, ptr_value: nil))
        return items
    }

    /// Stops: no new connections, 503 for requests that begin from now on, then up to `graceSeconds` for
    /// those under way. Says whether every request that had come whole was answered; libmicrohttpd may
    /// notice only late that a client broke off in the middle of its body. Call once.
    public func drain(graceSeconds: Int) -> Bool {
        context.beginDraining()
        _ = MHD_quiesce_daemon(daemon)
        let deadline = MonotonicClock.nanoseconds + UInt64(graceSeconds) * 1_000_000_000
        while context.openRequests.all > 0, MonotonicClock.nanoseconds < deadline { usleep(5_000) }
        let isClean = context.openRequests.due == 0
        MHD_stop_daemon(daemon)
        close(listener.descriptor)
        if let path = listener.path { unlink(path) }
        return isClean
    }
}
