// The start of libmicrohttpd with our options. They go in one MHD_OptionItem array because the variadic form
// is silent about an argument of the wrong width.

import CMicroHTTPD
import Glibc

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
    _ descriptor: Int32, _ core: UnsafeMutableRawPointer, _ limits: ServerLimits, _ tls: TLSMemory?,
    _ sink: UnsafeMutablePointer<iovad_mhd_log_sink>
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
        // First, so that complaints about the others are heard.
        item(.EXTERNAL_LOGGER, iovad_mhd_logger_address(), UnsafeMutableRawPointer(sink)),
        item(.LISTEN_SOCKET, Int(descriptor)),
        item(.URI_LOG_CALLBACK, unsafeBitCast(uriSeen as URILogCallback, to: Int.self), core),
        item(.NOTIFY_COMPLETED, unsafeBitCast(requestCompleted as CompletedCallback, to: Int.self), core),
        item(.NOTIFY_CONNECTION, unsafeBitCast(connectionChanged as ConnectionCallback, to: Int.self), core),
        item(.CONNECTION_MEMORY_LIMIT, limits.connectionMemoryBytes),
        item(.CONNECTION_LIMIT, limit),
        item(.PER_IP_CONNECTION_LIMIT, limits.maximumConnectionCountPerAddress),
        item(.CONNECTION_TIMEOUT, limits.inactivitySeconds),
    ]
    if let tls {
        flags |= MHD_USE_TLS.rawValue
        options += [
            item(.HTTPS_MEM_CERT, 0, tls.certificate.baseAddress),
            item(.HTTPS_MEM_KEY, 0, tls.key.baseAddress),
            item(.HTTPS_PRIORITIES, 0, tls.priorities.baseAddress),
        ]
    }
    // A pool of one is refused.
    if threads > 1 { options.append(item(.THREAD_POOL_SIZE, threads)) }
    options.append(item(MHD_OPTION.END, 0))
    return options.withUnsafeMutableBufferPointer { buffer in
        let arguments: [any CVarArg] = [
            Int32(MHD_OPTION.ARRAY.rawValue), buffer.baseAddress!, Int32(MHD_OPTION.END.rawValue),
        ]
        return withVaList(arguments) {
            MHD_start_daemon_va(flags, 0, nil, nil, handleAccess, core, $0)
        }
    }
}

extension Daemon {
    /// The libmicrohttpd that is running, e.g. "0.9.75".
    public static var libraryVersion: String { String(cString: MHD_get_version()) }
}
