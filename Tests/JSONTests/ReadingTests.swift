// What is read, what is refused, and where the fault is said to be.

import JSON
import TestSupport
import Testing

private let limits = JSONLimits(bytesMax: 8 << 20, depthMax: 32, valuesMax: 1_000_000)

private func parse(_ text: String) throws(JSONSyntaxError) -> JSONDocument {
    try JSONDocument(parsing: Array(text.utf8), limits: limits)
}

@Suite struct ReadingTests {
    @Test(
        arguments: [
            ("", 1, 1), ("{", 1, 2), ("{\"a\":1,}", 1, 8), ("[1 2]", 1, 4), ("{\n  \"a\": tru\n}", 2, 8),
            ("{\"a\":01}", 1, 6), ("{\"a\":1.}", 1, 8), ("{\"a\":\"\u{1}\"}", 1, 7), ("{\"a\":1} x", 1, 9),
            ("{\"a\":\"\\ud800\"}", 1, 7), ("{\"a\":\"\\udc00\"}", 1, 7), ("{'a':1}", 1, 2), ("nul", 1, 1),
            ("{\"a\":\"\\x\"}", 1, 7), ("[1,]", 1, 4), ("{\"a\" 1}", 1, 6), ("{\"é\":x}", 1, 6),
            ("{\"a\":-}", 1, 7),
        ] as [(String, Int, Int)])
    func refusesWithPlace(text: String, line: Int, column: Int) throws {
        let error = try #require(throws: JSONSyntaxError.self) { try parse(text) }
        #expect((error.line, error.column) == (line, column), "\(error)")
    }

    @Test func refusesInvalidUTF8AndByteOrderMarks() {
        for bytes in [
            [0x22, 0xff, 0x22], [0xef, 0xbb, 0xbf, 0x7b, 0x7d],
            [0x7b, 0x22, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d],
        ] as [[UInt8]] {
            #expect(throws: JSONSyntaxError.self) { try JSONDocument(parsing: bytes, limits: limits) }
        }
    }

    @Test func duplicateKeysAreRefusedHoweverTheyAreSpelled() throws {
        for text in [#"{"o":{"a":1,"b":2,"a":3}}"#, #"{"o":{"a":1,"\u0061":2}}"#] {
            let error = try #require(throws: JSONSyntaxError.self) { try parse(text) }
            #expect(error.kind == .duplicateKey(pointer: "/o/a"))
        }
    }

    /// Objects within objects share one store of keys, and large ones are searched in another way.
    @Test(arguments: [2, 16, 17, 400]) func duplicateKeysAreFoundInObjectsOfAnySize(count: Int) throws {
        let members = (0..<count).map { "\"k\($0)\":{\"k0\":1,\"k1\":[{\"k0\":2}]}" }.joined(separator: ",")
        _ = try parse("{\(members)}")
        let last = count - 1
        let error = try #require(throws: JSONSyntaxError.self) {
            try parse("{\(members),\"k\(last)\":0,\"k0\":0}")
        }
        #expect(error.kind == .duplicateKey(pointer: "/k\(last)"))
    }

    @Test func hexIsWrittenWithoutLeadingZeros() {
        var value: UInt64 = 0
        for _ in 0..<80 {
            var writer = JSONWriter()
            writer.hex(value)
            #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"0x\(String(value, radix: 16))\"")
            value = value &* 3 &+ 1
        }
    }

    @Test func depthAndCountHaveLimits() throws {
        let deep = { (depth: Int) in
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try parse(deep(32))
        let error = try #require(throws: JSONSyntaxError.self) { try parse(deep(33)) }
        #expect(error.kind == .tooDeep(limit: 32))
        let few = JSONLimits(bytesMax: 100, depthMax: 32, valuesMax: 3)
        _ = try JSONDocument(parsing: Array("[1,2]".utf8), limits: few)
        #expect(throws: JSONSyntaxError.self) {
            try JSONDocument(parsing: Array("[1,2,3]".utf8), limits: few)
        }
        #expect(throws: JSONSyntaxError.self) {
            try JSONDocument(parsing: [UInt8](repeating: 0x20, count: 101), limits: few)
        }
    }

    @Test func scalarsAtTheTopAreJSON() throws {
        #expect(try parse("12").root.kind == .number)
        #expect(try parse(" \"x\" ").root.kind == .string)
        #expect(try parse("null").root.kind == .null)
    }

    @Test func pointersEscapeAndCount() throws {
        let document = try parse(#"{"a/b":[10,{"~":true}]}"#)
        let list = try #require(document.root.member("a/b"))
        let second = Array(list.children)[1]
        #expect(second.pointer == "/a~1b/1")
        #expect(second.member("~")?.pointer == "/a~1b/1/~0")
    }

    @Test func mutationsNeverCrashAndNeverRefuseWithoutAPlace() {
        var random = SeededGenerator.forTest("JSON mutations", fallback: 0x15)
        let seeds = [
            #"{"platform":"juno","doorbells":["0x2c1c0040",12],"x":{"y":[true,null,1.5e3,"\u00e9\n"]}}"#,
            #"[[[],{}],{"a":{"b":{"c":-0.0}}},"\ud83d\ude00"]"#,
        ].map { Array($0.utf8) }
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = seeds.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(Array("{}[]\",:0\\u".utf8).randomElement(using: &random)!, at: place)
                }
                if bytes.isEmpty { bytes = [0x20] }
            }
            do {
                let document = try JSONDocument(parsing: bytes, limits: limits)
                accepted += 1
                #expect(document.root.pointer == "")
            } catch {
                #expect(error.line >= 1 && error.column >= 1 && error.offset <= bytes.count)
                if case .malformed(let reason) = error.kind {
                    #expect(
                        reason != "not JSON", "no place found for \(String(decoding: bytes, as: UTF8.self))")
                }
            }
        }
        #expect(accepted > 100, "mutations are too wild to reach the reader's inside")
    }

    @Test func truncationsAreRefused() {
        let text = Array(#"{"a":[1,2,{"b":"c\u00e9"}],"d":true}"#.utf8)
        for length in 0..<text.count {
            #expect(throws: JSONSyntaxError.self, "\(length)") {
                try JSONDocument(parsing: Array(text[..<length]), limits: limits)
            }
        }
    }
}
