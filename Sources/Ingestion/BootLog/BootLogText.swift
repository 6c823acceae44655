// dmesg, a journal or a serial console's text from the boot of a machine. Lines of other matters are ignored;
// a line that begins as a fact and is cut gives none. What MSIs and windows need is read, and faults are
// counted only: /v1/fault-explanations reads them.

import AddressSpaces
import Machines

enum BootLogText {
    /// Whether a line is one that only a boot log has.
    static func isLine(_ line: TextLines.Line) -> Bool {
        BootLogPhrase.find(in: line.bytes)?.phrase.tells == true
    }

    static func read(_ text: [UInt8]) throws(TextError) -> BootLog {
        var reading = BootLogReading()
        var lines = 0
        for line in TextLines(text) where !line.isBlank {
            lines += 1
            guard lines <= TextLimits.linesMax else {
                throw TextError.tooManyLines(line.number)
            }
            try reading.take(line)
        }
        reading.end()
        return reading.log
    }
}

/// A boot log that is being read.
private struct BootLogReading {
    var log = BootLog()
    /// Places in `log.bridges`, `log.members` and `log.smmus`.
    private var bridges: [UInt64: Int] = [:]
    private var members: [String: Int] = [:]
    private var smmus: [String: Int] = [:]
    private var windows = 0
    /// A window whose line may go on with its bus addresses.
    private var open: (bridge: Int, start: UInt64, last: UInt64, flags: [String])?

    mutating func take(_ line: TextLines.Line) throws(TextError) {
        guard let found = BootLogPhrase.find(in: line.bytes) else { return close() }
        if found.phrase == .busAddress, open != nil {
            return takeBusAddress(found.after, line)
        }
        close()
        let isRead =
            switch found.phrase {
            case .hostBridge: bridge(TextLines.string(found.after.prefix { !TextLines.isBlank($0) })) != nil
            case .rootResource: try takeWindow(found, line)
            case .member: try takeMember(found, line)
            case .addressSizes, .stage1, .stage2, .pageSizes: takeSizes(found)
            case .itsFrame, .its, .v2mFrame: takeFrame(found)
            case .memoryNode: try takeMemory(found, line)
            case .directMapping: takeDirect(found)
            case .release, .booting, .commandLine, .defaultDomain: takeKernel(found)
            case .iort, .oldIORT: takeRemark(found, line)
            case .intelIOMMU, .amdIOMMU: takeProcessor(found)
            case .contextFault, .event: countFault(found)
            case .busAddress: true
            }
        if !isRead { note(line) }
    }

    mutating func end() { close() }

    private mutating func note(_ line: TextLines.Line) {
        guard log.incomplete.count < FindingList.perCodeMax else { return }
        log.incomplete.append(.init(line: line.number, text: line.shown))
    }

    // MARK: PCI

