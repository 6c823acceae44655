// /proc/iomem: what IORT does not contain. The resources of root buses are the outbound windows of host
// bridges, at CPU addresses; "System RAM" is memory. Without privileges the kernel prints zeros, which is
// noticed. Mirrors kernel/resource.c: r_show, Linux 7.2.

import AddressSpaces
import Machines

/// Reads /proc/iomem.
enum IOMemText {
    struct Content {
        /// By PCI segment, in the order of the file. Bus addresses are taken to equal CPU addresses: the file
        /// does not contain offsets.
        var pciWindows: [UInt32: [PCIWindow]] = [:]
        var memory: [PhysicalRange] = []
    }

    /// Whether the line looks like one of the file: `10000000-3efeffff : PCI Bus 0000:00`.
    static func isLine(_ line: TextLines.Line) -> Bool { parse(line) != nil }

    private static let path = "/proc/iomem"

    /// The file that `==> /proc/iomem <==` or `/proc/iomem:` names; nil for other lines.
    private static func heading(_ line: TextLines.Line) -> ArraySlice<UInt8>? {
        let words = line.words
        if words.count == 3, words[0].elementsEqual("==>".utf8), words[2].elementsEqual("<==".utf8) {
            return words[1]
        }
        guard words.count == 1, let word = words.first, word.starts(with: path.utf8) else { return nil }
        return word.last == 0x3a ? word.dropLast() : word
    }

    private static func parse(_ line: TextLines.Line) -> (
        start: UInt64, last: UInt64, name: ArraySlice<UInt8>
    )? {
        let bare = line.bytes.drop(while: TextLines.isBlank)
        guard let dash = bare.firstIndex(of: 0x2d), let start = TextLines.bareHex(bare[..<dash]) else {
            return nil
        }
        let behind = bare[(dash + 1)...]
        let digits = behind.prefix { HexLiteral.digit($0) != nil }
        guard let last = TextLines.bareHex(digits), behind[digits.endIndex...].starts(with: Array(" : ".utf8))
        else { return nil }
        return (start, last, behind[(digits.endIndex + 3)...])
    }

    static func read(_ text: [UInt8], _ findings: inout FindingList) throws(TextError) -> Content {
        let clean = CleanText(text, stamps: .removed)
        clean.tell(&findings)
        var reading = Reading()
        try clean.forEachLine { (line, beginsOutput) throws(TextError) in
            if beginsOutput { try reading.beginOther() }
            try reading.take(line)
        }
        try reading.finish()
        guard reading.hasResources else { throw TextError(nil, "the text has no lines of /proc/iomem") }
        reading.notes.tell(&findings)
        if reading.isHidden {
            findings.note(
                .warning, "iomem-hidden", "iomem",
                "All addresses are 0: the file was read without CAP_SYS_ADMIN. Read it as root.")
        }
        return reading.content
    }

    /// A resource, whose name may go on in the next line.
    private struct Resource {
        let line: TextLines.Line
        let start: UInt64
        let last: UInt64
        var name: [UInt8]
    }

    private struct Reading {
        var content = Content()
        var lines = 0
        var isHidden = true
        var hasResources = false
        /// In what another command printed, or in another file: lines that are none of ours are skipped.
        private var isOther = false
        var notes = CleaningNotes()
        /// The resources around the current line: their indentation, and whether one is a PCI bus.
        private var around: [(indentation: Int, isBus: Bool)] = []
        private var windows = 0
        private var open: Resource?

        mutating func take(_ line: TextLines.Line) throws(TextError) {
            lines += 1
            guard lines <= TextLimits.linesMax else {
                throw TextError.tooManyLines(line.number)
            }
            guard let (start, last, name) = IOMemText.parse(line) else {
                if let name = IOMemText.heading(line) {
                    notes.note(.output, line: line.number)
                    try beginOther()
                    isOther = !name.elementsEqual(IOMemText.path.utf8)
                } else if isOther || ShellCommand.isComplaint(line.bytes) {
                    notes.note(.output, line: line.number)
                } else {
                    try join(line)
                }
                return
            }
            (isOther, hasResources) = (false, true)
            try finish()
            guard start <= last else {
                throw TextError(line.number, "the range ends before it starts")
            }
            open = Resource(line: line, start: start, last: last, name: Array(name))
        }

        /// What comes now may be another command's.
        mutating func beginOther() throws(TextError) {
            try finish()
            isOther = true
        }

        /// The end of a name that a mail program broke off: with it the line is longer than such lines are.
        private mutating func join(_ line: TextLines.Line) throws(TextError) {
            let first = line.words.first?.count ?? 0
            guard var resource = open, resource.line.bytes.count + 1 + first >= IOMemText.brokenColumnsMin
            else {
                throw TextError(
                    line.number,
                    "\"\(line.shown)\" is not a line of /proc/iomem (\"10000000-3efeffff : PCI Bus 0000:00\")"
                )
            }
            resource.name += [0x20] + line.bytes.drop(while: TextLines.isBlank)
            notes.note(.wrapped, line: resource.line.number)
            open = nil
            try add(resource)
        }

        mutating func finish() throws(TextError) {
            guard let resource = open else { return }
            open = nil
            try add(resource)
        }

        private mutating func add(_ resource: Resource) throws(TextError) {
            let (line, start, last) = (resource.line, resource.start, resource.last)
            if last != 0 { isHidden = false }
            let bus = IOMemText.busSegment(resource.name[...])
            while let outer = around.last, outer.indentation >= line.indentation { around.removeLast() }
            if let bus, !around.contains(where: \.isBus), last != 0 {
                let (size, isFull) = (last - start).addingReportingOverflow(1)
                guard !isFull else { throw TextError(line.number, "a window of the whole 64-bit space") }
                windows += 1
                guard windows <= TextLimits.windowsMax else {
                    throw TextError.tooManyWindows(line.number)
                }
                content.pciWindows[bus, default: []].append(
                    window(IOVARange(proven: start, start + (size - 1))))
            }
            if resource.name.elementsEqual("System RAM".utf8), last != 0 {
                guard content.memory.count < TextLimits.memoryRangesMax else {
                    throw TextError.tooManyMemoryRanges(line.number)
                }
                content.memory.append(PhysicalRange(proven: start, last))
            }
            around.append((line.indentation, bus != nil))
        }
    }

    /// A window at these addresses; the file says neither offsets nor what is prefetchable.
    static func window(_ range: IOVARange) -> PCIWindow {
        PCIWindow(
            kind: .memory, busStart: range.start.value, cpuStart: range.start.value,
            size: range.last.value - range.start.value + 1,
            is64Bit: range.last.value > UInt64(UInt32.max), isPrefetchable: false)
    }

    /// Mail is broken after some 60 columns, of which quotation marks may take a third.
    private static let brokenColumnsMin = 40

    /// The segment of "PCI Bus 0000:00".
    private static func busSegment(_ name: ArraySlice<UInt8>) -> UInt32? {
        let prefix = Array("PCI Bus ".utf8)
        guard name.starts(with: prefix) else { return nil }
        let parts = name.dropFirst(prefix.count).split(separator: 0x3a, omittingEmptySubsequences: false)
        guard parts.count == 2, let segment = TextLines.bareHex(parts[0]), TextLines.bareHex(parts[1]) != nil
        else { return nil }
        return UInt32(exactly: segment)
    }
}
