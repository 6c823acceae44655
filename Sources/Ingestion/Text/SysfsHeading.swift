// Lines that say whose reserved regions or devices follow: paths as `tail`, `head`, `grep`, `find` and loops
// of a shell print them, and "IOMMU Group 3:" of the scripts that everybody copies.

import AddressSpaces
import Machines

struct SysfsHeading {
    enum Content {
        /// The file's lines; what comes after the path in the same line.
        case regions(ArraySlice<UInt8>)
        /// A member of the group.
        case device(String)
        /// Names of members, a line each.
        case deviceFolder
        /// Devices or regions, a line each.
        case listing(ArraySlice<UInt8>)
        /// Another file, whose lines are not ours.
        case elsewhere
    }

    let group: SysfsText.Name
    let content: Content
    /// The file was printed, even where nothing follows: a path alone may only be listed.
    private(set) var isPrinted = false
    /// The heading is a number and nothing else, which only what follows makes one.
    private(set) var isNumber = false

    /// A region follows in the same line.
    var hasRegion: Bool {
        switch content {
        case .regions(let rest), .listing(let rest): SysfsText.region(rest) != nil
        case .device, .deviceFolder, .elsewhere: false
        }
    }

    init?(_ line: ArraySlice<UInt8>) {
        let bare = line.drop(while: TextLines.isBlank)
        let arrow = Array("==> ".utf8)
        if bare.starts(with: arrow) {
            guard bare.count > 8, bare.suffix(4).elementsEqual(" <==".utf8) else { return nil }
            self.init(path: bare.dropFirst(arrow.count).dropLast(4), isWhole: true)
            isPrinted = true
        } else if let listing = Self.listing(bare) {
            self = listing
        } else {
            self.init(path: bare, isWhole: false)
        }
    }

    private init(_ group: SysfsText.Name, _ content: Content) {
        self.group = group
        self.content = content
    }

    /// - Parameter isWhole: nothing follows the path, so that its colons are its own.
    private init?(path bytes: ArraySlice<UInt8>, isWhole: Bool) {
        if let own = Self.ofDevice(bytes) {
            self = own
            return
        }
        let colon = bytes.firstIndex(of: 0x3a)
        let parts = LineMarks.trimmed(bytes[..<(colon ?? bytes.endIndex)]).split(separator: 0x2f)
        let rest = isWhole ? [] : colon.map { bytes[($0 + 1)...] } ?? []
        if let number = Self.ofFolder(parts) {
            self.init(.number(number), .listing(rest.drop(while: TextLines.isBlank)))
            return
        }
        guard let place = parts.indices.dropLast().last(where: { DecimalLiteral.parse(parts[$0]) != nil }),
            let number = DecimalLiteral.parse(parts[place])
        else {
            // The file, and not whose.
            guard let last = parts.last, last.elementsEqual(ShellCommand.regionFile.utf8) else { return nil }
            self.init(.unnamed(0), .regions(rest))
            return
        }
        let file = parts[place + 1]
        switch TextLines.string(file) {
        case ShellCommand.regionFile: self.init(.number(number), .regions(rest))
        case "devices" where place + 2 < parts.count:
            let name = bytes[parts[place + 2].startIndex...].prefix { $0 != 0x2f && !TextLines.isBlank($0) }
            let device = SysfsText.memberName(name.last == 0x3a ? name.dropLast() : name)
            self.init(.number(number), device.map(Content.device) ?? .elsewhere)
        case "devices": self.init(.number(number), .deviceFolder)
        default: self.init(.number(number), .elsewhere)
        }
    }

    /// `/sys/kernel/iommu_groups/3`
    private static func ofFolder(_ parts: [ArraySlice<UInt8>]) -> UInt64? {
        guard parts.count > 1, parts[parts.count - 2].elementsEqual("iommu_groups".utf8) else { return nil }
        return DecimalLiteral.parse(parts[parts.count - 1])
    }

