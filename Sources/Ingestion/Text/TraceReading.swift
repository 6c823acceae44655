// The lines of a trace one after the other. Mail programs break long events at their blanks; the parts are
// joined, also where a line of another event came between them.

import AddressSpaces
import Machines

struct TraceReading {
    var content = TraceText.Content()
    private(set) var notes = CleaningNotes()
    private var open: Open?

    /// What a line began, and the next ones may go on with.
    private struct Open {
        enum Part {
            /// The stamp of an event, perhaps with its name, which is not yet known to be ours.
            case head
            /// An event without all of its numbers.
            case event
            /// An event that can be read, whose last number may be in the next line.
            case whole(MappingEvent)
        }

        var part: Part
        let line: TextLines.Line
        var bytes: ArraySlice<UInt8>
        var isUnended: Bool
        var joined = 0
        var others = 0
    }

    private static let joinedMax = 6
    /// Lines of others between the parts of an event.
    private static let othersMax = 6

    init(skipped lines: Int) {
        content.linesRead = lines
        content.linesIgnored = lines
    }

    mutating func take(_ line: TextLines.Line) throws(TextError) {
        content.linesRead += 1
        guard content.linesRead <= TextLimits.linesMax else {
            throw TextError.tooManyLines(line.number)
        }
        guard line.bytes.first != 0x23 else {
            content.linesIgnored += 1
            return
        }
        if var open, open.joined < Self.joinedMax, Self.continues(open, line) {
            open.bytes += [0x20] + line.bytes
            open.joined += 1
            open.isUnended = line.isUnended
            self.open = open
            notes.note(.wrapped, line: line.number)
            return take(&open)
        }
        if case .event? = open?.part, TraceText.event(in: line.bytes) == nil,
            open?.others ?? 0 < Self.othersMax
        {
            open?.others += 1
            ignore(line)
            return
        }
        try finish()
        var start = Open(part: .head, line: line, bytes: line.bytes, isUnended: line.isUnended)
        take(&start)
    }

    /// Closes what was begun.
    mutating func finish() throws(TextError) {
        guard let open else { return }
        self.open = nil
        switch open.part {
        case .head: ignore(open.line)
        case .whole(let event): content.events.append(event)
        case .event:
            guard !open.isUnended else {
                content.linesIgnored += 1
                return
            }
            let name = TraceText.event(in: open.bytes)?.name ?? ""
            throw TextError(
                open.line.number,
                "\"\(open.line.shown)\" begins like the event \(name) but cannot be read as one")
        }
    }

    /// Reads what there is of an event, and keeps it where more may come.
    private mutating func take(_ start: inout Open) {
        guard let (name, place, text) = TraceText.event(in: start.bytes) else {
            if Self.isHead(start.bytes) { open = start } else { ignore(start.line) }
            return
        }
        let values = TraceText.values(text)
        guard let kind = TraceText.kind(name, values) else {
            start.part = .event
            open = start
            return
        }
        let device = values["dev"].map { TextLines.string($0.prefix(Self.deviceBytesMax)) } ?? ""
        let event = MappingEvent(
            line: start.line.number, task: TraceText.task(start.bytes[..<place]), kind: kind,
            device: device.hasPrefix("(") ? "" : device)
        start.part = .whole(event)
        open = start
    }

    private static let deviceBytesMax = 128

    private mutating func ignore(_ line: TextLines.Line) {
        content.linesIgnored += 1
        let (sum, over) = content.eventsLost.addingReportingOverflow(TraceText.lost(line))
        content.eventsLost = over ? .max : sum
    }

    /// `kworker/0:1-12 [000] ..... 12.5: map:`, or without the name.
    private static func isHead(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let word = lastWord(bytes), word.last == 0x3a else { return false }
        return isName(word) || word.contains { DecimalLiteral.isDigit($0) }
    }

    private static func lastWord(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let trimmed = LineMarks.trimmed(bytes)
        let start = trimmed.lastIndex(where: TextLines.isBlank).map { $0 + 1 } ?? trimmed.startIndex
        return trimmed[start...].isEmpty ? nil : trimmed[start...]
    }

    /// `map:`, `iommu:unmap:`
    private static func isName(_ word: ArraySlice<UInt8>) -> Bool {
        guard word.last == 0x3a else { return false }
        let name = word.dropLast()
        let start = name.lastIndex(of: 0x3a).map { $0 + 1 } ?? name.startIndex
        return TraceText.names.contains(TextLines.string(name[start...].prefix(nameBytesMax)))
    }

    private static let nameBytesMax = 32

    /// Whether the line is what an event goes on with, and nothing else.
    private static func continues(_ open: Open, _ line: TextLines.Line) -> Bool {
        let words = line.bytes.prefix(partBytesMax).split(
            maxSplits: wordsMax, whereSeparator: TextLines.isBlank)
        guard line.bytes.count < partBytesMax, let first = words.first else { return false }
        func isMark(_ word: ArraySlice<UInt8>) -> Bool { word.elementsEqual("IOMMU:".utf8) }
        switch open.part {
        case .head:
            let isNamed = lastWord(open.bytes).map(isName) ?? false
            return isNamed ? isMark(first) : isName(first) && words.count > 1 && isMark(words[1])
        case .event: return words.allSatisfy(isPart)
        case .whole(let event):
            guard case .unmap = event.kind else { return false }
            return first.starts(with: "unmapped_size=".utf8) && words.allSatisfy(isPart)
        }
    }

    private static let partBytesMax = 512
    private static let wordsMax = 16
    private static let fields: Set<String> = ["dev", "device", "iova", "paddr", "size", "unmapped_size"]

    private static func isPart(_ word: ArraySlice<UInt8>) -> Bool {
        if word.elementsEqual([0x2d]) || TextLines.prefixedHex(word) != nil { return true }
        guard let equals = word.firstIndex(of: 0x3d), equals + 1 < word.endIndex else { return false }
        return fields.contains(TextLines.string(word[..<equals]))
    }
}
