// The ring and its readers against a model that keeps every event for ever; and LineEvent, the payload of all
// event tests here: an event that is its text. The product turns events into text late, see SessionEvent.

import TestSupport
import Testing

@testable import HTTP

struct EventRingTests {
    @Test(arguments: [1, 2, 3, 7, 64])
    func ringKeepsTheNewest(capacity: Int) {
        var ring = EventRing<Int>(capacity: capacity, lastID: 10)
        #expect(ring.lastID == 10 && ring.lostID == 10 && ring.count == 0)
        for number in 0..<200 {
            ring.append([number], id: UInt64(11 + 2 * number))
            #expect(ring.count == min(number + 1, capacity))
            let first = max(0, number + 1 - capacity)
            #expect(ring.firstNumber == UInt64(first))
            #expect(ring.lostID == (first == 0 ? 10 : UInt64(11 + 2 * (first - 1))))
            for kept in first...number { #expect(ring[UInt64(kept)].payload == kept) }
            for id in 0...(UInt64(11 + 2 * number) + 1) {
                let expected = (first...number).first { UInt64(11 + 2 * $0) > id } ?? number + 1
                #expect(ring.firstNumber(after: id) == UInt64(expected))
            }
        }
    }

    /// Random publishing and reading: a reader gets every event in order, or a gap that names exactly what
    /// it did not get.
    @Test func readersMissNothingUnsaid() {
        var random = SeededGenerator.forTest("readersMissNothingUnsaid", fallback: 0x5eed)
        for _ in 0..<200 {
            let capacity = Int.random(in: 1...9, using: &random)
            var ring = EventRing<Int>(capacity: capacity, lastID: 0)
            var ids: [UInt64] = []
            var id: UInt64 = 0
            var cursor = EventCursor(EventStart.live, in: ring)
            var nextExpected = 0
            for _ in 0..<100 {
                if Bool.random(using: &random) {
                    id += UInt64.random(in: 1...3, using: &random)
                    let count = Int.random(in: 1...3, using: &random)
                    ring.append(Array(ids.count..<(ids.count + count)), id: id)
                    ids += Array(repeating: id, count: count)
                    continue
                }
                switch cursor.advance(in: ring, max: Int.random(in: 1...4, using: &random)) {
                case .nothing: #expect(nextExpected == ids.count)
                case .events(let entries):
                    #expect(entries.map(\.payload) == Array(nextExpected..<(nextExpected + entries.count)))
                    #expect(!entries.isEmpty)
                    nextExpected += entries.count
                case .gap(let gap):
                    let first = Int(ring.firstNumber)
                    #expect(first > nextExpected, "a gap without loss")
                    #expect(gap.through == ids[first - 1] && gap.after < gap.through)
                    #expect(first == ids.count || ids[first] > gap.through, "half an id was kept")
                    nextExpected = first
                }
            }
        }
    }

    @Test func whereReadersBegin() {
        var ring = EventRing<Int>(capacity: 2, lastID: 5)
        func steps(_ start: EventStart) -> [String] {
            var cursor = EventCursor(start, in: ring)
            var said: [String] = []
            while true {
                switch cursor.advance(in: ring, max: 10) {
                case .nothing: return said
                case .events(let entries): said.append("\(entries.map(\.payload)) \(cursor.lastID)")
                case .gap(let gap): said.append("gap \(gap.after) \(gap.through)")
                }
            }
        }
        #expect(steps(.live) == [] && steps(.after(5)) == [])
        // A log that was moved here with its revision: what was before is not known.
        #expect(steps(.after(4)) == ["gap 4 5"])
        #expect(steps(.after(6)) == ["gap 6 5"])
        for (index, id) in [6, 7, 8].enumerated() { ring.append([index], id: UInt64(id)) }
        #expect(steps(.live) == [])
        #expect(steps(.after(5)) == ["gap 5 6", "[1, 2] 8"])
        #expect(steps(.after(6)) == ["[1, 2] 8"] && steps(.after(7)) == ["[2] 8"])
        #expect(steps(.after(.max)) == ["gap \(UInt64.max) 8"])
    }
}

/// An event that is kept as its text.
struct LineEvent: EventPayload, Hashable {
    let eventName: String
    let json: [UInt8]

    /// Traps on a line break: it would end the event early.
    init(name: String, json: [UInt8]) {
        precondition(!json.contains { $0 == 10 || $0 == 13 }, "the data of \(name) has more than one line")
        precondition(!name.utf8.contains { $0 == 10 || $0 == 13 }, "an event's name has more than one line")
        eventName = name
        self.json = json
    }

    func appendData(to bytes: inout [UInt8]) { bytes += json }
}
