// The head of one request as libmicrohttpd hands it over, read in one walk: its fields, whether its form is
// that of RFC 9112, and how much of the connection's memory it takes. PendingRequest decides about both.

import CMicroHTTPD
import Glibc
import HTTP

struct ReceivedHead {
    private(set) var layout: HeadLayout
    /// Bytes of the connection's memory, as far as the head decides about them.
    private(set) var memoryBytes: Int

    var headers: HeaderFields { layout.headers }

    /// For the access handler's first call, when all of the head still lies in libmicrohttpd's buffer.
    init(
        of connection: OpaquePointer, method: UnsafePointer<CChar>, target: Range<UInt>,
        version: UnsafePointer<CChar>
    ) {
        memoryBytes = iovad_mhd_head_size(connection)
        layout = HeadLayout(method: method, target: target, version: version, byteCount: memoryBytes)
        withUnsafeMutablePointer(to: &self) { pointer in
            iovad_mhd_each_record(connection, { ReceivedHead.take($0, $1, $2, $3) }, pointer)
        }
        layout.finish()
    }

    /// The method of a request line; of the usual ones without a string in between.
    static func method(_ bytes: UnsafePointer<CChar>) -> Method {
        if strcmp(bytes, "GET") == 0 { return .get }
        if strcmp(bytes, "POST") == 0 { return .post }
        return Method(String(cString: bytes))
    }

    /// The version of a request line, which is nearly always the same.
    static func version(_ bytes: UnsafePointer<CChar>) -> String {
        strcmp(bytes, "HTTP/1.1") == 0 ? "HTTP/1.1" : String(cString: bytes)
    }

    private static func take(
        _ context: UnsafeMutableRawPointer?, _ kind: MHD_ValueKind, _ name: UnsafePointer<CChar>?,
        _ value: UnsafePointer<CChar>?
    ) -> MHD_Result {
        guard let head = context?.assumingMemoryBound(to: ReceivedHead.self), let name else { return .YES }
        head.pointee.memoryBytes += HeadMemory.itemBytes
        guard kind == .HEADER_KIND else { return .YES }
        head.pointee.layout.take(name, value)
        if let value, HeadMemory.isCopied(name) { head.pointee.memoryBytes += strlen(value) + 1 }
        return .YES
    }
}

/// What heads take of the memory that libmicrohttpd has for a connection, and what must be left of it.
enum HeadMemory {
    /// libmicrohttpd's record of a field, a cookie or a query item.
    static let itemBytes = 64
    /// For the head of an answer: libmicrohttpd closes the connection without a word when that does not fit.
    static let answerHeadBytes = 1024

    /// Whether libmicrohttpd copies a field's value to cut it up.
    static func isCopied(_ name: UnsafePointer<CChar>) -> Bool { strcasecmp(name, "Cookie") == 0 }

    /// Ends the query of a target that libmicrohttpd is about to take apart before its first item. It loses a
    /// request where it has no memory for an item.
    static func cutItems(of target: UnsafePointer<CChar>) {
        guard let mark = strchr(UnsafeMutablePointer(mutating: target), Int32(UInt8(ascii: "?"))) else {
            return
        }
        mark[1] = 0
    }

    /// Whether a target has more query items than there are records for, beside what libmicrohttpd reads into
    /// (half of a connection's memory), and beside the target itself in what a head may take. libmicrohttpd
    /// would neither answer nor close.
    static func hasTooManyItems(_ target: UnsafeRawBufferPointer, _ limits: ServerLimits) -> Bool {
        let most = min(limits.connectionMemoryBytes / 2, limits.headBytesMax - target.count) / itemBytes
        guard target.count > most else { return false }
        return target.reduce(1) { $1 == UInt8(ascii: "&") ? $0 + 1 : $0 } > most
    }
}
