// The files /sys/kernel/iommu_groups/N/reserved_regions as text: one of them, or many as `tail -n +1`,
// `head` or `grep -r .` print them. Mirrors drivers/iommu/iommu.c: iommu_group_show_resv_regions and
// Documentation/ABI/testing/sysfs-kernel-iommu_groups, Linux 7.2.

import AddressSpaces
import Machines

/// Reads reserved_regions texts.
enum SysfsText {
    /// A line as the kernel prints it. Software and hardware MSI regions print alike.
    struct Region: Hashable {
        var start: UInt64
        /// Inclusive; below `start` for a region of no bytes.
        var last: UInt64
        var word: Word
    }

    enum Word: String, CaseIterable {
        case direct
        case directRelaxable = "direct-relaxable"
        case reserved
        case msi

        /// Which comes first at equal starts.
        var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    struct Group {
        var number: UInt64
        var regions: [Region] = []
        /// Bytes of the file so far, newlines included.
        var bytes = 0
    }

    /// Whether the line is one of the file, or names it, or is so close to one that it is worth saying what
    /// is wrong with it.
    static func isLine(_ line: TextLines.Line) -> Bool {
        if region(line.bytes) != nil || heading(line.bytes) != nil { return true }
        let words = line.words
        func isNumber(_ word: ArraySlice<UInt8>) -> Bool {
            TextLines.prefixedHex(word) != nil || TextLines.bareHex(word) != nil
        }
        guard words.count == 3, isNumber(words[0]), isNumber(words[1]) else { return false }
        let word = TextLines.string(words[2].map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 })
        return Word(rawValue: word) != nil || ["direct_relaxable", "sw_msi", "software_msi"].contains(word)
    }

    /// `0x0000000008000000 0x00000000080fffff msi`
    private static func region(_ bytes: ArraySlice<UInt8>) -> Region? {
        let words = bytes.split(whereSeparator: TextLines.isBlank)
        guard words.count == 3, let start = TextLines.prefixedHex(words[0]),
            let last = TextLines.prefixedHex(words[1]), let word = Word(rawValue: TextLines.string(words[2]))
        else { return nil }
        return Region(start: start, last: last, word: word)
    }

    /// The group and file that a path names: what comes before `file` in ".../N/file", and what comes after
    /// the path's colon.
    private static func heading(
        _ bytes: ArraySlice<UInt8>
    ) -> (group: UInt64, file: ArraySlice<UInt8>, rest: ArraySlice<UInt8>)? {
        var bare = bytes.drop(while: TextLines.isBlank)
        let arrow = Array("==> ".utf8)
        if bare.starts(with: arrow) {
            bare = bare.dropFirst(arrow.count)
            guard bare.count > 4, bare.suffix(4).elementsEqual(" <==".utf8) else { return nil }
            return path(bare.dropLast(4)).map { ($0.group, $0.file, []) }
        }
        guard let colon = bare.firstIndex(of: 0x3a) else { return path(bare).map { ($0.group, $0.file, []) } }
        return path(bare[..<colon]).map { ($0.group, $0.file, bare[(colon + 1)...]) }
    }

    private static func path(_ bytes: ArraySlice<UInt8>) -> (group: UInt64, file: ArraySlice<UInt8>)? {
        let parts = bytes.split(separator: 0x2f)
        guard let place = parts.indices.dropLast().last(where: { DecimalLiteral.parse(parts[$0]) != nil }),
            place + 1 < parts.count, let group = DecimalLiteral.parse(parts[place])
        else { return nil }
        return (group, parts[place + 1])
    }

    /// The groups in the order of the text. Text without any path is one group, number 0.
    static func read(_ text: [UInt8], _ findings: inout FindingList) throws(TextError) -> [Group] {
        var groups: [Group] = []
        var places: [UInt64: Int] = [:]
        var current: Int?
        /// Inside another file of a group's folder, whose lines are not ours.
        var isElsewhere = false
        var counts = (lines: 0, regions: 0)
        func open(_ number: UInt64, _ line: Int) throws(TextError) -> Int {
            if let place = places[number] { return place }
            guard groups.count < TextLimits.groupsMax else {
                throw TextError(line, "more than \(TextLimits.groupsMax) groups")
            }
            groups.append(Group(number: number))
            places[number] = groups.count - 1
            return groups.count - 1
        }
        for line in TextLines(text) where !line.isBlank {
            counts.lines += 1
            guard counts.lines <= TextLimits.linesMax else {
                throw TextError(line.number, "more than \(TextLimits.linesMax) lines")
            }
            var content = line.bytes
            var place: Int?
            if region(content) == nil, let head = heading(content) {
                isElsewhere = !head.file.elementsEqual("reserved_regions".utf8)
                if isElsewhere { continue }
                place = try open(head.group, line.number)
                if head.rest.allSatisfy(TextLines.isBlank) {
                    current = place
                    continue
                }
                content = head.rest
            } else if isElsewhere {
                continue
            }
            guard let region = region(content) else {
                if let current, isCut(line, text, groups[current]) {
                    findings.note(
                        .warning, "sysfs-cut-off", "line \(line.number)",
                        "The file ends after one page, in the middle of a line; the regions after that are unknown."
                    )
                    continue
                }
                throw TextError(
                    line.number,
                    "\"\(line.shown)\" is not a region (\"0x0000000008000000 0x00000000080fffff msi\")")
            }
            if place == nil, current == nil { current = try open(0, line.number) }
            guard let index = place ?? current else { continue }
            counts.regions += 1
            guard counts.regions <= TextLimits.regionsMax,
                groups[index].regions.count < TextLimits.regionsPerGroupMax
            else { throw TextError(line.number, "too many regions") }
            groups[index].regions.append(region)
            groups[index].bytes += content.count + 1
        }
        guard !groups.isEmpty else { throw TextError(nil, "the text names no group and contains no region") }
        return groups
    }

    /// A last line that the kernel's page cut.
    private static func isCut(_ line: TextLines.Line, _ text: [UInt8], _ group: Group) -> Bool {
        let isLast = line.bytes.endIndex == text.endIndex
        return isLast && group.bytes + line.bytes.count >= TextLimits.sysfsPageBytes - 1
    }
}
