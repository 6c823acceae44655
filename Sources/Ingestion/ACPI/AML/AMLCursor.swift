// Bytes of AML, read from front to back: numbers, package lengths and names (ACPI 6.5, sections 20.2.2 to
// 20.2.4). Every read is given the end that it must not pass.

import AddressSpaces

/// A NameString.
struct AMLName: Hashable {
    /// Whether it starts at the root.
    var isAbsolute = false
    /// Carets: how many scopes up it starts.
    var parents = 0
    var segments: [UInt32] = []

    /// A single segment without a prefix is searched for in the scopes around, too.
    var isSearched: Bool { !isAbsolute && parents == 0 && segments.count == 1 }
}

/// A place in a table.
struct AMLCursor {
    let bytes: [UInt8]
    var at: Int

    init(_ bytes: [UInt8], at: Int) {
        self.bytes = bytes
        self.at = at
    }

    mutating func byte(_ end: Int) throws(AMLRefusal) -> UInt8 {
        guard at < end else { throw AMLRefusal(.cutShort, at: at) }
        defer { at += 1 }
        return bytes[at]
    }

    func peek(_ end: Int) -> UInt8? { at < end ? bytes[at] : nil }

    mutating func number(_ width: Int, _ end: Int) throws(AMLRefusal) -> UInt64 {
        guard width <= end - at else { throw AMLRefusal(.cutShort, at: at) }
        var value: UInt64 = 0
        for place in 0..<width { value |= UInt64(bytes[at + place]) << UInt64(8 * place) }
        at += width
        return value
    }

    /// Characters up to a zero, which is read too.
    mutating func text(_ end: Int) throws(AMLRefusal) -> Range<Int> {
        let start = at
        while at < end {
            at += 1
            if bytes[at - 1] == 0 { return start..<at - 1 }
        }
        throw AMLRefusal(.cutShort, at: start)
    }

    /// Where the package ends whose length starts here; the length counts itself.
    mutating func packageEnd(_ end: Int) throws(AMLRefusal) -> Int {
        let start = at
        let lead = try byte(end)
        let more = Int(lead >> 6)
        var length = Int(lead & 0x3f)
        if more > 0 {
            length = Int(lead & 0x0f)
            for place in 0..<more { length |= Int(try byte(end)) << (4 + 8 * place) }
        }
        let last = start + length
        guard last <= end else { throw AMLRefusal(.packageTooLong(end: last, limit: end), at: start) }
        guard last >= at else { throw AMLRefusal(.packageEndsWithin, at: start) }
        return last
    }

    // MARK: Names

    static func startsName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x5c, 0x5e, 0x2e, 0x2f: true
        default: isLead(byte)
        }
    }

    private static func isLead(_ byte: UInt8) -> Bool { (0x41...0x5a).contains(byte) || byte == 0x5f }

    /// Four characters, the first no digit.
    mutating func segment(_ end: Int) throws(AMLRefusal) -> UInt32 {
        let start = at
        var value: UInt32 = 0
        for place in 0..<4 {
            let character = try byte(end)
            guard Self.isLead(character) || place > 0 && DecimalLiteral.isDigit(character) else {
                throw AMLRefusal(.noName, at: start)
            }
            value = value << 8 | UInt32(character)
        }
        return value
    }

    mutating func name(_ end: Int) throws(AMLRefusal) -> AMLName {
        var name = AMLName()
        let start = at
        if peek(end) == 0x5c {
            name.isAbsolute = true
            at += 1
        } else {
            while peek(end) == 0x5e {
                name.parents += 1
                at += 1
            }
        }
        var count = 1
        switch peek(end) {
        case 0x00:
            at += 1
            count = 0
        case 0x2e:
            at += 1
            count = 2
        case 0x2f:
            at += 1
            count = Int(try byte(end))
            guard count > 0 else { throw AMLRefusal(.noName, at: start) }
        default: break
        }
        guard count <= AMLLimits.pathDepthMax else { throw AMLRefusal(.pathTooLong, at: start) }
        for _ in 0..<count { name.segments.append(try segment(end)) }
        return name
    }
}
