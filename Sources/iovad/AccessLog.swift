// A line a request, on standard error.

import HTTP
import JSON
import MicroHTTP

enum AccessLog: String {
    case text, json, none

    /// nil when nothing is logged, so that nothing is measured either.
    var observer: (@Sendable (CompletedExchange) -> Void)? {
        switch self {
        case .none: nil
        case .text: { Console.say(Self.line($0)) }
        case .json: { Console.say(Self.object($0)) }
        }
    }

    private static func line(_ completion: CompletedExchange) -> String {
        let status = completion.status.map(String.init) ?? "---"
        return "\(completion.head.peer) \(completion.head.method.name) \(target(completion)) \(status) "
            + "\(completion.bytesOut)B \(completion.microseconds)us \(completion.requestID ?? "-")"
    }

    /// The target as text: control characters and what is no UTF-8 do not reach a terminal.
    private static func target(_ completion: CompletedExchange) -> String {
        let printable = completion.head.rawTarget.prefix(512).map {
            (0x21...0x7e).contains($0) ? $0 : UInt8(ascii: "?")
        }
        return String(decoding: printable, as: UTF8.self)
    }

    private static func object(_ completion: CompletedExchange) -> String {
        var writer = JSONWriter(reservingBytes: 256)
        writer.object { writer in
            writer.member("peer", completion.head.peer)
            writer.member("method", completion.head.method.name)
            writer.member("target", target(completion))
            if let status = completion.status { writer.member("status", status) }
            writer.member("response_bytes", completion.bytesOut)
            writer.member("microseconds", Int(clamping: completion.microseconds))
            writer.member("request_id", completion.requestID ?? "")
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
