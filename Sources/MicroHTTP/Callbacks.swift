// The callbacks that libmicrohttpd calls, on its own threads. File-scope functions: a closure written in
// main.swift would be bound to the main actor and trap on those threads. They translate and decide nothing.

import CMicroHTTPD
import Glibc
import HTTP
import Locking

/// URI-log callback: the raw target, before anything is decoded or cut at a `%00`. Its result becomes the
/// request's context.
func uriSeen(
    _ coreContext: UnsafeMutableRawPointer?, _ uri: UnsafePointer<CChar>?, _ connection: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let core = ServerCore.from(coreContext), let uri, let connection else { return nil }
    let record = iovad_mhd_socket_context(connection).map {
        Unmanaged<ConnectionRecord>.fromOpaque($0).takeUnretainedValue()
    }
    let now = MonotonicClock.microseconds()
    // Byte by byte: a String would repair what is not UTF-8.
    let raw = UnsafeRawBufferPointer(start: uri, count: strlen(uri))
    let start = UInt(bitPattern: uri)
    let exchange = Exchange(
        rawTarget: Array(raw), at: start..<(start + UInt(raw.count)), on: record, of: core,
        startedMicroseconds: now)
    core.connections.requestStarted(on: record, now: now)
    if HeadMemory.hasTooManyItems(raw, core.limits) {
        exchange.isHeadTooLarge = true
        HeadMemory.cutItems(of: uri)
    }
    let context = Unmanaged.passRetained(exchange).toOpaque()
    record?.openRequest = context
    return context
}

/// Access handler: first the head alone, then pieces of body, then once more when the body is complete.
func handleAccess(
    _ coreContext: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ url: UnsafePointer<CChar>?,
    _ method: UnsafePointer<CChar>?, _ version: UnsafePointer<CChar>?, _ upload: UnsafePointer<CChar>?,
    _ uploadSize: UnsafeMutablePointer<Int>?,
    _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let core = ServerCore.from(coreContext), let exchange = Exchange.from(context?.pointee),
        let connection, let method, let version, let uploadSize
    else { return .NO }
    let action: PendingRequest.Action
    if !exchange.hasBegun {
        let head = ReceivedHead(of: connection, method: method, target: exchange.target, version: version)
        action = exchange.begin(
            method: ReceivedHead.method(method), version: ReceivedHead.version(version),
            headers: head.headers, isShuttingDown: core.connections.isDraining,
            headFault: head.layout.fault, headMemoryBytes: exchange.isHeadTooLarge ? .max : head.memoryBytes)
        core.connections.headCame(exchange.head, on: exchange.connection)
    } else if uploadSize.pointee > 0 {
        action = exchange.receive(UnsafeRawBufferPointer(start: upload, count: uploadSize.pointee))
        uploadSize.pointee = 0
    } else if let deferred = exchange.deferred {
        action = exchange.computed(deferred.taken(), isShuttingDown: core.connections.isDraining)
    } else {
        let isDraining = core.connections.answering(
            on: exchange.connection, now: MonotonicClock.microseconds())
        action = exchange.finish(isShuttingDown: isDraining)
    }
    switch action {
    case .proceed: return .YES
    case .abandon: return .NO
    case .answerDirectly(let response):
        exchange.answerDirectly(response, on: connection)
        return .NO
    case .compute(let body, let lane, let answer):
        exchange.deferred = DeferredAnswer(
            on: connection, head: exchange.head, record: exchange.connection, core: core,
            lane: lane == .waiting ? core.waiting : core.lane)
        exchange.deferred?.start(body, holding: exchange.hold, answer)
        return .YES
    case .answer(let response, let closing):
        return queue(response, closing: closing, of: exchange, on: connection, core)
    }
}

