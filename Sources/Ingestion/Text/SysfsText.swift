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

    typealias Word = ReservedRegion.Kind.SysfsWord

    /// What the text calls a group.
    enum Name: Hashable {
        case number(UInt64)
        /// The group of this device.
        case device(String)
        /// One of which the text does not say the number; counted from 1.
        case unnamed(Int)
    }

    struct Group {
        var name: Name
        var regions: [Region] = []
        /// Members that the text names.
        var devices: [String] = []
        /// Those that one list of them names again, each once.
        var repeated: [String] = []
        /// Whether the text has the file: a list of devices alone has not.
        var isReported = false
        /// Bytes of the file so far, newlines included.
        var bytes = 0
    }

    /// Whether the line is one of the file, or names it, or is so close to one that it is worth saying what
    /// is wrong with it.
    static func isLine(_ line: TextLines.Line) -> Bool {
        if region(line.bytes) != nil || SysfsHeading(line.bytes) != nil { return true }
        if SysfsHeading(ofLoop: line.bytes)?.hasRegion == true { return true }
        let words = line.words
        func isNumber(_ word: ArraySlice<UInt8>) -> Bool {
            TextLines.prefixedHex(word) != nil || TextLines.bareHex(word) != nil
        }
        guard words.count == 3, isNumber(words[0]), isNumber(words[1]) else { return false }
        let word = TextLines.string(words[2].map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 })
        return Word(rawValue: word) != nil || ["direct_relaxable", "sw_msi", "software_msi"].contains(word)
    }

    /// `0x0000000008000000 0x00000000080fffff msi`
    static func region(_ bytes: ArraySlice<UInt8>) -> Region? {
        let words = bytes.split(whereSeparator: TextLines.isBlank)
        guard words.count == 3, let start = TextLines.prefixedHex(words[0]),
            let last = TextLines.prefixedHex(words[1]), let word = Word(rawValue: TextLines.string(words[2]))
        else { return nil }
        return Region(start: start, last: last, word: word)
    }

    /// The groups in the order of the text.
    static func read(_ text: [UInt8], _ findings: inout FindingList) throws(TextError) -> [Group] {
        let clean = CleanText(text, stamps: .removed)
        clean.tell(&findings)
        var reading = SysfsReading(textEnd: clean.bytes.endIndex)
        try clean.forEachLine { (line, beginsOutput) throws(TextError) in
            if beginsOutput { reading.beginOutput() }
            try reading.take(line)
        }
        try reading.finish()
        if reading.isCutOff {
            findings.note(
                .warning, "sysfs-cut-off", "line \(reading.lastLine)",
                "The file ends after one page, in the middle of a line; the regions after that are unknown.")
        }
        reading.notes.tell(&findings)
        // A command whose output names its groups by itself began none.
        let groups = reading.groups.filter { group in
            if case .unnamed = group.name { return !group.regions.isEmpty || !group.devices.isEmpty }
            return true
        }
        guard !groups.isEmpty else {
            throw TextError(nil, "the text names no group and contains no region")
        }
        return groups
    }

    /// The device at the start of `01:00.0 VGA compatible controller ...`, with its segment.
    static func device(of bytes: ArraySlice<UInt8>) -> String? {
        let bare = bytes.drop(while: TextLines.isBlank)
        let word = bare.prefix(nameBytesMax).prefix { !TextLines.isBlank($0) }
        return pciName(word.last == 0x3a ? word.dropLast() : word)
    }

    /// A name that a folder of devices may hold: `0000:01:00.0`, `1d84000.ufshc`; without the shell's
    /// backslashes.
    static func deviceName(_ bytes: ArraySlice<UInt8>) -> String? {
        let name = bytes.prefix(nameBytesMax).filter { $0 != 0x5c }
        if let function = pciName(name[...]) { return function }
        let isName = name.contains(0x2e) && name.first.map { HexLiteral.digit($0) != nil } ?? false
        return isName && name.allSatisfy { (0x21...0x7e).contains($0) } ? TextLines.string(name) : nil
    }

    /// A name in the one place where nothing else stands: also `soc:gpu`, as Linux names nodes without an
    /// address.
    static func memberName(_ bytes: ArraySlice<UInt8>) -> String? {
        if let name = deviceName(bytes) { return name }
        let others = Set(".,:_+@#-".utf8)
        let isLetter = { (byte: UInt8) in 0x61...0x7a ~= byte | 0x20 }
        let isName =
            bytes.contains(where: isLetter) && bytes.count <= nameBytesMax
            && bytes.allSatisfy { isLetter($0) || 0x30...0x39 ~= $0 || others.contains($0) }
        return isName ? TextLines.string(bytes) : nil
    }

    private static let nameBytesMax = 64

    private static func pciName(_ word: ArraySlice<UInt8>) -> String? {
        Platform.fullAddress(TextLines.string(word))
    }
}