    /// `3`, `./3/`, `Group 3`, `== 3 ==`, alone in its line or before a region: in a text of regions it is
    /// what a loop prints before the file; elsewhere it may be anything.
    init?(ofLoop line: ArraySlice<UInt8>) {
        guard line.count <= Self.loopBytesMax else { return nil }
        let around = Set("#=-*[]: \t/".utf8)
        var words = line.split(whereSeparator: TextLines.isBlank)
        var region = line[line.endIndex...]
        if words.count > 3, let last = words.last {
            let start = words[words.count - 3].startIndex
            if SysfsText.region(line[start..<last.endIndex]) != nil { region = line[start...] }
        }
        var bare = line[..<region.startIndex].drop { around.contains($0) }
        if bare.starts(with: "./".utf8) { bare = bare.dropFirst(2) }
        bare = bare[..<(bare.lastIndex { !around.contains($0) }.map { $0 + 1 } ?? bare.startIndex)]
        let marks = Set(" \t:=#_-".utf8)
        words = bare.split(whereSeparator: marks.contains)
        for name in ["iommu", "group"] where words.count > 1 {
            if TextLines.string(words[0]).lowercased() == name { words.removeFirst() }
        }
        guard words.count == 1, let number = DecimalLiteral.parse(words[0]), words[0].count <= Self.digitsMax
        else { return nil }
        self.init(.number(number), .listing(region))
        isNumber =
            region.isEmpty && words[0].count == LineMarks.trimmed(line.drop(while: TextLines.isBlank)).count
    }

    private static let loopBytesMax = 160
    private static let digitsMax = 6

    /// `/sys/bus/pci/devices/0000:01:00.0/iommu_group/reserved_regions`: a group whose number is not said.
    private static func ofDevice(_ bytes: ArraySlice<UInt8>) -> SysfsHeading? {
        let parts = bytes.split(separator: 0x2f, maxSplits: pathDepthMax)
        guard let link = parts.firstIndex(where: { $0.elementsEqual("iommu_group".utf8) }), link > 0,
            link + 1 < parts.count, let device = SysfsText.deviceName(parts[link - 1])
        else { return nil }
        let file = parts[link + 1].prefix { $0 != 0x3a }
        guard file.elementsEqual(ShellCommand.regionFile.utf8) else {
            return SysfsHeading(.device(device), .elsewhere)
        }
        return SysfsHeading(.device(device), .regions(parts[link + 1][file.endIndex...].dropFirst()))
    }

    private static let pathDepthMax = 32

    /// `IOMMU Group 3:`, `IOMMU Group 3 0000:01:00.0 ...`, `### Group 3 ###`, `Group: 3 0000:01:00.0 ...`
    private static func listing(_ bytes: ArraySlice<UInt8>) -> SysfsHeading? {
        let frame = Set("#=-*[ ".utf8)
        let bare = bytes.drop { frame.contains($0) }
        let isFramed = bare.startIndex > bytes.startIndex
        let words = bare.prefix(headingBytesMax).split(maxSplits: 3, whereSeparator: TextLines.isBlank)
        func isWord(_ place: Int, _ word: String) -> Bool {
            guard place < words.count else { return false }
            let text = TextLines.string(words[place]).lowercased()
            return text == word || text == word + ":"
        }
        // "IOMMU group: 3" is a line of lspci about the function above it.
        let isNamed = isWord(0, "iommu") && isWord(1, "group") && words[1].last != 0x3a
        let place = isNamed ? 2 : 1
        guard isNamed || isWord(0, "group"), place < words.count else { return nil }
        let digits = words[place].prefix { DecimalLiteral.isDigit($0) }
        guard let number = DecimalLiteral.parse(digits) else { return nil }
        let rest = bare[digits.endIndex...].drop { $0 == 0x3a || $0 == 0x5d || TextLines.isBlank($0) }
        let isEmpty = rest.allSatisfy { frame.contains($0) }
        // "Group 3" alone may begin anything.
        guard isNamed || isFramed && isEmpty || SysfsText.device(of: rest) != nil else { return nil }
        return SysfsHeading(.number(number), .listing(isEmpty ? [] : rest))
    }

    private static let headingBytesMax = 64
}
