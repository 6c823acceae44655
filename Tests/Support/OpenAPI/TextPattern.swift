// The regular expressions that the document uses: characters, classes, groups of alternatives and counts
// between `^` and `$`. Anything else is refused when the document is read, so that no pattern goes unchecked.

/// A pattern that matches the whole of a text, by backtracking.
struct TextPattern: Sendable {
    struct Unsupported: Error, CustomStringConvertible {
        let description: String
    }

    private indirect enum Atom: Sendable {
        case set([ClosedRange<UInt8>], isNegated: Bool)
        case group([[Term]])

        /// Of every text that it matches, where all are as long.
        var width: Int? {
            switch self {
            case .set: return 1
            case .group(let branches):
                guard branches.count == 1 else { return nil }
                var sum = 0
                for term in branches[0] {
                    guard term.least == term.most, let width = term.atom.width else { return nil }
                    sum += term.least * width
                }
                return sum
            }
        }
    }

    private struct Term: Sendable {
        let atom: Atom
        var least = 1
        var most = 1
    }

    private let terms: [Term]

    init(_ source: String) throws {
        var parser = Parser(bytes: Array(source.utf8))
        guard source.hasPrefix("^"), source.hasSuffix("$"), source.utf8.count >= 2 else {
            throw Unsupported(description: "\(source) is not anchored at both ends")
        }
        parser.bytes = Array(parser.bytes.dropFirst().dropLast())
        let branches = try parser.alternatives()
        guard parser.offset == parser.bytes.count else { throw parser.fault() }
        terms = branches.count == 1 ? branches[0] : [Term(atom: .group(branches))]
    }

    func matches(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return match(terms[...], bytes, 0) { $0 == bytes.count }
    }

    private func match(
        _ terms: ArraySlice<Term>, _ bytes: [UInt8], _ offset: Int, _ rest: (Int) -> Bool
    ) -> Bool {
        guard let term = terms.first else { return rest(offset) }
        return repeated(term, 0, bytes, offset) { match(terms.dropFirst(), bytes, $0, rest) }
    }

    /// As often as possible first.
    private func repeated(
        _ term: Term, _ done: Int, _ bytes: [UInt8], _ offset: Int, _ rest: (Int) -> Bool
    ) -> Bool {
        if done == 0, let width = term.atom.width, width > 0 {
            return repeated(term, width: width, bytes, offset, rest)
        }
        if done < term.most {
            switch term.atom {
            case .set(let ranges, let isNegated):
                if offset < bytes.count,
                    ranges.contains(where: { $0.contains(bytes[offset]) }) != isNegated,
                    repeated(term, done + 1, bytes, offset + 1, rest)
                {
                    return true
                }
            case .group(let branches):
                for branch in branches
                where match(
                    branch[...], bytes, offset,
                    { $0 > offset && repeated(term, done + 1, bytes, $0, rest) })
                {
                    return true
                }
            }
        }
        return done >= term.least && rest(offset)
    }

    /// The same of what is always as long, without a call for each time: texts of a thousand bytes in hex
    /// would take more stack than a thread has.
    private func repeated(
        _ term: Term, width: Int, _ bytes: [UInt8], _ offset: Int, _ rest: (Int) -> Bool
    ) -> Bool {
        var count = 0
        while count < term.most, matchesOnce(term.atom, bytes, offset + count * width) { count += 1 }
        while count >= term.least {
            if rest(offset + count * width) { return true }
            count -= 1
        }
        return false
    }

    private func matchesOnce(_ atom: Atom, _ bytes: [UInt8], _ offset: Int) -> Bool {
        switch atom {
        case .set(let ranges, let isNegated):
            offset < bytes.count && ranges.contains { $0.contains(bytes[offset]) } != isNegated
        case .group(let branches):
            branches.contains { match($0[...], bytes, offset) { _ in true } }
        }
    }

    private struct Parser {
        var bytes: [UInt8]
        var offset = 0

        func fault() -> Unsupported {
            Unsupported(description: "pattern \(String(decoding: bytes, as: UTF8.self)), byte \(offset)")
        }

        private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

        mutating func alternatives() throws -> [[Term]] {
            var branches: [[Term]] = [[]]
            while let byte = next, byte != UInt8(ascii: ")") {
                if byte == UInt8(ascii: "|") {
                    offset += 1
                    branches.append([])
                } else {
                    branches[branches.count - 1].append(try term())
                }
            }
            return branches
        }

        private mutating func term() throws -> Term {
            var term = Term(atom: try atom())
            switch next {
            case UInt8(ascii: "*"): (term.least, term.most) = (0, .max)
            case UInt8(ascii: "+"): (term.least, term.most) = (1, .max)
            case UInt8(ascii: "?"): (term.least, term.most) = (0, 1)
            case UInt8(ascii: "{"):
                guard let end = bytes[offset...].firstIndex(of: UInt8(ascii: "}")) else { throw fault() }
                let parts = String(decoding: bytes[offset + 1..<end], as: UTF8.self)
                    .split(separator: ",", omittingEmptySubsequences: false)
                guard parts.count <= 2, let least = Int(parts[0]) else { throw fault() }
                let most = parts.count == 1 ? least : parts[1].isEmpty ? .max : Int(parts[1])
                guard let most, most >= least else { throw fault() }
                (term.least, term.most) = (least, most)
                offset = end
            default: return term
            }
            offset += 1
            return term
        }

        private mutating func atom() throws -> Atom {
            guard let byte = next else { throw fault() }
            offset += 1
            switch byte {
            case UInt8(ascii: "["): return try set()
            case UInt8(ascii: "."): return .set([], isNegated: true)
            case UInt8(ascii: "("):
                let branches = try alternatives()
                guard next == UInt8(ascii: ")") else { throw fault() }
                offset += 1
                return .group(branches)
            case UInt8(ascii: "\\"):
                guard let escaped = next, !isLetterOrDigit(escaped) else { throw fault() }
                offset += 1
                return .set([escaped...escaped], isNegated: false)
            case _ where "^$)]{}*+?|".utf8.contains(byte) || byte >= 0x80: throw fault()
            default: return .set([byte...byte], isNegated: false)
            }
        }

        private mutating func set() throws -> Atom {
            var ranges: [ClosedRange<UInt8>] = []
            let isNegated = next == UInt8(ascii: "^")
            if isNegated { offset += 1 }
            while let byte = next, byte != UInt8(ascii: "]") {
                guard byte < 0x80, byte != UInt8(ascii: "\\"), byte != UInt8(ascii: "[") else {
                    throw fault()
                }
                offset += 1
                if next == UInt8(ascii: "-"), offset + 1 < bytes.count, bytes[offset + 1] != UInt8(ascii: "]")
                {
                    guard bytes[offset + 1] >= byte else { throw fault() }
                    ranges.append(byte...bytes[offset + 1])
                    offset += 2
                } else {
                    ranges.append(byte...byte)
                }
            }
            guard next == UInt8(ascii: "]"), !ranges.isEmpty else { throw fault() }
            offset += 1
            return .set(ranges, isNegated: isNegated)
        }

        private func isLetterOrDigit(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte & 0xdf)
        }
    }
}
