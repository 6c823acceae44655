// Finds the first fault of a text that simdjson refused without saying where. It decides nothing: it only
// looks for the place. It follows RFC 8259 and has no recursion, so depth cannot hurt it.

import AddressSpaces

struct JSONScanner {
    struct Fault {
        let offset: Int
        let reason: String

        func error(in source: [UInt8]) -> JSONSyntaxError {
            JSONSyntaxError(.malformed(reason), at: offset, in: source)
        }
    }

    private let bytes: [UInt8]
    private var at = 0
    /// Open containers: true for an object.
    private var open: [Bool] = []

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The first fault, nil when the text is JSON.
    static func firstFault(in bytes: [UInt8]) -> Fault? {
        var scanner = JSONScanner(bytes)
        do {
            try scanner.scan()
            return nil
        } catch {
            return error
        }
    }

    private mutating func scan() throws(Fault) {
        skipBlanks()
        guard at < bytes.count else { throw fault("an empty body where a JSON document should be") }
        try value()
        while let isObject = open.last { try afterValue(isObject) }
        skipBlanks()
        guard at == bytes.count else { throw fault("text after the end of the document") }
    }

    /// After a value inside a container: a comma and the next value, or the container's end.
    private mutating func afterValue(_ isObject: Bool) throws(Fault) {
        skipBlanks()
        switch peek {
        case UInt8(ascii: ","):
            at += 1
            skipBlanks()
            if isObject { try key() }
            try value()
        case UInt8(ascii: "}") where isObject, UInt8(ascii: "]") where !isObject:
            at += 1
            open.removeLast()
        default:
            throw fault(isObject ? "expected ',' or '}'" : "expected ',' or ']'")
        }
    }

    /// A scalar, or the opening of a container with its first value.
    private mutating func value() throws(Fault) {
        while true {
            skipBlanks()
            switch peek {
            case UInt8(ascii: "{"):
                at += 1
                open.append(true)
                skipBlanks()
                if peek == UInt8(ascii: "}") { return }
                try key()
            case UInt8(ascii: "["):
                at += 1
                open.append(false)
                skipBlanks()
                if peek == UInt8(ascii: "]") { return }
            case UInt8(ascii: "\""): return try string()
            case UInt8(ascii: "t"): return try word("true")
            case UInt8(ascii: "f"): return try word("false")
            case UInt8(ascii: "n"): return try word("null")
            case .some(let byte) where byte == UInt8(ascii: "-") || DecimalLiteral.isDigit(byte):
                return try number()
            default: throw fault("expected a value")
            }
        }
    }

    private mutating func key() throws(Fault) {
        guard peek == UInt8(ascii: "\"") else { throw fault("expected a key in double quotes") }
        try string()
        skipBlanks()
        guard peek == UInt8(ascii: ":") else { throw fault("expected ':' after the key") }
        at += 1
    }

    private mutating func word(_ word: String) throws(Fault) {
        guard bytes[at...].starts(with: word.utf8) else { throw fault("expected a value") }
        at += word.utf8.count
    }

    private mutating func number() throws(Fault) {
        let start = at
        if peek == UInt8(ascii: "-") { at += 1 }
        let whole = digits()
        if whole == 0 { throw fault("a number without digits") }
        if whole > 1, bytes[at - whole] == UInt8(ascii: "0") {
            throw Fault(offset: start, reason: "a number with leading zeros")
        }
        if peek == UInt8(ascii: ".") {
            at += 1
            if digits() == 0 { throw fault("a number without digits after its point") }
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            at += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { at += 1 }
            if digits() == 0 { throw fault("a number without digits in its exponent") }
        }
    }

    private mutating func digits() -> Int {
        let start = at
        while let byte = peek, byte >= 0x30, byte <= 0x39 { at += 1 }
        return at - start
    }

    private mutating func string() throws(Fault) {
        let start = at
        at += 1
        while true {
            guard let byte = peek else { throw Fault(offset: start, reason: "a string that does not end") }
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return
            case 0x00..<0x20: throw fault("a control character in a string; escape it")
            case UInt8(ascii: "\\"): try escape()
            case 0..<0x80: at += 1
            default: try multibyte()
            }
        }
    }

    private mutating func escape() throws(Fault) {
        let start = at
        at += 1
        switch peek {
        case UInt8(ascii: "u"):
            let unit = try codeUnit(start)
            if unit & 0xfc00 == 0xdc00 { throw Fault(offset: start, reason: "half of a surrogate pair") }
            if unit & 0xfc00 == 0xd800 {
                guard peek == UInt8(ascii: "\\"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "u")
                else {
                    throw Fault(offset: start, reason: "half of a surrogate pair")
                }
                at += 1
                guard try codeUnit(start) & 0xfc00 == 0xdc00 else {
                    throw Fault(offset: start, reason: "half of a surrogate pair")
                }
            }
        case .some(let byte) where "\"\\/bfnrt".utf8.contains(byte): at += 1
        default: throw Fault(offset: start, reason: "an unknown escape")
        }
    }

    /// The four digits after `u`.
    private mutating func codeUnit(_ start: Int) throws(Fault) -> UInt16 {
        let digits = bytes[(at + 1)...].prefix(4)
        guard digits.count == 4, let unit = try? HexLiteral.parseDigits(digits) else {
            throw Fault(offset: start, reason: "an unfinished \\u escape")
        }
        at += 5
        return UInt16(unit)
    }

    private mutating func multibyte() throws(Fault) {
        let length = bytes[at] >= 0xf0 ? 4 : bytes[at] >= 0xe0 ? 3 : 2
        let slice = bytes[at...].prefix(length)
        guard slice.count == length, String(validating: slice, as: UTF8.self) != nil else {
            throw fault("invalid UTF-8")
        }
        at += length
    }

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipBlanks() {
        while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { at += 1 }
    }

    private func fault(_ reason: String) -> Fault {
        Fault(offset: at, reason: at < bytes.count ? reason : "the text ends too early: \(reason)")
    }
}

extension JSONScanner.Fault: Error {}
