// Answers that are sent past libmicrohttpd, because it cannot send them: it has no memory left for their
// heads, would send its own twice, or waits for a body that does not come. The connection ends with each.

import CMicroHTTPD
import Glibc
import HTTP

enum DirectAnswer {
    /// An HTTP/1.1 message.
    static func serialize(_ response: Response, isHead: Bool) -> [UInt8] {
        let reason = MHD_get_reason_phrase_for(UInt32(response.status)).map { String(cString: $0) } ?? ""
        var text = "HTTP/1.1 \(response.status) \(reason)\r\nConnection: close\r\n"
        text += "Content-Length: \(response.body.count)\r\n"
        for field in response.headers.fields where ResponseQueueing.isSendable(field) {
            text += "\(field.name): \(field.value)\r\n"
        }
        return Array((text + "\r\n").utf8) + (isHead ? [] : response.body)
    }

    /// Sends it, through TLS where the connection has that, and ends the connection. Only on the connection's
    /// own thread, and before libmicrohttpd has an answer to send.
    static func send(_ response: Response, isHead: Bool = false, on connection: OpaquePointer) {
        serialize(response, isHead: isHead).withUnsafeBytes {
            iovad_mhd_send_last(connection, $0.baseAddress, $0.count)
        }
    }
}

extension ServerCore {
    /// What libmicrohttpd logs about a Content-Length before it answers, with two heads.
    private static let badLengthLines = [
        "Failed to parse `Content-Length'", "Too large value of 'Content-Length'",
    ]

    /// Called with each line of libmicrohttpd's log, on the thread that it is about. It names no connection:
    /// the one that is meant has a bad Content-Length and no complete head, and any other such one deserves
    /// the same.
    func refuseBadLength(_ line: String) {
        guard Self.badLengthLines.contains(where: line.hasPrefix) else { return }
        for record in connections.awaitingHeads(onThread: pthread_self()) {
            let value = MHD_lookup_connection_value(record.connection, .HEADER_KIND, "Content-Length")
            guard let value, FramingCheck.length(String(cString: value)) == nil else { continue }
            let head = RequestHead(
                method: .other(""), rawTarget: [], headers: HeaderFields(), peer: record.peer)
            let response = responder.refuse(.ambiguousFraming(FramingCheck.badLength), head)
            DirectAnswer.send(response, on: record.connection)
            connections.answered(record, status: response.status)
        }
    }
}
