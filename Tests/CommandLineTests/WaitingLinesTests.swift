// Lines of the log between those who say them and the one who writes them: in order, whole, within the bounds
// whether they are read at once, slowly or never, and counted where some are missing.

import TestSupport
import Testing

@testable import iovad

@Suite struct WaitingLinesTests {
    private func line(_ number: Int) -> [UInt8] { Array("line \(number)\n".utf8) }

    private func lines(_ piece: [UInt8]) -> [String] {
        String(decoding: piece, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// The list is never empty, and yet nothing that was written stays for long.
    @Test func aSlowReaderKeepsNothing() {
        var waiting = WaitingLines()
        var said = 0
        func say(_ count: Int) {
            for number in said..<said + count { waiting.add(line(number)) }
            said += count
        }
        say(20_000)
        var read: [String] = []
        for _ in 0..<100 {
            let more = lines(waiting.piece() ?? [])
            read += more
            say(more.count)
            #expect(waiting.waitingCount == 20_000 && waiting.dropped == 0)
            #expect(waiting.heldCount <= waiting.waitingCount + WaitingLines.writtenMax)
        }
        #expect(read == (0..<read.count).map { "line \($0)" })
        #expect(read.count > 10 * WaitingLines.writtenMax)
    }

    /// Adds and writes at random; what comes out is what went in, with a count in each gap.
    @Test func everyLineIsWrittenOrCounted() {
        var random = SeededGenerator.forTest("lines of the log", fallback: 0x10c)
        var waiting = WaitingLines()
        var (said, written, missing) = (0, 0, 0)
        func take(_ piece: [UInt8]) {
            #expect(piece.count <= 4_096)
            for text in lines(piece) {
                if text.hasPrefix("line ") {
                    #expect(text == "line \(written + missing)")
                    written += 1
                } else {
                    missing += Int(text.prefix { $0 != " " }) ?? 0
                }
            }
        }
        for _ in 0..<400 {
            for _ in 0..<Int.random(in: 0...2_000, using: &random) {
                waiting.add(line(said))
                said += 1
            }
            for _ in 0..<Int.random(in: 0...2, using: &random) { take(waiting.piece() ?? []) }
            #expect(waiting.bytes <= WaitingLines.bytesMax + 64)
            #expect(waiting.heldCount <= waiting.waitingCount + WaitingLines.writtenMax)
        }
        while let piece = waiting.piece() { take(piece) }
        #expect(waiting.isDone && written + missing == said && missing > 0)
    }

    /// A disk that is full now and then, and takes a piece of what is written: each line is there whole, or
    /// counted, and what is told in the end is what was counted.
    @Test func linesThatCannotBeWrittenAreCounted() {
        var random = SeededGenerator.forTest("log on a full disk", fallback: 0xd15c)
        var waiting = WaitingLines()
        var disk: [UInt8] = []
        var (said, isFull) = (0, false)
        func flush() {
            while let piece = waiting.piece() {
                let count = isFull ? Int.random(in: 0..<piece.count, using: &random) : piece.count
                disk += piece[..<count]
                waiting.wrote(count, of: piece)
            }
            #expect(waiting.isDone)
        }
        for _ in 0..<500 {
            isFull = Int.random(in: 0..<3, using: &random) == 0
            for _ in 0..<Int.random(in: 1...30, using: &random) {
                waiting.add(line(said))
                said += 1
            }
            flush()
        }
        isFull = false
        waiting.add(line(said))
        flush()
        let written = lines(disk)
        let told = written.compactMap { text in
            text.hasSuffix(" dropped: they could not be written") ? Int(text.prefix { $0.isNumber }) : nil
        }
        #expect(!told.isEmpty && told.reduce(0, +) == Int(waiting.dropped))
        let whole = Set(written)
        let missing = (0...said).count { !whole.contains("line \($0)") }
        // A line may have lost no more than its end, the newline.
        #expect(missing <= Int(waiting.dropped) && missing > 0)
        #expect(written.last == "line \(said)")
    }
}
