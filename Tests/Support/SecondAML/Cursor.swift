// Bytes of one table, from a place to a limit: numbers, names and package lengths. Whoever asks for more than
// there is gets a trouble with the place where the missing byte would be.

struct Cursor {
    let bytes: [UInt8]
    let table: Int
    var at: Int

    func trouble(_ words: String, at place: Int? = nil) -> Trouble {
        Trouble(table: table, offset: place ?? at, words: words)
    }

    func peek(_ limit: Int) throws(Trouble) -> UInt8 {
        guard at < limit else { throw trouble("a byte is missing") }
        return bytes[at]
    }

    mutating func byte(_ limit: Int) throws(Trouble) -> UInt8 {
        let byte = try peek(limit)
        at += 1
        return byte
    }

    mutating func number(_ count: Int, _ limit: Int) throws(Trouble) -> UInt64 {
        guard count <= limit - at else { throw trouble("\(count) bytes are missing") }
        var number: UInt64 = 0
        for place in 0..<count { number |= UInt64(bytes[at + place]) << UInt64(8 * place) }
        at += count
        return number
    }

    /// The number in the form of a package length; of fields it is a count of bits.
    mutating func packageLength(_ limit: Int) throws(Trouble) -> Int {
        let lead = Int(try byte(limit))
        let more = lead >> 6
        if more == 0 { return lead & 0x3f }
        var length = lead & 0x0f
        for place in 0..<more { length |= Int(try byte(limit)) << (4 + 8 * place) }
        return length
    }

    /// Where the package ends whose length stands here.
    mutating func packageEnd(_ limit: Int) throws(Trouble) -> Int {
        let start = at
        let end = start + (try packageLength(limit))
        guard end >= at else { throw trouble("the package ends in its own length", at: start) }
        guard end <= limit else { throw trouble("the package is longer than what it is in", at: start) }
        return end
    }

    static func startsName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x5c, 0x5e, 0x2e, 0x2f: true
        default: startsSegment(byte)
        }
    }

    private static func startsSegment(_ byte: UInt8) -> Bool { (0x41...0x5a).contains(byte) || byte == 0x5f }

    mutating func segment(_ limit: Int) throws(Trouble) -> UInt32 {
        let start = at
        var value: UInt32 = 0
        for place in 0..<4 {
            let letter = try byte(limit)
            guard Self.startsSegment(letter) || place > 0 && (0x30...0x39).contains(letter) else {
                throw trouble("this is no name", at: start)
            }
            value = value << 8 | UInt32(letter)
        }
        return value
    }

    mutating func name(_ limit: Int) throws(Trouble) -> WrittenName {
        let start = at
        var name = WrittenName()
        if try peek(limit) == 0x5c {
            name.isAbsolute = true
            at += 1
        } else {
            while try peek(limit) == 0x5e {
                name.carets += 1
                at += 1
            }
        }
        var count = 1
        switch try peek(limit) {
        case 0x00:
            at += 1
            count = 0
        case 0x2e:
            at += 1
            count = 2
        case 0x2f:
            at += 1
            count = Int(try byte(limit))
            guard count > 0 else { throw trouble("this is no name", at: start) }
        default: break
        }
        guard count <= Bound.pathSegments else { throw trouble("a path of too many names", at: start) }
        for _ in 0..<count { name.segments.append(try segment(limit)) }
        return name
    }
}
