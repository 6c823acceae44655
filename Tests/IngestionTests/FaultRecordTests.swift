// Records of events that were damaged on their way: broken words, lost and doubled lines, mails that were
// filled again. What is told is in the text, and what is not sure is not told.

import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct FaultRecordTests {
    private static let name = "arm-smmu-v3 arm-smmu-v3.0.auto:"
    private static let header = "\(name) event 0x10 received:"
    private static let words = [
        "0x0000018000000010", "0x0000020100000000", "0x00000000ffffe040", "0x00000000ffffe000",
    ]

    private func read(_ lines: [String]) throws -> FaultLog.Content {
        try FaultLog.read(Array(lines.joined(separator: "\n").utf8))
    }

    private func record(_ words: [String]) throws -> SMMUFault {
        let faults = try read([Self.header] + words.map { "\(Self.name) \t\($0)" }).faults
        #expect(faults.count == 1)
        return try #require(faults.first)
    }

    private func expectWhole(_ fault: SMMUFault, _ what: String = "") {
        #expect(fault.event == "F_TRANSLATION" && fault.streamID == 0x180, "\(what)")
        #expect(fault.iova == 0xffff_e040 && fault.isWrite == true && fault.stage == 1, "\(what)")
        #expect(fault.isStalled == false && !fault.isIncomplete && fault.registers.count == 4, "\(what)")
    }

    /// The same or nothing.
    private func expectNoContradiction(_ fault: SMMUFault, _ what: String) {
        #expect(fault.event == "F_TRANSLATION", "\(what)")
        #expect(fault.streamID == nil || fault.streamID == 0x180, "\(what)")
        #expect(fault.iova == nil || fault.iova == 0xffff_e040, "\(what)")
        #expect(fault.isWrite != false && fault.stage != 2 && fault.intermediate == nil, "\(what)")
        #expect(fault.isIncomplete, "\(what)")
    }

    @Test func halvesAreJoined() throws {
        expectWhole(try record(Self.words))
        for place in 0..<4 {
            for at in 3..<17 {
                let word = Self.words[place]
                var broken = Self.words
                broken[place] = "\(word.prefix(at)) \(word.dropFirst(at))"
                expectWhole(try record(broken), broken[place])
                // The second half on the next line.
                let lines = Self.words.enumerated().flatMap { index, word in
                    index == place
                        ? ["\(Self.name) \t\(word.prefix(at))", String(word.dropFirst(at))]
                        : ["\(Self.name) \t\(word)"]
                }
                expectWhole(try #require(try read([Self.header] + lines).faults.first), "\(lines)")
            }
        }
    }

    @Test func lostLinesAreNotGuessed() throws {
        for lost in 0..<4 {
            var fewer = Self.words
            fewer.remove(at: lost)
            expectNoContradiction(try record(fewer), "without word \(lost)")
            let first = try record(fewer)
            #expect((first.streamID == nil) == (lost == 0), "the first word repeats the event's number")
        }
        for kept in 0...3 {
            let fault = try record(Array(Self.words.prefix(kept)))
            expectNoContradiction(fault, "\(kept) words")
        }
        // Only a word that cannot be the one after it is the address.
        #expect(try record(Array(Self.words.prefix(3))).iova == 0xffff_e040)
        #expect(try record([Self.words[0], Self.words[1], Self.words[3]]).iova == nil)
    }

    @Test func doubledLinesAreSeen() throws {
        for place in 0..<4 {
            var more = Self.words
            more.insert(more[place], at: place)
            expectWhole(try record(more), "word \(place) twice")
            // One twice, and another lost. The last in place of the third is what some chips log.
            for lost in 0..<4 where lost != place && (place, lost) != (3, 2) {
                var both = Self.words
                both.insert(both[place], at: place)
                both.remove(at: lost > place ? lost + 1 : lost)
                let fault = try record(both)
                #expect(fault.streamID == nil || fault.streamID == 0x180, "\(both)")
                #expect(fault.iova == nil || fault.iova == 0xffff_e040, "\(both)")
            }
        }
        expectWhole(try record(Self.words.flatMap { [$0, $0] }), "every line twice")
    }

    @Test func mangledWordsAreNotUsed() throws {
        for place in 0..<4 {
            for at in 2..<18 {
                let word = Self.words[place]
                let index = word.index(word.startIndex, offsetBy: at)
                for changed in [
                    String(word[..<index] + word[word.index(after: index)...]),
                    String(word[..<index] + "g" + word[word.index(after: index)...]),
                    String(word[..<index] + "0" + word[index...]),
                ] {
                    var broken = Self.words
                    broken[place] = changed
                    expectNoContradiction(try record(broken), changed)
                }
            }
        }
    }

    @Test func headerAndWordsHaveToAgree() throws {
        let fault = try record(["0x0000018000000013"] + Self.words.dropFirst())
        expectNoContradiction(fault, "another event's word")
        #expect(fault.streamID == nil && fault.registers.isEmpty)
    }

    @Test func wordsOfAnotherSMMUBetween() throws {
        let other = "arm-smmu-v3 arm-smmu-v3.7.auto:"
        var lines = [Self.header, "\(other) event 0x02 received:"]
        for (number, word) in Self.words.enumerated() {
            lines += ["\(Self.name) \t\(word)", "usb 1-1: new device \(number)"]
            lines.append("\(other) \t" + (number == 0 ? "0x0000770000000002" : "0x0000000000000000"))
        }
        let faults = try read(lines).faults
        #expect(faults.map(\.line) == [1, 2] && faults.map(\.isIncomplete) == [false, false])
        expectWhole(faults[0])
        #expect(faults[1].streamID == 0x7700 && faults[1].iova == nil)
    }

    /// Mails fill paragraphs again: stamps at line ends, several messages on one line, names apart.
    @Test func filledParagraphs() throws {
        let lines = ([Self.header] + Self.words.map { "\(Self.name)  \($0)" }).enumerated().map {
            "[  196.74710\($0.offset)] \($0.element)"
        }
        let tokens = lines.joined(separator: " ").split(separator: " ").map(String.init)
        for width in 20...200 {
            var filled = [""]
            for token in tokens {
                if filled[filled.count - 1].count + token.count >= width { filled.append("") }
                filled[filled.count - 1] += (filled[filled.count - 1].isEmpty ? "" : " ") + token
            }
            let faults = try read(filled).faults
            #expect(faults.count == 1, "\(filled)")
            expectWhole(try #require(faults.first), "\(filled)")
            expectWhole(try #require(try read(filled.map { "> " + $0 }).faults.first), "\(filled)")
        }
        let short = "\(Self.header) \(Self.words.joined(separator: " "))"
        expectWhole(try #require(try read([short]).faults.first))
        let first = "\(Self.header) \(Self.words[0])"
        let rest = Self.words.dropFirst().map { "\(Self.name) \($0)" }
        expectWhole(try #require(try read([first] + rest).faults.first))
        expectWhole(try #require(try read([Self.header] + Self.words).faults.first), "bare words")
    }

    /// The kernel says it twice; where the two do not agree, neither is told.
    @Test func wordsAndDecodedLineHaveToAgree() throws {
        let words = [Self.header] + Self.words.map { "\(Self.name) \t\($0)" }
        func decoded(_ sid: String = "0x180", _ iova: String = "0xffffe040", _ access: String = "write")
            throws
            -> SMMUFault
        {
            let faults = try read(
                words + [
                    "\(Self.name) event: F_TRANSLATION client: 0000:01:10.0 sid: \(sid) ssid: 0x0 iova: \(iova) ipa: 0x0",
                    "\(Self.name) unpriv data \(access) s1 \"Input address caused fault\" stag: 0x0",
                ]
            ).faults
            #expect(faults.count == 1)
            return try #require(faults.first)
        }
        expectWhole(try decoded())
        #expect(try decoded().client == "0000:01:10.0")
        let stream = try decoded("0x181")
        #expect(stream.isIncomplete && stream.streamID == nil && stream.iova == 0xffff_e040)
        let address = try decoded("0x180", "0xffffe000")
        #expect(address.isIncomplete && address.iova == nil && address.streamID == 0x180)
        let access = try decoded("0x180", "0xffffe040", "read")
        #expect(access.isIncomplete && access.isWrite == nil && access.iova == 0xffff_e040)
    }

    @Test func stallsAndSubstreams() throws {
        let words = ["0x0000750100001810", "0x0000120080000176", "0x0000aaaada7af000", "0x0000aaaada7af000"]
        let raw = try record(words)
        #expect(raw.isStalled == true && raw.substreamID == 1 && raw.streamID == 0x7501 && !raw.isIncomplete)
        let decoded = try read([
            "\(Self.name) event: F_TRANSLATION",
            "client: 0000:75:00.1 sid: 0x7501 ssid: 0x1 iova: 0xaaaada7af000 ipa:",
            "0xaaaada7af000", "[ 1016.589700] \(Self.name) unpriv data write s1",
            "\"Input address caused fault\" stall stag: 0x176",
        ])
        let fault = try #require(decoded.faults.first)
        #expect(decoded.faults.count == 1 && decoded.linesIgnored == 0)
        #expect(fault.isStalled == true && fault.client == "0000:75:00.1" && fault.iova == 0xaaaa_da7a_f000)
        #expect(fault.transaction == .inputAddress && !fault.isIncomplete)
    }
}
