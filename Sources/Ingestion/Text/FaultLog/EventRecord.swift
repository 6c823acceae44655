// The four words of an SMMUv3's event as they stand in a log: whole, broken in two, doubled, or some of them
// lost. A word's meaning is its place, so a place that is not sure is not claimed. The header has named the
// event, and the first word repeats its number; the kernel prints every word with all its zeros.

import Machines

/// The words of one event, as they come.
struct EventRecord {
    static let wordsOfEvent = 4
    private static let piecesMax = 12
    static let digitsOfWord = 16
    /// Fewer digits without "0x" begin no word.
    static let digitsOfHalfMin = 8
    /// Longest number without zeros in front that is taken for a word which somebody shortened.
    private static let digitsOfShortenedMax = 12

    /// Of the header.
    let number: UInt8
    private var pieces: [Piece] = []
    /// What comes now is no word of this event.
    var isOver = false

    /// Words without a driver's name came directly after the header.
    var isJoined = false
    private var isMixed = false

    /// A word comes with its driver's name. Then those without were another SMMU's, whose name was lost.
    mutating func noteMessage() { isMixed = isMixed || isJoined }

    init(number: UInt8) { self.number = number }

    var isEmpty: Bool { pieces.isEmpty }

    /// A word, or a part of one.
    struct Piece {
        /// nil when it is mangled.
        let value: UInt64?
        let digits: Int
        let isPrefixed: Bool
        let hasLeadingZero: Bool

        /// nil for what is no number at all. A journal's JSON has quotation marks behind it.
        init?(_ token: ArraySlice<UInt8>) {
            var token = token
            while let last = token.last, [0x22, 0x2c, 0x5d, 0x7d].contains(last) { token = token.dropLast() }
            isPrefixed = token.starts(with: "0x".utf8)
            let number = isPrefixed ? token.dropFirst(2) : token
            digits = number.count
            hasLeadingZero = number.count > 1 && number.first == 0x30
            value = TextLines.bareHex(number)
            guard isPrefixed || value != nil else { return nil }
        }
    }

    /// Takes a piece; false when the event has all its words already, or more than can be made sense of.
    mutating func take(_ piece: Piece) -> Bool {
        guard !isOver, pieces.count < Self.piecesMax else { return false }
        let isMore = joined.count >= Self.wordsOfEvent
        pieces.append(piece)
        return !isMore || joined.count <= Self.wordsOfEvent
    }

    /// The words of which the place is sure, from the first, and whether these are all.
    var words: (sure: [UInt64], isWhole: Bool) {
        let words = undoubled(joined)
        guard !isMixed, let found = words.first, let first = found, isFirstWord(first) else {
            return ([], false)
        }
        let known = words.prefix { $0 != nil }.compactMap { $0 }
        if known.count == Self.wordsOfEvent, words.count == Self.wordsOfEvent {
            let isTwice = known[1] != 0 && (known[1] == known[0] || known[1] == known[2])
            // Emulators may leave the class out; a line twice and another lost look the same.
            let isInPlace = SMMUFault.isSecondWord(
                known[1], of: number, needsClass: known[2] == known[3])
            return isInPlace && !isTwice ? (known, true) : ([first], false)
        }
        // Of three words, the third may be the second last: what it holds has to say that it is the address.
        let isAddress =
            known.count == 3 && words.count <= Self.wordsOfEvent
            && SMMUFault.isSecondWord(known[1], of: number)
            && SMMUFault.isSurelyAddress(known[2], of: number)
        return (isAddress ? known : [first], false)
    }

    /// Whether a word repeats the event's number and can be the first: another word whose low byte is that
    /// number says nothing about the stream. Bits 10 to 8 are reserved, and without SSV (bit 11) there is no
    /// substream (IHI 0070, 7.3).
    private func isFirstWord(_ word: UInt64) -> Bool {
        word & 0xff == UInt64(number) && word >> 8 & 7 == 0
            && (word >> 11 & 1 == 1 || word >> 12 & 0xf_ffff == 0)
    }

    /// The pieces as words: halves joined where they make one, nil for what does not.
    private var joined: [UInt64?] {
        let isPadded = pieces.contains { $0.digits == Self.digitsOfWord && $0.hasLeadingZero }
        var words: [UInt64?] = []
        var at = 0
        while at < pieces.count {
            let start = at
            at += 1
            var (value, digits) = (pieces[start].value, pieces[start].digits)
            while at < pieces.count, digits < Self.digitsOfWord, !pieces[at].isPrefixed,
                pieces[at].digits < Self.digitsOfWord
            {
                if let high = value, let low = pieces[at].value,
                    digits + pieces[at].digits <= Self.digitsOfWord
                {
                    value = high << UInt64(4 * pieces[at].digits) | low
                } else {
                    value = nil
                }
                digits += pieces[at].digits
                at += 1
            }
            let isShortened =
                at == start + 1 && pieces[start].isPrefixed && !pieces[start].hasLeadingZero
                && digits < Self.digitsOfWord && (digits <= Self.digitsOfShortenedMax || !isPadded)
            words.append(digits == Self.digitsOfWord || isShortened ? value : nil)
        }
        return words
    }

    /// Without a line that the log has twice, where it is plain which: all of them, or one.
    private func undoubled(_ words: [UInt64?]) -> [UInt64?] {
        let count = Self.wordsOfEvent
        if words.count == 2 * count, (0..<count).allSatisfy({ words[2 * $0] == words[2 * $0 + 1] }) {
            return (0..<count).map { words[2 * $0] }
        }
        guard words.count == count + 1 else { return words }
        var candidates: [[UInt64?]] = []
        for place in 1...count where words[place] == words[place - 1] {
            var fewer = words
            fewer.remove(at: place)
            if !candidates.contains(fewer) { candidates.append(fewer) }
        }
        return candidates.count == 1 ? candidates[0] : words
    }
}
