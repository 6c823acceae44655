// The lines of a reserved_regions text one after the other: which group they are of, regions that a mail
// program broke in two, and lists of devices.

import Machines

struct SysfsReading {
    private(set) var groups: [SysfsText.Group] = []
    private(set) var notes = CleaningNotes()
    private(set) var isCutOff = false
    private(set) var lastLine = 0
    private let textEnd: Int
    private var places: [SysfsText.Name: Int] = [:]
    private var section = Section.none
    private var counts = (lines: 0, regions: 0, devices: 0)
    private var members: Set<Member> = []
    /// Those that the list at hand names: one that is printed again by another command is no oddity.
    private var listed: Set<Member> = []
    private var repeated: Set<Member> = []
    private var unnamed = 0
    /// A number alone in its line, which may be a group's.
    private var number: (heading: SysfsHeading, line: TextLines.Line)?
    /// The start of a region whose end the next line may have.
    private var broken: Broken?

    private enum Section {
        case none
        case regions(Int)
        /// After "IOMMU Group 3:"; what is told about a device may follow it.
        case listing(Int, hasDevice: Bool)
        case deviceFolder(Int)
        /// Inside another file, whose lines are not ours.
        case elsewhere
        /// After a command that may print anything: regions count, of a group that is not said.
        case output
    }

    private struct Member: Hashable {
        let place: Int
        let device: String
    }

    private struct Broken {
        let line: TextLines.Line
        let bytes: [UInt8]
        let place: Int?
    }

    init(textEnd: Int) { self.textEnd = textEnd }

    mutating func take(_ line: TextLines.Line) throws(TextError) {
        counts.lines += 1
        lastLine = line.number
        guard counts.lines <= TextLimits.linesMax else {
            throw TextError.tooManyLines(line.number)
        }
        if let broken {
            let whole = broken.bytes + [0x20] + line.bytes
            self.broken = nil
            if SysfsText.region(whole[...]) != nil || Self.isStart(whole[...]) {
                notes.note(.wrapped, line: broken.line.number)
                return try takeContent(whole[...], broken.place, broken.line)
            }
            throw Self.noRegion(broken.line)
        }
        if let number {
            self.number = nil
            // A number that nothing of a group follows was none.
            if SysfsText.region(line.bytes) != nil || Self.isStart(line.bytes) {
                try take(number.heading, number.line)
            }
        }
        if SysfsText.region(line.bytes) != nil {
            try takeLine(line)
        } else if ShellCommand.isComplaint(line.bytes) {
            complain(line)
        } else if let heading = SysfsHeading(line.bytes) ?? headingOfLoop(line) {
            if heading.isNumber { number = (heading, line) } else { try take(heading, line) }
        } else if Self.isRootFolder(line) {
            section = .none
        } else {
            try takeLine(line)
        }
    }

    /// A group's number alone, where no line of another file may be meant.
    private func headingOfLoop(_ line: TextLines.Line) -> SysfsHeading? {
        switch section {
        case .none, .regions, .listing, .output: SysfsHeading(ofLoop: line.bytes)
        case .deviceFolder, .elsewhere: nil
        }
    }

    /// The lines after a command are not of the group before it.
    mutating func beginOutput() { section = .output }

    /// A command could not print its file: nothing is known of it, which is not the same as an empty file.
    private mutating func complain(_ line: TextLines.Line) {
        if case .regions(let place) = section, groups[place].regions.isEmpty {
            groups[place].isReported = false
        }
        notes.note(.output, line: line.number)
        section = .output
    }

    /// `/sys/kernel/iommu_groups:`, which `find` and `ls -R` print first.
    private static func isRootFolder(_ line: TextLines.Line) -> Bool {
        let words = line.words
        guard words.count == 1, let word = words.first else { return false }
        let end = word.lastIndex { $0 != 0x2f && $0 != 0x3a }.map { $0 + 1 } ?? word.startIndex
        return word[..<end].split(separator: 0x2f).last?.elementsEqual("iommu_groups".utf8) ?? false
    }

    /// What `ls` shows in the folder of a group.
    private static let files = ["devices", "name", ShellCommand.regionFile, "type"]

    private static func isFileList(_ line: TextLines.Line) -> Bool {
        line.bytes.count <= regionBytesMax && line.words.allSatisfy { files.contains(TextLines.string($0)) }
    }

    mutating func finish() throws(TextError) {
        guard let broken else { return }
        guard isCut(broken.line) else { throw Self.noRegion(broken.line) }
        isCutOff = true
    }

    private mutating func take(_ heading: SysfsHeading, _ line: TextLines.Line) throws(TextError) {
        switch heading.content {
        case .elsewhere: section = .elsewhere
        case .device(let name):
            try add(name, try open(heading.group, line.number), line.number)
            section = .elsewhere
        case .deviceFolder:
            listed = []
            section = .deviceFolder(try open(heading.group, line.number))
        case .regions(let rest):
            let place = try open(heading.group, line.number)
            if heading.isPrinted { groups[place].isReported = true }
            // In one line with its path a region says nothing about the next line.
            if case .elsewhere = section { section = .none }
            if rest.allSatisfy(TextLines.isBlank) {
                section = .regions(place)
            } else {
                try takeContent(rest, place, line)
            }
        case .listing(let rest):
            let place = try open(heading.group, line.number)
            let device = SysfsText.device(of: rest)
            section = .listing(place, hasDevice: device != nil)
            // A heading in each line is one list.
            if device == nil { listed = [] }
            if let device { try list(device, place, line.number) }
            if SysfsText.region(rest) != nil { try takeContent(rest, place, line) }
        }
    }