private func queue(
    _ response: Response, closing: Bool, of exchange: Exchange, on connection: OpaquePointer,
    _ core: ServerCore
) -> MHD_Result {
    // A drain that began while the handler was at work must also end this connection.
    let endsConnections = core.connections.sending(
        on: exchange.connection, now: MonotonicClock.microseconds())
    let closing = closing || endsConnections
    if response.stream != nil || response.bytesHeld > core.budget.bounds.lightBytesMax {
        exchange.connection?.bound(sendBufferBytes: core.limits.streamSendBufferBytes)
    }
    if let source = response.stream {
        exchange.stream = StreamBody(
            source, beginning: response.body, connection: connection, record: exchange.connection,
            connections: core.connections, lane: core.lane, limits: core.limits)
        exchange.stream?.start()
    }
    if !closing { exchange.ready = response.fixed.flatMap { ReadyAnswer.take($0, response.requestID) } }
    let isQueued =
        exchange.ready.map { ResponseQueueing.queue($0.made, status: response.status, on: connection) }
        ?? ResponseQueueing.queue(
            response, streaming: exchange.stream, isHead: exchange.head.method == .head, closing: closing,
            on: connection)
    guard isQueued else { return .NO }
    exchange.noteReady(response, now: MonotonicClock.microseconds())
    exchange.answered(response)
    return .YES
}

/// Completion callback: once for each request that the URI-log callback saw, answered or not.
func requestCompleted(
    _ coreContext: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ code: MHD_RequestTerminationCode
) {
    guard let core = ServerCore.from(coreContext), let context, let pointer = context.pointee else { return }
    context.pointee = nil
    complete(pointer, code, core)
}

private func complete(
    _ pointer: UnsafeMutableRawPointer, _ code: MHD_RequestTerminationCode, _ core: ServerCore
) {
    let exchange = Unmanaged<Exchange>.fromOpaque(pointer).takeRetainedValue()
    exchange.connection?.openRequest = nil
    let now = MonotonicClock.microseconds()
    if let stream = exchange.stream {
        stream.end(code)
        exchange.bytesOut = stream.bytesOut
    }
    // libmicrohttpd has dropped the answer, or never got one.
    exchange.releaseHold()
    exchange.ready?.giveBack()
    let statusSentPast = core.connections.requestEnded(
        on: exchange.connection, stream: exchange.stream, deferred: exchange.deferred, now: now)
    core.onCompletion?(
        CompletedExchange(
            head: exchange.head, status: exchange.status ?? statusSentPast,
            requestID: exchange.requestID, operation: exchange.operation,
            bytesIn: exchange.bodyBytesReceived, bytesOut: exchange.bytesOut,
            microseconds: (exchange.readyMicroseconds ?? now) - exchange.startedMicroseconds,
            isComplete: code == .REQUEST_TERMINATED_COMPLETED_OK))
}

/// Connection callback: opening and closing, the latter while the descriptor is still open.
func connectionChanged(
    _ coreContext: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ socketContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ code: MHD_ConnectionNotificationCode
) {
    guard let core = ServerCore.from(coreContext), let socketContext, let connection else { return }
    switch code {
    case .CONNECTION_NOTIFY_STARTED:
        let descriptor = iovad_mhd_connection_fd(connection)
        let record = ConnectionRecord(
            connection: connection, descriptor: descriptor, peer: SocketAddress.peer(of: descriptor),
            now: MonotonicClock.microseconds())
        core.connections.open(record)
        if let tls = core.tls { TLSConnections.opened(descriptor, tls) }
        socketContext.pointee = Unmanaged.passRetained(record).toOpaque()
    case .CONNECTION_NOTIFY_CLOSED:
        guard let pointer = socketContext.pointee else { return }
        socketContext.pointee = nil
        let record = Unmanaged<ConnectionRecord>.fromOpaque(pointer).takeRetainedValue()
        // What libmicrohttpd has ended without a word.
        if let open = record.openRequest { complete(open, .REQUEST_TERMINATED_WITH_ERROR, core) }
        if core.tls != nil { TLSConnections.closing(record.descriptor) }
        core.connections.close(record)
    @unknown default: break
    }
}
