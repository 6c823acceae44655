// The compact form of exported states: lists come back as they were, each list has one text, and a text that
// is not one of these is refused with the place of what is wrong.

import Foundation
import HTTP
import JSON
import TestSupport
import Testing

@testable import API

@Suite struct PackedNumbersTests {
    private func pack(_ numbers: [UInt64]) -> [UInt8] {
        var packer = NumberPacker()
        var text: [UInt8] = []
        for number in numbers { packer.append(number, to: &text) }
        packer.finish(to: &text)
        return text
    }

    /// The library's reader of base64 finds the bytes that were meant.
    @Test func textsAreBase64OfDifferences() throws {
        #expect(pack([]).isEmpty)
        // 1 and 3; the same again; back by one; 300 on.
        let text = String(decoding: pack([1, 3, 1, 3, 0, 303]), as: UTF8.self)
        #expect(try Array(#require(Data(base64Encoded: text))) == [2, 6, 0, 0, 1, 0xd8, 0x04])
        let ends = String(decoding: pack([.max, 1 << 63]), as: UTF8.self)
        #expect(
            try Array(#require(Data(base64Encoded: ends)))
                == [1] + [UInt8](repeating: 0xff, count: 9) + [1])
    }

    @Test func listsComeBack() throws {
        var random = SeededGenerator.forTest("packed numbers", fallback: 0x7ac)
        for count in Array(0..<40) + [1_000, 5_000] {
            for width in [1, 8, 20, 36, 52, 64] {
                let numbers = (0..<count).map { _ in
                    UInt64.random(in: 0...(.max >> (64 - width)), using: &random)
                }
                let text = pack(numbers)
                #expect(text.count <= count * NumberPacker.numberBytesMax && text.count.isMultiple(of: 4))
                #expect(try PackedNumbers.unpack(text, countMax: count) == numbers)
            }
        }
    }

