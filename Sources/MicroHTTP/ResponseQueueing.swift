// From a Response value to libmicrohttpd's queue. Framing (Content-Length, Connection, Date, no body for
// HEAD, 204 and 304) is libmicrohttpd's.

import CMicroHTTPD
import HTTP

enum ResponseQueueing {
    /// Fields that the server owns; a handler's are left out.
    private static func isOwned(_ name: String) -> Bool {
        // Each name has a length of its own, so that most fields are told by theirs.
        switch name.utf8.count {
        case 4: equalIgnoringASCIICase(name, "Date")
        case 10: equalIgnoringASCIICase(name, "Connection")
        case 14: equalIgnoringASCIICase(name, "Content-Length")
        case 17: equalIgnoringASCIICase(name, "Transfer-Encoding")
        default: false
        }
    }

    /// Whether a handler's field may go out: not one of ours, and without bytes that would break the head
    /// open (response splitting).
    static func isSendable(_ field: HeaderFields.Field) -> Bool {
        !field.name.isEmpty && !isOwned(field.name)
            && field.name.withBytes { all($0) { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") } }
            && field.value.withBytes { all($0) { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 } }
    }

    /// Whether every byte is as wanted. Without an early end, so that the compiler takes sixteen at a time:
    /// nearly all are.
    @inline(__always)
    private static func all(_ bytes: UnsafeBufferPointer<UInt8>, _ isWanted: (UInt8) -> Bool) -> Bool {
        var others: UInt8 = 0
        for byte in bytes { others |= isWanted(byte) ? 0 : 1 }
        return others == 0
    }

    /// By pointers to the strings' own bytes: as arguments they would be copied to arrays first.
    private static func add(_ field: HeaderFields.Field, to response: OpaquePointer) -> Bool {
        field.name.withCString { name in
            field.value.withCString { MHD_add_response_header(response, name, $0) == .YES }
        }
    }

    /// The same for an answer that is ready.
    static func queue(_ made: OpaquePointer, status: Int, on connection: OpaquePointer) -> Bool {
        MHD_queue_response(connection, UInt32(status), made) == .YES
    }

    /// A response for a fixed answer, whose body is read where it lies; nil where libmicrohttpd takes it not.
    static func make(_ answer: FixedAnswer, requestID: String, body: UnsafeRawBufferPointer) -> OpaquePointer?
    {
        let base = UnsafeMutableRawPointer(mutating: body.baseAddress)
        guard let made = MHD_create_response_from_buffer(body.count, base, .RESPMEM_PERSISTENT) else {
            return nil
        }
        for field in answer.headers(requestID: requestID).fields
        where isSendable(field) && !add(field, to: made) {
            MHD_destroy_response(made)
            return nil
        }
        return made
    }

    /// False when libmicrohttpd would not take it; the connection must then be closed.
    static func queue(
        _ response: Response, streaming stream: StreamBody?, isHead: Bool, closing: Bool,
        on connection: OpaquePointer
    ) -> Bool {
        precondition((200...599).contains(response.status), "status \(response.status) is not 200...599")
        let mayHaveBody = response.status != 204 && response.status != 304
        let body = mayHaveBody ? response.body : []
        guard let made = stream.map(make) ?? make(body) else { return false }
        defer { MHD_destroy_response(made) }
        for field in response.headers.fields where isSendable(field) {
            guard add(field, to: made) else { return false }
        }
        // Otherwise libmicrohttpd 0.9.75 answers HEAD with the end of chunks that it did not send.
        if stream != nil, isHead { iovad_mhd_end_body_by_closing(made) }
        if closing { MHD_add_response_header(made, "Connection", "close") }
        return MHD_queue_response(connection, UInt32(response.status), made) == .YES
    }

    private static func make(_ body: [UInt8]) -> OpaquePointer? {
        // Copied: one memcpy of a small answer is cheaper than a free callback that keeps it alive.
        body.withUnsafeBytes {
            MHD_create_response_from_buffer(
                $0.count, UnsafeMutableRawPointer(mutating: $0.baseAddress), .RESPMEM_MUST_COPY)
        }
    }

    /// The block is the buffer for HTTP/1.0 clients; to others, chunks leave from the connection's memory.
    private static let streamBlockBytes = 4096

    private static func make(_ stream: StreamBody) -> OpaquePointer? {
        let reference = Unmanaged.passRetained(stream)
        let made = MHD_create_response_from_callback(
            UInt64.max, streamBlockBytes, readStream, reference.toOpaque(), releaseStream)
        if made == nil { reference.release() }
        return made
    }
}