    /// The place of the bridge "0002:00", which is made when it is new; nil for other words.
    private mutating func bridge(_ name: String) -> Int? {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].utf8.count == 2, let segment = TextLines.bareHex(parts[0].utf8),
            let number = UInt32(exactly: segment), let bus = TextLines.bareHex(parts[1].utf8)
        else { return nil }
        let key = UInt64(number) << 8 | bus
        if let place = bridges[key] { return place }
        guard log.bridges.count < TextLimits.windowsMax else { return nil }
        bridges[key] = log.bridges.count
        log.bridges.append(.init(segment: number, bus: UInt8(bus)))
        return log.bridges.count - 1
    }

    private mutating func takeWindow(
        _ found: BootLogPhrase.Found, _ line: TextLines.Line
    ) throws(TextError) -> Bool {
        guard let name = found.device, let close = found.after.firstIndex(of: 0x5d) else { return false }
        let words = found.after[..<close].split(whereSeparator: TextLines.isBlank)
        guard words.first?.elementsEqual("mem".utf8) == true else {
            // Buses and I/O ports.
            return words.count > 1
        }
        guard words.count > 1, let (start, last) = Self.range(words[1]),
            let place = bridge(TextLines.string(name))
        else { return false }
        windows += 1
        guard windows <= TextLimits.windowsMax else {
            throw TextError.tooManyWindows(line.number)
        }
        open = (place, start, last, words.dropFirst(2).map { TextLines.string($0) })
        let rest = found.after[(close + 1)...].drop(while: TextLines.isBlank)
        let opening = Array(BootLogPhrase.busAddress.rawValue.utf8)
        guard rest.starts(with: opening) else { return true }
        takeBusAddress(rest.dropFirst(opening.count), line)
        return true
    }

    /// `0x00000000-0x3fffffff])`, of the window before it. One that cannot be read leaves the window's place
    /// on the bus unknown, and the window out.
    private mutating func takeBusAddress(_ bytes: ArraySlice<UInt8>, _ line: TextLines.Line) {
        guard let window = open, let end = bytes.firstIndex(of: 0x5d),
            let (start, last) = Self.range(bytes[..<end]), last - start == window.last - window.start
        else {
            open = nil
            return note(line)
        }
        close(busStart: start)
    }

    private mutating func close() {
        if let open { close(busStart: open.start) }
    }

    private mutating func close(busStart: UInt64) {
        guard let (place, start, last, flags) = open else { return }
        open = nil
        let (size, isFull) = (last - start).addingReportingOverflow(1)
        guard !isFull else { return }
        let busLast = busStart + (size - 1)
        let window = PCIWindow(
            kind: .memory, busStart: busStart, cpuStart: start, size: size,
            is64Bit: busLast > UInt64(UInt32.max) || flags.contains("64bit"),
            isPrefetchable: flags.contains("pref"))
        // A log may be there twice.
        guard !log.bridges[place].windows.contains(window) else { return }
        log.bridges[place].windows.append(window)
    }

    /// `0x08000000-0x0fffffff`, not the other way round, and not all of the 64-bit space.
    private static func range(_ bytes: ArraySlice<UInt8>) -> (start: UInt64, last: UInt64)? {
        guard let dash = bytes.firstIndex(of: 0x2d), let start = TextLines.prefixedHex(bytes[..<dash]),
            let last = TextLines.prefixedHex(bytes[(dash + 1)...]), start <= last
        else { return nil }
        return (start, last)
    }

    // MARK: Devices

    private mutating func takeMember(
        _ found: BootLogPhrase.Found, _ line: TextLines.Line
    ) throws(TextError) -> Bool {
        let digits = found.after.prefix { DecimalLiteral.isDigit($0) }
        guard let group = DecimalLiteral.parse(digits), let device = found.device.map(TextLines.string) else {
            return false
        }
        if let place = members[device] {
            log.members[place].group = group
            return true
        }
        guard log.members.count < PlatformLimits.devicesMax else {
            throw TextError(line.number, "more than \(PlatformLimits.devicesMax) devices in groups")
        }
        members[device] = log.members.count
        log.members.append(.init(device: device, group: group))
        return true
    }

    private mutating func takeDirect(_ found: BootLogPhrase.Found) -> Bool {
        guard let device = found.device.map(TextLines.string) else { return false }
        guard log.directDevices.count < FindingList.perCodeMax, !log.directDevices.contains(device) else {
            return true
        }
        log.directDevices.append(device)
        return true
    }

    /// `ias 48-bit, oas 44-bit (features 0x000006ef)` of SMMUv3; `Stage-1: 48-bit VA -> 48-bit IPA` and
    /// `Supported page sizes: 0x61311000` of the older ones.
    private mutating func takeSizes(_ found: BootLogPhrase.Found) -> Bool {
        let words = found.after.split(whereSeparator: TextLines.isBlank)
        let isV3 = found.phrase == .addressSizes
        // These words stand in other drivers' lines too.
        guard let name = found.device.map(TextLines.string),
            found.before.split(whereSeparator: TextLines.isBlank).contains(where: {
                $0.starts(with: Array("arm-smmu".utf8))
            })
        else { return true }
        func bits(_ place: Int) -> Int? {
            guard place < words.count else { return nil }
            let digits = words[place].prefix { DecimalLiteral.isDigit($0) }
            guard words[place][digits.endIndex...].starts(with: Array("-bit".utf8)) else { return nil }
            return DecimalLiteral.parse(digits).flatMap(Int.init(exactly:)).flatMap {
                (1...64).contains($0) ? $0 : nil
            }
        }
        guard let place = smmu(name, isV3) else { return true }
        switch found.phrase {
        case .addressSizes:
            guard let ias = bits(0), words.count > 2, words[1].elementsEqual("oas".utf8), let oas = bits(2)
            else {
                return false
            }
            log.smmus[place].values.inputBits = ias
            log.smmus[place].values.outputBits = oas
            if words.count > 4, words[3].elementsEqual("(features".utf8) {
                log.smmus[place].values.features = TextLines.prefixedHex(words[4].prefix { $0 != 0x29 })
            }
        case .stage1:
            guard let bits = bits(0) else { return false }
            log.smmus[place].values.stage1Bits = bits
        case .stage2:
            guard let ipa = bits(0), let pa = words.count > 3 ? bits(3) : nil else { return false }
            log.smmus[place].values.inputBits = ipa
            log.smmus[place].values.outputBits = pa
        case .pageSizes:
            guard let sizes = words.first.flatMap({ TextLines.prefixedHex($0) }) else { return false }
            log.smmus[place].values.pageSizes = sizes
        case .hostBridge, .rootResource, .busAddress, .member, .itsFrame, .its, .v2mFrame, .release, .booting,
            .commandLine, .defaultDomain, .directMapping, .iort, .oldIORT, .memoryNode, .intelIOMMU,
            .amdIOMMU,
            .contextFault, .event:
            return false
        }
        return true
    }

    private mutating func smmu(_ name: String, _ isV3: Bool) -> Int? {
        if let place = smmus[name] { return place }
        guard log.smmus.count < TextLimits.groupsMax else { return nil }
        smmus[name] = log.smmus.count
        log.smmus.append(.init(name: name, isV3: isV3))
        return log.smmus.count - 1
    }

    // MARK: Machine

    private mutating func takeFrame(_ found: BootLogPhrase.Found) -> Bool {
        let isV2M = found.phrase == .v2mFrame
        let base: UInt64?
        if found.phrase == .its {
            base = TextLines.bareHex(found.after.prefix { HexLiteral.digit($0) != nil })
        } else {
            base = found.after.firstIndex(of: 0x5d).flatMap { Self.range(found.after[..<$0])?.start }
        }
        guard let base else { return false }
        let known = isV2M ? log.v2mFrames : log.itsFrames
        guard !known.contains(base), known.count < TextLimits.msiFramesMax else { return true }
        if isV2M { log.v2mFrames.append(base) } else { log.itsFrames.append(base) }
        return true
    }

    /// `node   0: [mem 0x0000000080000000-0x00000000feffffff]`
    private mutating func takeMemory(
        _ found: BootLogPhrase.Found, _ line: TextLines.Line
    ) throws(TextError) -> Bool {
        let rest = found.after.drop(while: TextLines.isBlank)
        let digits = rest.prefix { DecimalLiteral.isDigit($0) }
        let opening = Array(": [mem ".utf8)
        // Other lines have a node too.
        guard !digits.isEmpty, rest[digits.endIndex...].starts(with: opening) else { return true }
        let range = rest[(digits.endIndex + opening.count)...]
        guard let end = range.firstIndex(of: 0x5d), let (start, last) = Self.range(range[..<end]) else {
            return false
        }
        guard log.memory.count < TextLimits.memoryRangesMax else {
            throw TextError.tooManyMemoryRanges(line.number)
        }
        let memory = PhysicalRange(proven: start, last)
        // "Initmem setup node" follows with the span of all of them.
        guard
            !found.before.split(whereSeparator: TextLines.isBlank).contains(where: {
                $0.elementsEqual("setup".utf8)
            })
        else { return true }
        if log.memory.last != memory { log.memory.append(memory) }
        return true
    }

    /// A second kernel's lines replace the first one's: a journal may hold several boots.
    private mutating func takeKernel(_ found: BootLogPhrase.Found) -> Bool {
        let words = found.after.split(whereSeparator: TextLines.isBlank).map { TextLines.string($0) }
        switch found.phrase {
        case .booting: restart()
        case .release:
            if log.release != nil { restart() }
            takeCompiler(words)
            log.release = words.first.map { String($0.prefix(64)) }
            if log.boots == 0 { log.boots = 1 }
        case .commandLine:
            log.commandLine = HostOptions.commandLine(Array(found.after), place: BootLogJoining.place)
        case .defaultDomain: log.defaultDomain = words.first.map { String($0.prefix(32)) }
        case .hostBridge, .rootResource, .busAddress, .member, .addressSizes, .stage1, .stage2, .pageSizes,
            .itsFrame, .its, .v2mFrame, .directMapping, .iort, .oldIORT, .memoryNode, .intelIOMMU, .amdIOMMU,
            .contextFault, .event:
            return false
        }
        return true
    }

    /// Phrases of the drivers of x86's IOMMUs.
    private mutating func takeProcessor(_ found: BootLogPhrase.Found) -> Bool {
        log.tell(HostProcessor(.x86, by: "\"\(found.phrase.rawValue)...\" in the log"))
        return true
    }

    /// `(x86_64-linux-gnu-gcc-13`: cross compilers, and those of Debian, have the processor in their name.
    private mutating func takeCompiler(_ words: [String]) {
        for word in words.dropFirst() {
            let isX86 = word.hasPrefix("(x86_64-")
            guard isX86 || word.hasPrefix("(aarch64-") else { continue }
            log.tell(
                HostProcessor(
                    isX86 ? .x86 : .arm, by: "the log's compiler \(word.dropFirst().prefix(64))"))
            return
        }
    }

    private mutating func restart() {
        let boots = max(log.boots, log.saysNothing ? 0 : 1)
        self = BootLogReading()
        log.boots = boots + 1
    }

    private mutating func takeRemark(_ found: BootLogPhrase.Found, _ line: TextLines.Line) -> Bool {
        guard log.remarks.count < FindingList.perCodeMax else { return true }
        let printable = found.after.prefix(160).map { (0x20...0x7e).contains($0) ? $0 : 0x3f }
        log.remarks.append(.init(line: line.number, text: TextLines.string(printable)))
        return true
    }

    private mutating func countFault(_ found: BootLogPhrase.Found) -> Bool {
        let words = found.before.split(whereSeparator: TextLines.isBlank)
        if words.contains(where: { $0.starts(with: Array("arm-smmu".utf8)) }) { log.faultLines += 1 }
        return true
    }
}
