// Mail and terminals break long lines. A message that ends before its driver would end it takes the next line
// on, if that goes on with it: a field's name, the rest of a number, the next words of an event.

import Machines

extension FaultMessage {
    private static let continuationsMax = 6
    /// Registers that stand on a line of their own, as it may end within their names.
    private static let registers: Set<String> = [
        "FAR", "PAR", "FSR", "FSYNR0", "FSYNR1", "SID", "TTBR0", "TTBR1", "context", "context bank#",
    ]
    private static let digitsOfWord = 16

    /// What drivers call the numbers of their messages, as it stands in front of them.
    private static let names = [
        "fsr=", "iova=", "fsynr=", "fsynr0=", "fsynr1=", "cbfrsynra=", "cb=", "sid=", "SID=", "pgd=", "pud=",
        "pmd=", "pte=", "client:", "sid:", "ssid:", "iova:", "ipa:", "fetch_addr:", "GFSR", "GFSYNR0",
        "GFSYNR1", "GFSYNR2",
    ]

    /// What may come behind "unpriv data write".
    private static let accessWords: Set<String> = [
        "data", "inst", "read", "write", "s1", "s2", "\"Input", "\"CD", "\"TTD", "\"TT", "address", "caused",
        "fetch\"", "fault\"", "fetch", "translation", "table", "stall", "stag:", "\"Stage", "Stage", "1",
        "ttd_write", "ttd_read",
    ]

    /// Whether something is missing that the driver always prints at the end.
    var isCut: Bool {
        if isEnded { return false }
        if text.isEmpty || FaultPhrase.isCut(text, driver) { return true }
        switch driver {
        case .armSMMU: return isCutV2
        case .armSMMUv3: return isCutV3
        }
    }

    private var isCutV2: Bool {
        if starts(.phoneFault) { return words.count < 6 }
        if text.last == 0x3d || Self.registers.contains(TextLines.string(text.prefix(16))) { return true }
        if starts("FSR") { return text.last == 0x2c || !text.contains(0x5d) }
        if starts(.contextFault) {
            let fields = FaultFields(text[...])
            if text.last == 0x2c || isParenthesisOpen { return true }
            return (fields.text("cb") ?? "").isEmpty && !fields.has("SID")
        }
        return starts("GFSR") && FaultFields(text[...])["GFSYNR2"] == nil
    }

    private var isCutV3: Bool {
        let words = words
        switch TextLines.string(words[0].prefix(8)) {
        case "event":
            guard words.dropFirst(3).allSatisfy({ EventRecord.Piece($0) != nil }) else { return false }
            return words.count < 3 + EventRecord.wordsOfEvent || Self.isHalf(words.last)
        case "event:":
            let number = words.count > 1 ? SMMUFault.eventNumber(named: TextLines.string(words[1])) : nil
            let last = number.map { (0x10...0x13).contains($0) } == true ? "ipa" : "ssid"
            return FaultFields(text[...])[last] == nil
        case "sid":
            return Self.isRequestCut(words)
        case "CMD_SYNC":
            return text.last != 0x5d
        case "priv", "unpriv":
            return FaultFields(text[...])["stag"] == nil
        default:
            return words.count < EventRecord.wordsOfEvent && Self.isHalf(words.last)
        }
    }

    /// Whether a page request lacks its address.
    private static func isRequestCut(_ words: [ArraySlice<UInt8>]) -> Bool {
        guard words.count < requestWordsMax else { return false }
        let place = words.firstIndex { $0.elementsEqual("iova".utf8) }
        return place.map { $0 + 1 == words.count } ?? true
    }

    private static let requestWordsMax = 12

    private var isParenthesisOpen: Bool {
        guard let open = text.lastIndex(of: 0x28) else { return false }
        return !text[open...].contains(0x29)
    }

    /// Whether a word of an event's record may lack its end: they have all their zeros.
    private static func isHalf(_ word: ArraySlice<UInt8>?) -> Bool {
        guard let word, let piece = EventRecord.Piece(word) else { return false }
        return piece.digits < digitsOfWord
    }

    /// The message with what stands on the next line; nil when that does not go on with it.
    func continued(by head: ArraySlice<UInt8>) -> FaultMessage? {
        guard continuations < Self.continuationsMax, isCut else { return nil }
        let more = head.drop { TextLines.isBlank($0) || $0 == 0x3e }
        // The next message's stamp may begin on the same line.
        let rest = FaultStamp.hasClock(more) ? FaultStamp.beforeClock(more) : more
        guard !rest.isEmpty, var whole = joined(to: rest) else { return nil }
        whole.isEnded = rest.count < more.count
        return whole
    }

    private func joined(to more: ArraySlice<UInt8>) -> FaultMessage? {
        guard let separator = separator(to: more) else { return nil }
        var whole = self
        whole.text += separator + more
        whole.continuations += 1
        return whole
    }

