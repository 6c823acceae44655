// The one spelling of 64-bit numbers.

import AddressSpaces
import Testing

@Suite struct HexLiteralTests {
    @Test(
        arguments: [
            ("0x0", 0), ("0X8000000", 0x800_0000), ("0xABcdef", 0xabcdef), ("0x0000000000000000001", 1),
            ("0xffffffffffffffff", UInt64.max),
        ] as [(String, UInt64)])
    func reads(text: String, value: UInt64) throws {
        #expect(try HexLiteral.parse(Array(text.utf8)) == value)
    }

    @Test(
        arguments: [
            ("", .missingPrefix), ("12", .missingPrefix), ("0x", .noDigits), ("0x1g", .notADigit(offset: 3)),
            ("0x10000000000000000", .tooManyDigits(significant: 17)), (" 0x1", .missingPrefix),
        ] as [(String, HexLiteral.Problem)])
    func refuses(text: String, problem: HexLiteral.Problem) {
        #expect(throws: problem) { try HexLiteral.parse(Array(text.utf8)) }
    }

    @Test func writes() {
        #expect(HexLiteral.text(0x800_0000) == "0x8000000")
        #expect(HexLiteral.padded(0x800_0000) == "0x0000000008000000")
        #expect(HexLiteral.padded(.max) == "0xffffffffffffffff")
    }
}
