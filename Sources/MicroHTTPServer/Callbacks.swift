// The functions that libmicrohttpd calls, on its own threads. They are at file scope and not in main.swift,
// where Swift 6 would bind them to the main actor and trap. Every pointer lives only as long as its call.

import CMicroHTTPD
import Glibc
import HTTPMessages

/// The request target is complete and nothing is decoded yet: the only moment to see it raw.
func uriCallback(
    _ context: UnsafeMutableRawPointer?, _ uri: UnsafePointer<CChar>?, _ connection: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let uri else { return nil }
    let target = UnsafeBufferPointer(start: uri, count: strlen(uri)).map { UInt8(bitPattern: $0) }
    return Unmanaged.passRetained(Exchange(rawTarget: target)).toOpaque()
}

/// Called with the head, with every piece of the body, and at its end.
func accessCallback(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ url: UnsafePointer<CChar>?,
    _ method: UnsafePointer<CChar>?, _ version: UnsafePointer<CChar>?, _ piece: UnsafePointer<CChar>?,
    _ pieceBytes: UnsafeMutablePointer<Int>?, _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let context, let connection, let method, let version, let pieceBytes, let opaque = slot?.pointee
    else {
        return .NO
    }
    let server = Unmanaged<ServerContext>.fromOpaque(context).takeUnretainedValue()
    let exchange = Unmanaged<Exchange>.fromOpaque(opaque).takeUnretainedValue()
    let action: PendingRequest.Action
    if !exchange.hasBegun {
        exchange.hasBegun = true
        exchange.startedNanoseconds = MonotonicClock.nanoseconds
        let isDraining = server.requestBegan()
        let head = RequestHead(
            method: Method(String(cString: method)), rawTarget: exchange.pending.rawTarget,
            headers: headerFields(of: connection, max: server.limits.headerFieldsMax),
            peer: peer(of: connection))
        action = exchange.pending.begin(
            head, needsHost: strcmp(version, "HTTP/1.1") == 0, isDraining: isDraining,
            now: MonotonicClock.seconds, responder: server.responder)
    } else if pieceBytes.pointee > 0, let piece {
        let bytes = UnsafeRawBufferPointer(start: piece, count: pieceBytes.pointee)
        action = exchange.pending.receive(
            bytes, now: MonotonicClock.seconds, secondsMax: server.limits.requestSecondsMax)
        pieceBytes.pointee = 0
    } else {
        received(exchange, server)
        action = exchange.pending.finish(responder: server.responder)
    }
    switch action {
    case .proceed: return .YES
    case .abandon: return .NO
    case .answer(let response):
        exchange.response = response
        received(exchange, server)
        return queue(response, on: connection, closing: server.isDraining)
    }
}

/// The request is over, answered or not: its memory goes.
func completionCallback(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ reason: MHD_RequestTerminationCode
) {
    guard let context, let slot, let opaque = slot.pointee else { return }
    slot.pointee = nil
    let server = Unmanaged<ServerContext>.fromOpaque(context).takeUnretainedValue()
    let exchange = Unmanaged<Exchange>.fromOpaque(opaque).takeRetainedValue()
    guard exchange.hasBegun else { return }
    received(exchange, server)
    server.requestEnded()
    if let observer = server.observer, let head = exchange.pending.head {
        observer(
            Daemon.Completion(
                head: head, status: exchange.response?.status,
                requestID: exchange.response?.headers["X-Request-ID"],
                responseBytes: exchange.response?.body.count ?? 0,
                microseconds: (MonotonicClock.nanoseconds - exchange.startedNanoseconds) / 1_000))
    }
}

/// Counts the request as received, once.
private func received(_ exchange: Exchange, _ server: ServerContext) {
    guard !exchange.isReceived else { return }
    exchange.isReceived = true
    server.requestReceived()
}

private func headerFields(of connection: OpaquePointer, max: Int) -> HeaderFields {
    let collector = FieldCollector(max: max)
    let opaque = Unmanaged.passUnretained(collector).toOpaque()
    withExtendedLifetime(collector) {
        _ = MHD_get_connection_values(connection, .HEADER_KIND, fieldCallback, opaque)
    }
    return HeaderFields(collector.fields)
}

private final class FieldCollector {
    var fields: [HeaderFields.Field] = []
    let max: Int
    init(max: Int) { self.max = max }
}

private func fieldCallback(
    _ collector: UnsafeMutableRawPointer?, _ kind: MHD_ValueKind, _ name: UnsafePointer<CChar>?,
    _ value: UnsafePointer<CChar>?
) -> MHD_Result {
    guard let collector, let name else { return .NO }
    let fields = Unmanaged<FieldCollector>.fromOpaque(collector).takeUnretainedValue()
    fields.fields.append(.init(String(cString: name), value.map { String(cString: $0) } ?? ""))
    return fields.fields.count < fields.max ? .YES : .NO
}

private func peer(of connection: OpaquePointer) -> String {
    guard let address = iovad_client_address(connection) else { return "unknown" }
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let family = Int32(address.pointee.sa_family)
    let length: Int
    switch family {
    case AF_INET: length = MemoryLayout<sockaddr_in>.size
    case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
    default: return "unix"
    }
    let status = getnameinfo(
        address, socklen_t(length), &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST)
    return status == 0 ? host.withUnsafeBufferPointer { String(cString: $0.baseAddress!) } : "unknown"
}

/// Hands an answer over; libmicrohttpd copies it.
private func queue(_ response: Response, on connection: OpaquePointer, closing: Bool) -> MHD_Result {
    var body = response.body
    let made = body.withUnsafeMutableBytes { bytes in
        MHD_create_response_from_buffer(bytes.count, bytes.baseAddress, .RESPMEM_MUST_COPY)
    }
    guard let made else { return .NO }
    defer { MHD_destroy_response(made) }
    for field in response.headers.fields {
        // A field that libmicrohttpd will not carry is our bug, but no reason to leave the client waiting.
        _ = MHD_add_response_header(made, field.name, field.value)
    }
    if closing { _ = MHD_add_response_header(made, "Connection", "close") }
    return MHD_queue_response(connection, UInt32(response.status), made)
}