    private mutating func takeLine(_ line: TextLines.Line) throws(TextError) {
        switch section {
        case .elsewhere: return
        case .output:
            guard SysfsText.region(line.bytes) != nil || Self.isStart(line.bytes) else {
                return notes.note(.output, line: line.number)
            }
            try takeContent(line.bytes, nil, line)
        case .none: try takeContent(line.bytes, nil, line)
        case .regions(let place): try takeContent(line.bytes, place, line)
        case .listing(let place, let hasDevice):
            if let device = SysfsText.device(of: line.bytes) ?? Self.onlyName(line) {
                section = .listing(place, hasDevice: true)
                try list(device, place, line.number)
            } else if Self.isFileList(line) {
                return
            } else if !hasDevice || SysfsText.region(line.bytes) != nil || Self.isStart(line.bytes) {
                try takeContent(line.bytes, place, line)
            }
        case .deviceFolder(let place):
            // `ls -l` shows where the names point to.
            let words = line.words
            let arrow = words.firstIndex { $0.elementsEqual("->".utf8) }
            let names = arrow.map { $0 > 0 ? words[($0 - 1)..<$0] : [] } ?? words[...]
            let read = arrow == nil ? SysfsText.deviceName : SysfsText.memberName
            for name in names.compactMap(read) { try list(name, place, line.number) }
        }
    }

    private static func onlyName(_ line: TextLines.Line) -> String? {
        let words = line.words
        return words.count == 1 ? SysfsText.deviceName(words[0]) : nil
    }

    private mutating func takeContent(
        _ content: ArraySlice<UInt8>, _ place: Int?, _ line: TextLines.Line
    ) throws(TextError) {
        guard let region = SysfsText.region(content) else {
            if isCut(line) {
                isCutOff = true
                return
            }
            guard Self.isStart(content) else { throw Self.noRegion(line) }
            broken = Broken(line: line, bytes: Array(content), place: place)
            return
        }
        let index: Int
        if let place { index = place } else { index = try open(.unnamed(0), line.number) }
        if place == nil { section = .regions(index) }
        counts.regions += 1
        guard counts.regions <= TextLimits.regionsMax,
            groups[index].regions.count < TextLimits.regionsPerGroupMax
        else { throw TextError(line.number, "too many regions") }
        groups[index].isReported = true
        groups[index].regions.append(region)
        groups[index].bytes += content.count + 1
    }

    private static func noRegion(_ line: TextLines.Line) -> TextError {
        TextError(
            line.number, "\"\(line.shown)\" is not a region (\"0x0000000008000000 0x00000000080fffff msi\")")
    }

    /// One or two numbers of a region, without its word.
    private static func isStart(_ bytes: ArraySlice<UInt8>) -> Bool {
        let words = bytes.prefix(regionBytesMax).split(whereSeparator: TextLines.isBlank)
        return bytes.count < regionBytesMax && (1...2).contains(words.count)
            && words.allSatisfy { TextLines.prefixedHex($0) != nil }
    }

    private static let regionBytesMax = 128

    /// A last line that the kernel's page cut.
    private func isCut(_ line: TextLines.Line) -> Bool {
        let place: Int? =
            switch section {
            case .regions(let place), .listing(let place, _): place
            case .none, .deviceFolder, .elsewhere, .output: nil
            }
        guard let place, line.bytes.endIndex == textEnd else { return false }
        return groups[place].bytes + line.bytes.count >= TextLimits.sysfsPageBytes - 1
    }

    private mutating func open(_ name: SysfsText.Name, _ line: Int) throws(TextError) -> Int {
        if let place = places[name] { return place }
        guard groups.count < TextLimits.groupsMax else {
            throw TextError(line, "more than \(TextLimits.groupsMax) groups")
        }
        if case .unnamed = name {
            // Two without a number need not be the same.
            unnamed += 1
            groups.append(SysfsText.Group(name: .unnamed(unnamed)))
            return groups.count - 1
        }
        groups.append(SysfsText.Group(name: name))
        places[name] = groups.count - 1
        return groups.count - 1
    }

    /// Adds what a list names.
    private mutating func list(_ device: String, _ place: Int, _ line: Int) throws(TextError) {
        let member = Member(place: place, device: device)
        if !listed.insert(member).inserted, repeated.insert(member).inserted {
            groups[place].repeated.append(device)
        }
        try add(device, place, line)
    }

    private mutating func add(_ device: String, _ place: Int, _ line: Int) throws(TextError) {
        guard members.insert(Member(place: place, device: device)).inserted else { return }
        counts.devices += 1
        guard counts.devices <= PlatformLimits.devicesMax else {
            throw TextError(line, "more than \(PlatformLimits.devicesMax) devices")
        }
        groups[place].devices.append(device)
    }
}
