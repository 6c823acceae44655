// Sizes as people write them: 4096, 64K, 1.5G, 4GiB, 4 GB, 0x1000. Suffixes are powers of 1024 with and
// without an "i", as QEMU, lsmem and the kernel's own parameters count: memory comes in such pieces, and
// nobody who types 4GB here means a VM of 4,000,000,000 bytes. (libvirt's unit "GB" is that; its "G" and
// "GiB" are not.)

/// The one reader of sizes in text.
public enum MemorySize {
    /// Why a text is not a size.
    public enum Problem: Error, Hashable, Sendable {
        case notASize
        /// A fraction that leaves a part of a byte.
        case notWholeBytes
        /// 2^64 or more.
        case tooLarge
    }

    /// Bytes of a decimal number, perhaps with a fraction and K, M, G, T, P or E, after which "i", "B" and "iB"
    /// say nothing more; in either case, with one blank before the suffix or none; or what `0x...` spells.
    public static func parse(_ text: some Collection<UInt8>) throws(Problem) -> UInt64 {
        let text = Array(text)[...]
        if text.count > 1, text[0] == 0x30, text[1] | 0x20 == 0x78 { return try hex(text) }
        let whole = text.prefix { DecimalLiteral.isDigit($0) }
        var rest = text[whole.endIndex...]
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix { DecimalLiteral.isDigit($0) }
            guard !fraction.isEmpty else { throw .notASize }
            rest = rest[fraction.endIndex...]
        }
        guard !whole.isEmpty else { throw .notASize }
        if rest.count > 1, rest.first == 0x20 { rest = rest.dropFirst() }
        let shift = try shift(of: rest)
        guard let count = DecimalLiteral.parse(whole) else { throw .tooLarge }
        let (bytes, isOver) = count.multipliedReportingOverflow(by: 1 << shift)
        let (sum, isCarried) = bytes.addingReportingOverflow(try part(fraction, shift))
        guard !isOver, !isCarried else { throw .tooLarge }
        return sum
    }

    private static func hex(_ text: ArraySlice<UInt8>) throws(Problem) -> UInt64 {
        do {
            return try HexLiteral.parse(text)
        } catch {
            if case .tooManyDigits = error { throw .tooLarge }
            throw .notASize
        }
    }

    /// Of the suffix: how many binary digits it adds.
    private static func shift(of suffix: ArraySlice<UInt8>) throws(Problem) -> UInt64 {
        let letters = suffix.map { $0 | 0x20 }
        guard let first = letters.first, first != UInt8(ascii: "b") || letters.count > 1 else { return 0 }
        guard let place = Array("kmgtpe".utf8).firstIndex(of: first),
            ["", "b", "i", "ib"].contains(where: { letters.dropFirst().elementsEqual($0.utf8) })
        else { throw .notASize }
        return UInt64(place + 1) * 10
    }

    /// Digits after the point as bytes. More of them than a 64-bit number holds are not looked at: nobody
    /// means a whole byte by so many.
    private static func part(_ fraction: ArraySlice<UInt8>, _ shift: UInt64) throws(Problem) -> UInt64 {
        let digits = fraction.reversed().drop { $0 == 0x30 }.reversed()
        guard !digits.isEmpty else { return 0 }
        guard digits.count <= fractionDigitsMax, let value = DecimalLiteral.parse(Array(digits)) else {
            throw .notWholeBytes
        }
        let scale = (0..<digits.count).reduce(UInt64(1)) { power, _ in power * 10 }
        // Below one of the unit, so that the quotient has 60 bits at most.
        let (bytes, remainder) = scale.dividingFullWidth(value.multipliedFullWidth(by: 1 << shift))
        guard remainder == 0 else { throw .notWholeBytes }
        return bytes
    }

    /// 10^18 is the highest power of ten in 64 bits that leaves room for nine times itself.
    private static let fractionDigitsMax = 18
}
