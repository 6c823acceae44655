// The access log: a line for each request at its end, as text or as a JSON object. In JSON every other line
// of the server is an object too, so that one reader reads all. swift-log would bring a facade for libraries
// that log into whatever their program chose; here the program is the only one that logs, to one sink whose
// bounds (ServerLog) a handler of swift-log would only wrap.

import HTTP
import JSON
import MicroHTTP

enum AccessLog: String, CaseIterable {
    case text, json, none

    /// nil when nothing is logged.
    func observer(_ log: ServerLog) -> (@Sendable (CompletedExchange) -> Void)? {
        switch self {
        case .none: nil
        case .text: { log.write(Self.line($0)) }
        case .json: { log.write(Self.object($0)) }
        }
    }

    /// What the server says itself, as a line of this log.
    func message(_ text: String) -> String {
        switch self {
        case .text, .none: return text
        case .json:
            var writer = JSONWriter(reservingBytes: 256)
            writer.object { writer in
                writer.member("time", UTCTime.now())
                writer.member("message", text)
            }
            return String(decoding: writer.bytes, as: UTF8.self)
        }
    }

    /// Time, peer, method, target, status, bytes of the answer, duration, id; then operation, bytes of the
    /// request and the caller's trace, "-" where there is none.
    private static func line(_ completion: CompletedExchange) -> String {
        let status = completion.status.map(String.init) ?? "---"
        return
            "\(UTCTime.now()) \(completion.head.peer) \(method(completion)) \(target(completion)) \(status) "
            + "\(completion.bytesOut)B \(completion.microseconds)us \(completion.requestID ?? "-") "
            + "\(completion.operation ?? "-") \(completion.bytesIn)B \(trace(completion)?.id ?? "-")"
    }

    private static func target(_ completion: CompletedExchange) -> String {
        completion.head.rawTarget.isEmpty ? "-" : printable(completion.head.rawTarget)
    }

    private static func method(_ completion: CompletedExchange) -> String {
        // A head that was refused before it was read has none.
        completion.head.method.name.isEmpty ? "-" : printable(completion.head.method.name.utf8)
    }

    private static func trace(_ completion: CompletedExchange) -> TraceParent? {
        completion.head.headers["traceparent"].flatMap(TraceParent.init)
    }

    /// One word of a client's as text: blanks, control characters and what is not ASCII do not reach a
    /// terminal.
    private static func printable(_ bytes: some Sequence<UInt8>) -> String {
        let printable = bytes.prefix(512).map { (0x21...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: printable, as: UTF8.self)
    }

    private static func object(_ completion: CompletedExchange) -> String {
        var writer = JSONWriter(reservingBytes: 384)
        writer.object { writer in
            writer.member("time", UTCTime.now())
            writer.member("peer", completion.head.peer)
            writer.member("method", method(completion))
            writer.member("target", target(completion))
            if let operation = completion.operation { writer.member("operation", operation) }
            if let status = completion.status { writer.member("status", status) }
            writer.member("request_bytes", completion.bytesIn)
            writer.member("response_bytes", completion.bytesOut)
            writer.member("microseconds", Int(clamping: completion.microseconds))
            writer.member("request_id", completion.requestID ?? "")
            if let trace = trace(completion) {
                writer.member("trace_id", trace.id)
                writer.member("parent_id", trace.parent)
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// The caller's place in its trace: a `traceparent` field of W3C Trace Context, 3.2. One that does not have
/// its form is ignored, as there is said.
struct TraceParent: Equatable {
    let id: String
    let parent: String

    init?(_ field: String) {
        let parts = field.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        // Later versions may have more parts; ff is no version.
        guard parts.count >= 4, parts[0] != "ff", parts[0] != "00" || parts.count == 4 else { return nil }
        for (part, count) in zip(parts, [2, 32, 16, 2]) {
            guard part.utf8.count == count,
                part.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
            else { return nil }
        }
        guard [parts[1], parts[2]].allSatisfy({ $0.contains { $0 != "0" } }) else { return nil }
        id = parts[1]
        parent = parts[2]
    }
}
