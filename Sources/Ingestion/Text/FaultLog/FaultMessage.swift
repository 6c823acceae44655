// What one line of a kernel log says of an SMMU: which driver speaks, of which device, and the message,
// whatever the log has around it. A line may hold several messages, or the end of one.

import AddressSpaces
import Machines

/// A message of an SMMU driver.
struct FaultMessage {
    let driver: SMMUFault.Driver
    let format: SMMUFault.Format
    /// Empty when the line holds the message alone.
    let smmu: String
    var text: [UInt8]
    var line: Int
    /// The line as text, for an answer.
    let shown: String
    /// The log's time of it.
    let time: String?
    /// What a syslog daemon says it left out of such messages, and this one.
    var repeats = 1
    /// The log ends with it, without the end of a line.
    let isUnended: Bool
    var continuations = 0
    /// Its line has no driver's name.
    var isBare = false
    /// Another message's stamp stands behind it.
    var isEnded = false

    var words: [ArraySlice<UInt8>] { text.split(whereSeparator: TextLines.isBlank) }

    func starts(_ words: String) -> Bool { text.starts(with: words.utf8) }

    /// Whether `words` stands in it.
    func holds(_ words: String) -> Bool {
        TextLines.Line(number: line, bytes: text[...], isUnended: false).holds(words)
    }
}

/// A line, taken apart.
struct FaultLine {
    /// What stands in front of the first name, without stamps: it may go on with the message before.
    let head: ArraySlice<UInt8>
    private(set) var messages: [FaultMessage] = []
    /// The head as a message of its own, where it starts as one.
    private(set) var headMessage: FaultMessage?
    /// No driver's name is in it: the head is all of it.
    private(set) var isBare = false
    /// A driver's name at the end, whose device is on the next line.
    let tail: ArraySlice<UInt8>?

    /// `expectsBare` when a message without a name may go on with one that had none; `firstLine` when the
    /// first message began on another line.
    init(_ line: TextLines.Line, expectsBare: Bool, firstLine: Int? = nil) {
        let bytes = FaultStamp.withoutColours(line.bytes)
        let marks = FaultMark.all(in: bytes)
        tail = FaultMark.unfinished(in: bytes, from: marks.last?.text ?? bytes.startIndex).map {
            bytes[$0...]
        }
        let end = tail?.startIndex ?? bytes.endIndex
        func message(
            _ driver: SMMUFault.Driver, _ format: SMMUFault.Format, _ smmu: String,
            _ text: ArraySlice<UInt8>, _ front: ArraySlice<UInt8>
        ) -> FaultMessage {
            let text = FaultStamp.removed(behind: FaultStamp.withoutTabs(text))
            return FaultMessage(
                driver: driver, format: format, smmu: smmu, text: Array(text), line: line.number,
                shown: line.shown, time: FaultStamp.time(in: front), isUnended: line.isUnended)
        }
        guard let first = marks.first else {
            let text = FaultStamp.removed(inFrontOf: bytes[..<end])
            if let driver = FaultForm.bareDriver(of: text, isContinued: expectsBare) {
                messages = [message(driver, .linux, "", text, bytes[..<text.startIndex])]
                messages[0].isBare = true
            }
            head = FaultStamp.removed(behind: text)
            isBare = true
            return
        }
        let front = bytes[..<first.start]
        let stripped = FaultStamp.removed(behind: FaultStamp.removed(inFrontOf: front))
        head = FaultStamp.hasClock(front) ? FaultStamp.beforeClock(front) : stripped
        if let driver = FaultForm.bareDriver(of: head, isContinued: false) {
            headMessage = message(driver, .linux, "", head, head)
            headMessage?.isBare = true
        }
        var before = bytes.startIndex
        for (number, mark) in marks.enumerated() {
            let last = number + 1 < marks.count ? marks[number + 1].start : end
            messages.append(
                message(
                    mark.driver, mark.format, mark.smmu, bytes[mark.text..<last], bytes[before..<mark.start]))
            before = mark.text
        }
        if let firstLine { messages[0].line = firstLine }
        if let count = Self.repeats(front) {
            messages[0].repeats = count
            if messages[0].text.last == 0x5d { messages[0].text.removeLast() }
        }
    }

    /// `message repeated 12 times: [ ...` of a syslog daemon.
    private static func repeats(_ front: ArraySlice<UInt8>) -> Int? {
        let words = front.suffix(192).split(whereSeparator: TextLines.isBlank)
        guard let place = words.firstIndex(where: { $0.elementsEqual("repeated".utf8) }), place > 0,
            words[place - 1].elementsEqual("message".utf8), place + 2 < words.count,
            words[place + 2].elementsEqual("times:".utf8), let count = DecimalLiteral.parse(words[place + 1])
        else { return nil }
        return Int(exactly: count).flatMap { $0 > 0 && $0 < 1 << 32 ? $0 : nil }
    }
}
