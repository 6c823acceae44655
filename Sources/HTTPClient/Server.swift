// A server as a client sees it: a base URL, what proves who asks, and one request at a time. A whole answer
// is bounded; what does not reach the server is told apart from what it refuses.

import CCurl

/// Where requests go, and as whom.
public struct Server: Sendable {
    /// Without a slash at its end.
    public let base: String
    /// Sent as `Authorization: Bearer`.
    public var token: String?
    /// A file of certificates in PEM to trust instead of the system's.
    public var trusted: String?

    /// The most bytes of an answer that is taken as a whole.
    public static let answerBytesMax = 64 << 20
    static let connectMilliseconds: UInt32 = 10_000
    static let totalMilliseconds: UInt32 = 120_000

    /// - Parameter url: of `http` or `https`; nil where it is not, or has a query or a fragment.
    public init?(_ url: String, token: String? = nil, trusted: String? = nil) {
        let rest = ["http://", "https://"].lazy.compactMap {
            url.hasPrefix($0) ? url.dropFirst($0.count) : nil
        }
        .first
        guard let rest, !rest.isEmpty, !rest.hasPrefix("/"),
            url.utf8.allSatisfy({ 0x21...0x7e ~= $0 && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") })
        else { return nil }
        var base = Substring(url)
        while base.hasSuffix("/") { base = base.dropLast() }
        self.base = String(base)
        self.token = token
        self.trusted = trusted
    }

    /// One request.
    public struct Message: Sendable {
        public var method: String
        /// Path and query, from the first slash.
        public var target: String
        public var fields: [(name: String, value: String)]
        public var body: [UInt8]

        public init(
            _ method: String, _ target: String, fields: [(name: String, value: String)] = [],
            body: [UInt8] = []
        ) {
            self.method = method
            self.target = target
            self.fields = fields
            self.body = body
        }
    }

    public struct Answer: Sendable {
        public let status: Int
        public let fields: [(name: String, value: String)]
        public let body: [UInt8]

        /// Of the first field of this name, whatever its case.
        public func field(_ name: String) -> String? {
            fields.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    public enum Failure: Error, Sendable {
        /// libcurl is not installed.
        case noLibrary
        /// Nothing was sent; the reason.
        case unreachable(String)
        /// It broke on the way: whether the server has done what was asked is not known.
        case broken(String)
        /// More than `answerBytesMax`.
        case tooLong
    }

    /// Sends a request and takes its answer as a whole, whatever its status.
    public func send(_ message: Message) throws(Failure) -> Answer {
        let receiver = Receiver(bytesMax: Self.answerBytesMax)
        let status = try exchange(message, receiver, totalMilliseconds: Self.totalMilliseconds)
        return Answer(status: status, fields: receiver.fields, body: receiver.body)
    }

    /// - Parameter silenceSeconds: after which an exchange without a bound is over.
    func exchange(
        _ message: Message, _ receiver: Receiver, totalMilliseconds: UInt32, silenceSeconds: UInt32 = 0
    ) throws(Failure) -> Int {
        var lines = message.fields.map { "\($0.name): \($0.value)" } + ["Expect:"]
        if let token { lines.append("Authorization: Bearer \(token)") }
        var status = 0
        var reason = ""
        let outcome = CStrings.with([message.method, base + message.target] + lines) { strings in
            message.body.withUnsafeBufferPointer { body in
                Self.perform(
                    strings, body, trusted, totalMilliseconds, silenceSeconds, receiver, &status, &reason)
            }
        }
        switch outcome {
        case IOVAD_CURL_ANSWERED: return status
        case IOVAD_CURL_STOPPED:
            if receiver.isOver { throw .tooLong }
            return status
        case IOVAD_CURL_MISSING: throw .noLibrary
        case IOVAD_CURL_UNREACHABLE: throw .unreachable(reason)
        default: throw .broken(reason)
        }
    }

    private static func perform(
        _ strings: UnsafeBufferPointer<UnsafePointer<CChar>?>, _ body: UnsafeBufferPointer<UInt8>,
        _ trusted: String?, _ totalMilliseconds: UInt32, _ silenceSeconds: UInt32, _ receiver: Receiver,
        _ status: inout Int, _ reason: inout String
    ) -> iovad_curl_outcome {
        let send = { (trusted: UnsafePointer<CChar>?) -> (iovad_curl_outcome, Int, String) in
            var exchange = iovad_curl_exchange()
            exchange.method = strings[0]
            exchange.url = strings[1]
            exchange.fields = strings.baseAddress.map { $0 + 2 }
            exchange.field_count = strings.count - 2
            exchange.body = body.baseAddress
            exchange.body_length = body.count
            exchange.trusted = trusted
            exchange.connect_milliseconds = connectMilliseconds
            exchange.total_milliseconds = totalMilliseconds
            exchange.silence_seconds = silenceSeconds
            exchange.head = { Receiver.of($0).takeHead(UnsafeBufferPointer(start: $1, count: $2)) }
            exchange.bytes = { Receiver.of($0).take(UnsafeBufferPointer(start: $1, count: $2)) }
            exchange.context = Unmanaged.passUnretained(receiver).toOpaque()
            var code = 0
            var text = [CChar](repeating: 0, count: Int(IOVAD_CURL_ERROR_BYTES))
            let outcome = withExtendedLifetime(receiver) { iovad_curl_send(&exchange, &code, &text) }
            return (outcome, code, String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))
        }
        let outcome: iovad_curl_outcome
        if let trusted {
            (outcome, status, reason) = trusted.withCString { send($0) }
        } else {
            (outcome, status, reason) = send(UnsafePointer<CChar>?.none)
        }
        return outcome
    }
}

/// What arrives of one exchange.
class Receiver {
    private(set) var fields: [(name: String, value: String)] = []
    private(set) var body: [UInt8] = []
    private(set) var isOver = false
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    static func of(_ context: UnsafeMutableRawPointer?) -> Receiver {
        guard let context else { preconditionFailure("a sink of libcurl without its receiver") }
        return Unmanaged<Receiver>.fromOpaque(context).takeUnretainedValue()
    }

    final func takeHead(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let line = String(decoding: bytes, as: UTF8.self)
        // A status of 1xx comes before the answer's own head.
        if line.hasPrefix("HTTP/") {
            fields = []
            begin(status: line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
        } else if let colon = line.firstIndex(of: ":") {
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields.append((String(line[..<colon]), String(value.prefix { !$0.isNewline })))
        }
        return true
    }

    /// Called with the status line.
    func begin(status: Int) {}

    /// Called with each piece of the body; false ends the exchange.
    func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        isOver = body.count + bytes.count > bytesMax
        if !isOver { body += bytes }
        return !isOver
    }
}

/// Strings for C, as long as a closure runs.
private enum CStrings {
    static func with<T>(
        _ strings: [String], _ use: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> T
    ) -> T {
        var bytes: [CChar] = []
        var starts: [Int] = []
        for string in strings {
            starts.append(bytes.count)
            bytes += string.utf8.map { CChar(bitPattern: $0) } + [0]
        }
        return bytes.withUnsafeBufferPointer { buffer in
            let pointers = starts.map { start in buffer.baseAddress.map { $0 + start } }
            return pointers.withUnsafeBufferPointer { use($0) }
        }
    }
}