    /// What stands between this message and the line that goes on with it.
    private func separator(to more: ArraySlice<UInt8>) -> [UInt8]? {
        let blank: [UInt8] = [0x20]
        let token = more.prefix { !TextLines.isBlank($0) }
        if text.isEmpty {
            let isMessage = FaultForm.bareDriver(of: more + [0x20], isContinued: true) == driver
            return isMessage || FaultPhrase.begins(more, driver) ? [] : nil
        }
        if FaultPhrase.isContinued(text, by: more, driver) { return blank }
        switch driver {
        case .armSMMU: break
        case .armSMMUv3:
            let words = words
            if words[0].elementsEqual("event".utf8) || EventRecord.Piece(words[0]) != nil {
                return separatorOfWords(words, more, token)
            }
            if starts("sid") {
                let isPart = ["0x", "[", "priv", "unpriv", "access", "at", "iova"].contains {
                    token.starts(with: $0.utf8)
                }
                let isRest = TextLines.Line(number: 0, bytes: more, isUnended: false).holds("iova 0x")
                return isPart || isRest ? blank : nil
            }
            if starts("priv") || starts("unpriv") {
                return Self.accessWords.contains(TextLines.string(token))
                    || words.last?.elementsEqual("stag:".utf8) == true ? blank : nil
            }
        }
        return separatorOfFields(TextLines.string(token), more)
    }

    private func separatorOfWords(
        _ words: [ArraySlice<UInt8>], _ more: ArraySlice<UInt8>, _ token: ArraySlice<UInt8>
    ) -> [UInt8]? {
        if words[0].elementsEqual("event".utf8), words.count < 3 {
            let isEnd = token.elementsEqual("received:".utf8)
            // The number may be lost.
            let isNext = isEnd || words.count == 1 && TextLines.prefixedHex(token) != nil
            return isNext ? [0x20] : nil
        }
        // Behind it the next message's stamp may begin.
        guard let first = EventRecord.Piece(token) else { return nil }
        if first.isPrefixed || first.digits == Self.digitsOfWord { return [0x20] }
        let half = words.last.flatMap { EventRecord.Piece($0) }
        return half.map { $0.digits + first.digits <= Self.digitsOfWord } == true ? [] : nil
    }

    private func separatorOfFields(_ token: String, _ more: ArraySlice<UInt8>) -> [UInt8]? {
        let lastWord = TextLines.string(text.reversed().prefix { !TextLines.isBlank($0) }.reversed())
        func isNamed(_ words: String) -> Bool { Self.names.contains { words.hasPrefix($0) } }
        if !lastWord.isEmpty, !isNamed(lastWord), isNamed(lastWord + token) { return [] }
        if isNamed(token) { return [0x20] }
        if lastWord == "event:", SMMUFault.eventNumber(named: token) != nil || token == "UNKNOWN" {
            return [0x20]
        }
        let rest = TextLines.Line(number: 0, bytes: more, isUnended: false)
        if lastWord == "client:", rest.holds(" sid:") { return [0x20] }
        if lastWord == "(unassigned", token == "sid)" { return [0x20] }
        if text.elementsEqual(FaultOpening.commandError.words.utf8), token.hasSuffix("):") { return [0x20] }
        if starts(.commandTimeout), ["0x", "[hwprod", "hwcons"].contains(where: token.hasPrefix) {
            return [0x20]
        }
        if driver == .armSMMU, let separator = separatorOfRegister(lastWord, token) { return separator }
        if lastWord.hasSuffix(":") || lastWord.hasPrefix("GF"), token.hasPrefix("0x") { return [0x20] }
        if driver == .armSMMU, isParenthesisOpen, token.hasPrefix("-") || token.hasSuffix("),") {
            return [0x20]
        }
        if Self.isNumberBroken(lastWord, token) { return [] }
        return starts(.phoneFault) && token.hasSuffix("!") ? [0x20] : nil
    }

    /// `FAR` and `= 0x40`, `FSR = 00000402` and `[Format=2 TF], SID=0x102`
    private func separatorOfRegister(_ lastWord: String, _ token: String) -> [UInt8]? {
        let isNamed = Self.registers.contains(TextLines.string(text.prefix(16)))
        let isNext =
            isNamed && (token.hasPrefix("=") || token == "bank#")
            || lastWord == "="
                && TextLines.bareHex(token.hasPrefix("0x") ? token.utf8.dropFirst(2) : token.utf8[...]) != nil
            || starts("FSR") && (token.hasPrefix("[") || text.contains(0x5b) && !text.contains(0x5d))
        return isNext ? [0x20] : nil
    }

    /// Whether a number was broken in two, or from its comma: "iova=0" and "x40,".
    private static func isNumberBroken(_ lastWord: String, _ token: String) -> Bool {
        if token.hasPrefix(",") { return true }
        if token.hasPrefix("x") { return lastWord.hasSuffix("=0") || lastWord == "0" }
        guard lastWord.hasSuffix("=") || lastWord.contains("0x") && !token.hasPrefix("0x"),
            !lastWord.hasSuffix(",")
        else { return false }
        let digits = token.hasPrefix("0x") ? token.dropFirst(2) : token[...]
        return TextLines.bareHex(digits.utf8.prefix { $0 != 0x2c }) != nil
    }
}
