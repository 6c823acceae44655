// The fixed words that messages of faults start with, and the reasons behind some of them: where a line ends
// within one, only the rest of it goes on with the message.

import Machines

/// Words that a driver prints together.
struct FaultPhrase {
    private let driver: SMMUFault.Driver
    private let words: [UInt8]
    /// Where it stands: at a message's start, or behind these words.
    private let behind: [UInt8]

    private init(_ driver: SMMUFault.Driver, _ words: String, behind: String = "") {
        self.driver = driver
        self.words = Array(words.utf8)
        self.behind = Array(behind.utf8)
    }

    private static let all =
        FaultOpening.ofSMMUv2.map { FaultPhrase(.armSMMU, $0.whole) }
        + FaultOpening.ofSMMUv3.map { FaultPhrase(.armSMMUv3, $0.whole) }
        + [
            FaultOpening.commandAborted, FaultOpening.invalidationTimeout, FaultOpening.illegalCommand,
            "No error",
        ].map { FaultPhrase(.armSMMUv3, $0, behind: FaultOpening.commandError.words) }

    /// Words that only faults begin with, or with their first word lost, so that a message with them is the
    /// start of one.
    private static let openings: [(driver: SMMUFault.Driver, word: [UInt8])] =
        [
            "Unhandled", "Unexpected", "Blocked", "context fault", "arm-smmu context", "global fault,",
            "unknown Stream",
        ]
        .map { (.armSMMU, Array($0.utf8)) }
        + ["event ", "unexpected ", "received:", "PRI request"].map { (.armSMMUv3, Array($0.utf8)) }

    private static let wordBytesMax = 32

    static func isOpening(_ message: FaultMessage) -> Bool {
        isOpening(message.text[...], message.driver)
    }

    static func isOpening(_ text: ArraySlice<UInt8>, _ driver: SMMUFault.Driver) -> Bool {
        if openings.contains(where: { $0.driver == driver && text.starts(with: $0.word) }) { return true }
        guard driver == .armSMMUv3 else { return false }
        // "0x10 received:", "F_TRANSLATION client: ..."
        let words = text.prefix(wordBytesMax).split(whereSeparator: TextLines.isBlank)
        return words.count > 1 && words[1].elementsEqual("received:".utf8)
            || words.first.flatMap { SMMUFault.eventNumber(named: TextLines.string($0)) } != nil
    }

    /// Whether a message ends within a phrase.
    static func isCut(_ text: [UInt8], _ driver: SMMUFault.Driver) -> Bool {
        rest(of: text, driver).contains { !$0.isEmpty }
    }

    /// Whether a line begins with what a message lacks of a phrase.
    static func isContinued(
        _ text: [UInt8], by more: ArraySlice<UInt8>, _ driver: SMMUFault.Driver
    ) -> Bool {
        rest(of: text, driver).contains { rest in
            guard rest.first == 0x20 else { return false }
            return begins(more, with: rest.dropFirst())
        }
    }

    /// Whether a line begins as a phrase does.
    static func begins(_ line: ArraySlice<UInt8>, _ driver: SMMUFault.Driver) -> Bool {
        all.contains { $0.driver == driver && $0.behind.isEmpty && begins(line, with: $0.words[...]) }
    }

    /// By the first word, which is enough: what follows may be damaged.
    private static func begins(_ line: ArraySlice<UInt8>, with words: ArraySlice<UInt8>) -> Bool {
        let first = words.prefix { $0 != 0x20 }
        // Behind the last word stands its number.
        let isOpenEnded = first.endIndex == words.endIndex && first.suffix(2).elementsEqual("0x".utf8)
        let token = line.drop(while: TextLines.isBlank).prefix { !TextLines.isBlank($0) }
        return isOpenEnded ? token.starts(with: first) : token.elementsEqual(first)
    }

    /// What texts lack of phrases that they have begun.
    private static func rest(of text: [UInt8], _ driver: SMMUFault.Driver) -> [ArraySlice<UInt8>] {
        all.compactMap { phrase in
            guard phrase.driver == driver, text.starts(with: phrase.behind) else { return nil }
            var begun = text[...]
            if !phrase.behind.isEmpty {
                guard let colon = text.lastIndex(of: 0x3a) else { return nil }
                // With the blank that the line's end took.
                begun = FaultStamp.trimmed(text[(colon + 1)...])
                if begun.isEmpty { return [0x20] + phrase.words }
            }
            guard phrase.words.count > begun.count, phrase.words.starts(with: begun) else { return nil }
            return phrase.words[begun.count...]
        }
    }
}
