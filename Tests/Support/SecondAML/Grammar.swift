// The operands of every opcode without a package length, after the grammar of the ACPI specification, 20.2:
// a letter for each. t: a term that has a value. s: a name, of which a method is called, or a term. g: the
// same, or nothing (a zero byte). r: the same, where a method's name is only a name. N: a name that is
// declared. n: a name. b, w, d: a number in one, two or four bytes.

enum Grammar {
    static let operands: [Int: [Character]] = [
        0x06: "nN", 0x70: "ts", 0x71: "r", 0x72: "ttg", 0x73: "ttg", 0x74: "ttg", 0x75: "s", 0x76: "s",
        0x77: "ttg", 0x78: "ttgg", 0x79: "ttg", 0x7a: "ttg", 0x7b: "ttg", 0x7c: "ttg", 0x7d: "ttg",
        0x7e: "ttg", 0x7f: "ttg", 0x80: "tg", 0x81: "tg", 0x82: "tg", 0x83: "t", 0x84: "ttg", 0x85: "ttg",
        0x86: "st", 0x87: "s", 0x88: "ttg", 0x89: "tbtbtt", 0x8a: "ttN", 0x8b: "ttN", 0x8c: "ttN",
        0x8d: "ttN", 0x8e: "r", 0x8f: "ttN", 0x90: "tt", 0x91: "tt", 0x92: "t", 0x93: "tt", 0x94: "tt",
        0x95: "tt", 0x96: "tg", 0x97: "tg", 0x98: "tg", 0x99: "tg", 0x9c: "ttg", 0x9d: "tr", 0x9e: "tttg",
        0x9f: "", 0xa3: "", 0xa5: "", 0xcc: "",
        0x5b01: "Nb", 0x5b02: "N", 0x5b12: "rg", 0x5b13: "tttN", 0x5b1f: "tttttt", 0x5b20: "rg",
        0x5b21: "t", 0x5b22: "t", 0x5b23: "sw", 0x5b24: "s", 0x5b25: "st", 0x5b26: "s", 0x5b27: "s",
        0x5b28: "tg", 0x5b29: "tg", 0x5b2a: "s", 0x5b30: "", 0x5b31: "", 0x5b32: "bdt", 0x5b33: "",
        0x5b80: "Nbtt", 0x5b88: "Nttt",
    ].mapValues(Array.init)

    /// What is written to, by the places of the operands.
    static func targets(_ code: Int) -> Set<Int> {
        switch code {
        case Code.store, Code.copyObject: return [1]
        case 0x75, 0x76: return [0]
        default:
            let letters = operands[code] ?? []
            return Set(letters.indices.filter { letters[$0] == "g" })
        }
    }
}
