// From a Response value to libmicrohttpd's queue. Framing (Content-Length, Connection, Date, no body for
// HEAD, 204 and 304) is libmicrohttpd's.

import CMicroHTTPD
import HTTPMessages

enum ResponseQueueing {
    /// Fields that the server owns; a handler's are left out.
    private static let ownedNames = ["Content-Length", "Transfer-Encoding", "Connection", "Date"]

    /// Whether a handler's field may go out: not one of ours, and without bytes that would break the head
    /// open (response splitting).
    static func isSendable(_ field: HeaderFields.Field) -> Bool {
        !field.name.isEmpty && !ownedNames.contains { equalIgnoringASCIICase($0, field.name) }
            && field.name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }
            && field.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
    }

    /// False when libmicrohttpd would not take it; the connection must then be closed.
    static func queue(_ response: Response, closing: Bool, on connection: OpaquePointer) -> Bool {
        precondition((200...599).contains(response.status), "status \(response.status) is not 200...599")
        let mayHaveBody = response.status != 204 && response.status != 304
        let body = mayHaveBody ? response.body : []
        // Copied: one memcpy of a small answer is cheaper than a free callback that keeps it alive.
        let made = body.withUnsafeBytes {
            MHD_create_response_from_buffer(
                $0.count, UnsafeMutableRawPointer(mutating: $0.baseAddress), .RESPMEM_MUST_COPY)
        }
        guard let made else { return false }
        defer { MHD_destroy_response(made) }
        for field in response.headers.fields where isSendable(field) {
            guard MHD_add_response_header(made, field.name, field.value) == .YES else { return false }
        }
        if closing { MHD_add_response_header(made, "Connection", "close") }
        return MHD_queue_response(connection, UInt32(response.status), made) == .YES
    }
}
