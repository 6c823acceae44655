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

    /// - Parameter url: of `http` or `https`; nil where it is not, or has a query, a fragment, or a name and
    ///   a password, which messages would show to everybody.
    public init?(_ url: String, token: String? = nil, trusted: String? = nil) {
        let rest = ["http://", "https://"].lazy.compactMap {
            url.hasPrefix($0) ? url.dropFirst($0.count) : nil
        }
        .first
        guard let rest, !rest.isEmpty, !rest.hasPrefix("/"),
            url.utf8.allSatisfy({ 0x21...0x7e ~= $0 && !"?#@".utf8.contains($0) })
        else { return nil }
        var base = Substring(url)
        while base.hasSuffix("/") { base = base.dropLast() }
        self.base = String(base)
        self.token = token
        self.trusted = trusted
    }

    /// Whether a proxy could not reach it: for it, this name is another machine.
    var isLoopback: Bool {
        let authority = base.utf8.drop { $0 != UInt8(ascii: "/") }.dropFirst(2)
            .prefix { $0 != UInt8(ascii: "/") }
        let text = String(Substring(authority)).lowercased()
        if text.hasPrefix("[") { return text.hasPrefix("[::1]") }
        let host = text.prefix { $0 != ":" }
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
        return host == "localhost"
            || numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
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
        /// libcurl cannot be loaded; the reason.
        case noLibrary(String)
        /// Nothing was sent; the reason.
        case unreachable(String)
        /// It broke on the way: whether the server has done what was asked is not known.
        case broken(String)
        /// An answer, or an event of a stream, has more bytes than this.
        case tooLong(bytesMax: Int)
        /// An answer that is no stream of events where one was asked for; its status.
        case noEvents(Int)
    }

    /// Sends a request and takes its answer as a whole, whatever its status.
    public func send(_ message: Message) throws(Failure) -> Answer {
        let receiver = Receiver(bytesMax: Self.answerBytesMax)
        let status = try exchange(message, receiver, totalMilliseconds: Self.totalMilliseconds)
        return Answer(status: status, fields: receiver.fields, body: receiver.body)
    }

    /// - Parameter silenceMilliseconds: after which an exchange without a bound is over.
    func exchange(
        _ message: Message, _ receiver: Receiver, totalMilliseconds: UInt32, silenceMilliseconds: UInt32 = 0
    ) throws(Failure) -> Int {
        var lines = message.fields.map { "\($0.name): \($0.value)" } + ["Expect:"]
        if let token { lines.append("Authorization: Bearer \(token)") }
        var status = 0
        var reason = ""
        let outcome = CStrings.with([message.method, base + message.target] + lines) { strings in
            message.body.withUnsafeBufferPointer { body in
                perform(
                    strings, body, totalMilliseconds, silenceMilliseconds, receiver, &status, &reason)
            }
        }
        switch outcome {
        case IOVAD_CURL_ANSWERED: return status
        case IOVAD_CURL_STOPPED:
            if receiver.isOver { throw .tooLong(bytesMax: receiver.bytesMax) }
            return status
        case IOVAD_CURL_MISSING: throw .noLibrary(reason)
        case IOVAD_CURL_UNREACHABLE: throw .unreachable(reason)
        default: throw .broken(reason)
        }
    }

    private func perform(
        _ strings: UnsafeBufferPointer<UnsafePointer<CChar>?>, _ body: UnsafeBufferPointer<UInt8>,
        _ totalMilliseconds: UInt32, _ silenceMilliseconds: UInt32, _ receiver: Receiver,
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
            exchange.is_loopback = isLoopback
            exchange.connect_milliseconds = Self.connectMilliseconds
            exchange.total_milliseconds = totalMilliseconds
            exchange.silence_milliseconds = silenceMilliseconds
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
    /// More came than `bytesMax`.
    private(set) var isOver = false
    let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    static func of(_ context: UnsafeMutableRawPointer?) -> Receiver {
        guard let context else { preconditionFailure("a sink of libcurl without its receiver") }
        return Unmanaged<Receiver>.fromOpaque(context).takeUnretainedValue()
    }

    final func takeHead(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        // By bytes: a colon before a combining character is not found among a String's characters.
        // A status of 1xx comes before the answer's own head.
        if bytes.starts(with: "HTTP/".utf8) {
            fields = []
            let words = bytes.split(separator: UInt8(ascii: " "))
            begin(status: words.dropFirst().first.flatMap { Int(Self.text($0)) } ?? 0)
        } else if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
            fields.append((Self.text(bytes[..<colon]), Self.text(bytes[(colon + 1)...])))
        }
        return true
    }

    /// Without blanks and ends of lines around it.
    private static func text(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> String {
        let isBlank = { (byte: UInt8) in " \t\r\n".utf8.contains(byte) }
        let rest = bytes.drop(while: isBlank)
        let end = rest.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? rest.startIndex
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    /// Called with the status line.
    func begin(status: Int) {}

    /// Called with each piece of the body; false ends the exchange.
    func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard body.count + bytes.count <= bytesMax else { return end() }
        body += bytes
        return true
    }

    /// Ends the exchange: more came than may.
    final func end() -> Bool {
        isOver = true
        return false
    }

    /// Of the first field of this name, whatever its case.
    final func field(_ name: String) -> String? { fields.first { $0.name.lowercased() == name }?.value }
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