    /// One byte of a text changed, left out or put in: refused, or another list that has no other text.
    @Test func damagedTextsAreRefusedOrMeanOneList() {
        var random = SeededGenerator.forTest("damaged packed numbers", fallback: 0xdead)
        var (refused, read) = (0, 0)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...12, using: &random)
            var text = pack(
                (0..<count).map { _ in random.next() >> UInt64.random(in: 0...63, using: &random) })
            let byte = Bool.random(using: &random) ? UInt8.random(in: .min ... .max, using: &random) : 0x3d
            let place = Int.random(in: 0...text.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0 where place < text.count: text[place] = byte
            case 1 where place < text.count: text.remove(at: place)
            default: text.insert(byte, at: place)
            }
            do {
                let numbers = try PackedNumbers.unpack(text, countMax: 100)
                read += 1
                #expect(pack(numbers) == text)
            } catch {
                refused += 1
            }
        }
        #expect(refused > 1_000 && read > 100)
    }

    @Test(arguments: [
        ("A", "The text is not base64 at byte 1."), ("AA=", "The text is not base64 at byte 3."),
        ("A===", "The text is not base64 at byte 4."), ("AA==AA==", "The text is not base64 at byte 4."),
        ("AB==", "The text is not base64 at byte 4."), ("A-==", "The text is not base64 at byte 1."),
        ("AA==\\n", "The text is not base64 at byte 4."), ("gA==", "The text ends within a number."),
        ("/////////////wA=", "Number 0 has more than 64 bits."),
        ("////////////", "The text ends within a number."),
        ("////////////Ag==", "Number 0 has more than 64 bits."),
        ("gAA=", "Number 0 ends in a byte that adds nothing."),
    ])
    func textsThatAreNoListsAreRefused(text: String, detail: String) throws {
        let client = ServiceClient()
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        #expect(client.post("/v1/sessions/s/domains", json: #"{"id":"d"}"#).status == 201)
        let state = client.get("/v1/sessions/s/state?form=compact").text
        let held = try #require(state.firstMatch(of: #/"ranges":"[^"]*"/#))
        let damaged = state.replacing(held.0, with: "\"ranges\":\"\(text)\"")
        let answer = client.post("/v1/sessions?id=t", json: damaged)
        #expect(answer.status == 422)
        #expect(answer.text.contains("/domains/0/allocator/ranges") && answer.text.contains("not-packed"))
        #expect(answer.text.contains(detail), "\(answer.text)")
        #expect(client.get("/v1/sessions/t").status == 404)
    }

    /// More numbers than a session holds.
    @Test func longListsAreRefused() {
        let text = pack([UInt64](repeating: 0, count: 2 * Limits.iovasPerSessionMax + 1))
        #expect(throws: PackedNumbers.Fault.self) {
            try PackedNumbers.unpack(text, countMax: 2 * Limits.iovasPerSessionMax)
        }
    }

    /// Of a domain of user space, too: 64 of them with all that they may map would not fit in the plain form.
    @Test(arguments: ["vfio_type1", "iommufd"]) func mappingsArePackedToo(consumer: String) throws {
        let here = ServiceClient()
        #expect(here.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        let domain = #"{"id":"d","consumer":"\#(consumer)"}"#
        #expect(here.post("/v1/sessions/s/domains", json: domain).status == 201)
        let orders = (0..<300).map { #"{"op":"allocate","size":4096,"iova":\#(0x4000_0000 + $0 << 14)}"# }
        let batch = "{\"operations\":[\(orders.joined(separator: ","))]}"
        #expect(here.post("/v1/sessions/s/domains/d/batches", json: batch).status == 200)
        let state = here.get("/v1/sessions/s/state?form=compact").drained().answer
        #expect(state.response.body.count < 300 * 8 + 2_000)
        let there = ServiceClient()
        #expect(there.post("/v1/sessions", json: state.text).status == 201)
        let plain = there.get("/v1/sessions/s/state").drained().answer.text
        #expect(plain == here.get("/v1/sessions/s/state").drained().answer.text)
        #expect(plain.components(separatedBy: "\"start\"").count > 300)
        // Last before first, and half a pair.
        let held = try #require(state.text.firstMatch(of: #/"mappings":"[^"]*"/#))
        for (numbers, code) in [([0x2000, 0x1fff], "backwards"), ([0x1000], "odd-count")]
            as [([UInt64], String)]
        {
            let text = String(decoding: pack(numbers), as: UTF8.self)
            let answer = there.post(
                "/v1/sessions?id=t", json: state.text.replacing(held.0, with: "\"mappings\":\"\(text)\""))
            #expect(answer.status == 422 && answer.text.contains(code), "\(answer.text)")
            #expect(answer.text.contains("/domains/0/mappings"))
        }
    }

    /// As many pages as a session holds, in the form for people. Reading a million would take a debug build
    /// half a minute.
    @Test func aMillionPagesFit() {
        let number = "\"0x\(String((1 as UInt64) << 36 - 1, radix: 16))\","
        let numbers = 2 * Limits.iovasPerSessionMax
        let rest = 1 << 20
        #expect(numbers * number.utf8.count + rest <= Limits.sessionBodyBytesMax)
    }

    /// Both forms of a state make the same session, and the compact one is a fraction of the other's size.
    @Test func formsMeanTheSame() throws {
        let here = ServiceClient()
        #expect(here.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        #expect(here.post("/v1/sessions/s/domains", json: #"{"id":"d"}"#).status == 201)
        let orders = (0..<3_000).map { #"{"op":"allocate","size":\#(4_096 << ($0 % 3))}"# }
        let batch = "{\"operations\":[\(orders.joined(separator: ","))]}"
        #expect(here.post("/v1/sessions/s/domains/d/batches", json: batch).status == 200)
        for path in ["/v1/sessions/s/state", "/v1/sessions/s/domains/d/state"] {
            let plain = here.get(path).drained().answer
            #expect(here.get(path + "?form=plain").drained().answer.text == plain.text)
            let compact = here.get(path + "?form=compact").drained().answer
            #expect(compact.response.body.count * 4 < plain.response.body.count)
            if path.contains("domains") { continue }
            for state in [plain, compact] {
                let there = ServiceClient()
                let made = there.ask(.post, "/v1/sessions", state.response.body, type: "application/json")
                #expect(made.status == 201)
                #expect(there.get(path).drained().answer.text == plain.text)
                #expect(there.get(path + "?form=compact").drained().answer.text == compact.text)
            }
        }
        #expect(here.get("/v1/sessions/s/state?form=short").status == 400)
    }
}
