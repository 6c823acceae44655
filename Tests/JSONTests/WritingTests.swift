// The shortcuts of the writer against their plain forms: numbers put together in two halves, and texts
// that are searched for what must be escaped, eight bytes at a time.

import AddressSpaces
import OpenAPI
import TestSupport
import Testing

@testable import JSON

@Suite struct WritingTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        body(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func numbersAreSpelledAsTheyAre() {
        var generator = SeededGenerator.forTest("numbersAreSpelledAsTheyAre", fallback: 0x4e)
        var numbers: [UInt64] = [0, .max]
        for power in (0..<64).map({ UInt64(1) << UInt64($0) }) { numbers += [power, power - 1, power + 1] }
        numbers += (0..<5_000).map { _ in generator.edgeBiased() }
        for number in numbers {
            let spelled = "0x" + String(number, radix: 16)
            #expect(written { $0.hex(number) } == "\"\(spelled)\"")
            #expect(HexLiteral.text(number) == spelled)
        }
        #expect(HexLiteral.text(UInt8(0xa)) == "0xa" && HexLiteral.text(-16) == "0x-10")
    }

    /// One special byte at every place of texts of every length up to three words.
    @Test func everyByteAtEveryPlace() {
        for count in 1...24 {
            for place in 0..<count {
                for byte in UInt8(0)...0x7f {
                    var bytes = [UInt8](repeating: UInt8(ascii: "z"), count: count)
                    bytes[place] = byte
                    let text = String(decoding: bytes, as: UTF8.self)
                    #expect(written { $0.string(text) } == JSONValue.string(text).text)
                }
            }
        }
        for text in ["", "\u{80}", "ÿ\"ÿ", "😀\\", "\u{7f}\u{1f}", "a\u{2028}b", "\u{22}\u{5c}"] {
            #expect(written { $0.string(text) } == JSONValue.string(text).text)
        }
    }

    @Test func commasStandBetween() {
        let text = written { writer in
            writer.object { writer in
                writer.member("a", "b")
                writer.member("c", hex: 0x10)
                writer.array("d") { writer in
                    writer.string("x")
                    writer.string("y")
                    writer.object { _ in }
                    writer.hex(0)
                }
                writer.key("e")
                writer.null()
            }
        }
        #expect(text == #"{"a":"b","c":"0x10","d":["x","y",{},"0x0"],"e":null}"#)
    }

    /// Members that stand again are the same bytes, also where the writer has to grow for them.
    @Test func membersAreWrittenAgain() {
        let text = written { writer in
            writer.array { writer in
                writer.object { writer in
                    writer.member("name", "a")
                    let start = writer.byteCount
                    writer.member("works", true)
                    writer.array("places") { $0.hex(0x800_0000) }
                    let members = start..<writer.byteCount
                    writer.member("only", 1)
                    for _ in 0..<100 { writer.again(members) }
                    writer.member("last", 2)
                }
            }
        }
        let again = #","works":true,"places":["0x8000000"]"#
        let all = #"[{"name":"a"\#(again),"only":1\#(String(repeating: again, count: 100)),"last":2}]"#
        #expect(text == all)
    }
}
