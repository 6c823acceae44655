// What one line says of a failed map: its form, its numbers, and whatever else the line names. A message
// that ends before its program would end it takes the next line on, if that completes it; nothing is claimed
// from what may have lost its end.

import AddressSpaces
import Machines

/// A message that reports a failed map.
struct MapMessage {
    private(set) var failure: MapFailure
    /// The line so far, for the next one to complete.
    private let text: [UInt8]
    private let isOpen: Bool
    private let linesTaken: Int
    /// Whether the message counts although nothing completes it.
    let isTelling: Bool

    private static let linesMax = 4
    /// Longer lines are not put together.
    private static let joinedBytesMax = 4_096
    private static let tailBytesMax = 512

    /// nil for a line that reports none.
    init?(_ line: TextLines.Line) {
        self.init(line.bytes, line: line.number, lastLine: line.number, isUnended: line.isUnended, taken: 1)
    }

    private init?(_ bytes: ArraySlice<UInt8>, line: Int, lastLine: Int, isUnended: Bool, taken: Int) {
        let matches = MapMessageForm.candidates(for: bytes).compactMap { form in
            form.template.match(bytes, isUnended: isUnended).map { (form, $0) }
        }
        for (form, match) in matches where !matches.contains(where: { $0.1.covers(match) }) {
            let tail = match.tail.prefix(Self.tailBytesMax)
            let error = ErrorText.find(in: tail, isUnended: isUnended)
            if form.needsErrno, error == nil, !ErrorText.holds("fail", in: tail),
                !ErrorText.holds("error", in: tail)
            {
                continue
            }
            var failure = MapFailure(form.program, form.action, call: form.call, line: line)
            failure.lastLine = lastLine
            failure.space = form.space
            failure.reason = form.reason
            failure.iova = match.numbers[.iova]
            failure.size = match.numbers[.size]
            failure.userAddress = match.numbers[.user]
            if let iova = failure.iova, let last = match.numbers[.last], last >= iova, last - iova < .max {
                failure.size = last - iova + 1
            }
            if let start = match.numbers[.hexReserved], let last = match.numbers[.hexReservedLast] {
                failure.reserved = IOVARange(start: IOVA(start), last: IOVA(last))
            }
            failure.lockedMemoryLimit = match.numbers[.limit]
            failure.group = match.texts[.group]
            failure.region = match.texts[.region]
            failure.isIncomplete = match.isCut
            failure.errorNumber = error ?? form.reason?.errorNumber
            Self.addContext(&failure, bytes, tail, isUnended)
            // The kernel prints a device's name in front, which need not be a PCI address.
            if form.program == .kernel, form.reason == .directRegion, failure.device == nil {
                let before = LineMarks.trimmed(bytes[..<match.start].suffix(Self.joinedBytesMax))
                let name = before.split(whereSeparator: TextLines.isBlank).last ?? []
                failure.device = name.last == 0x3a ? SysfsText.deviceName(name.dropLast()) : nil
            }
            self.failure = failure
            text = Array(bytes)
            linesTaken = taken
            isOpen = match.isCut || error == nil && Self.wantsMore(tail)
            isTelling = form.isPlainWhenCut || failure.iova != nil || !match.isCut
            return
        }
        return nil
    }

    /// Whether the next line may complete it.
    var isCut: Bool {
        isOpen && linesTaken < Self.linesMax && text.count <= Self.joinedBytesMax
    }

    /// The message with the next line; nil when that does not continue it.
    func continued(by line: TextLines.Line) -> MapMessage? {
        guard isCut, line.bytes.count <= Self.joinedBytesMax else { return nil }
        let own = MapMessage(line)
        if let own, own.isTelling, !own.failure.isIncomplete { return nil }
        // What looks like the beginning of another message may be the end of this one.
        let mustBeWhole = own?.isTelling ?? false
        let more = line.bytes.drop { TextLines.isBlank($0) || $0 == UInt8(ascii: ">") }
        for separator in [[UInt8(ascii: " ")], []] {
            let joined = text + separator + more
            guard
                let whole = MapMessage(
                    joined[...], line: failure.line, lastLine: line.number, isUnended: line.isUnended,
                    taken: linesTaken + 1), whole.isFuller(than: self),
                !mustBeWhole || !whole.failure.isIncomplete
            else { continue }
            return whole
        }
        return nil
    }

    private func isFuller(than other: MapMessage) -> Bool {
        func facts(_ message: MapMessage) -> Int {
            let failure = message.failure
            return [failure.iova, failure.size, failure.userAddress].filter { $0 != nil }.count
                + (failure.errorNumber == nil ? 0 : 1) + (failure.isIncomplete ? 0 : 1)
        }
        return facts(self) > facts(other)
    }

    /// Whether an errno may stand in the next line: "failed:" or "= -22 (Invalid".
    private static func wantsMore(_ tail: ArraySlice<UInt8>) -> Bool {
        guard let last = tail.last(where: { !TextLines.isBlank($0) }) else { return true }
        if [UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "-"), UInt8(ascii: "(")].contains(last) {
            return true
        }
        return tail.lastIndex(of: UInt8(ascii: "(")) ?? -1 > tail.lastIndex(of: UInt8(ascii: ")")) ?? -1
    }
}

// MARK: What else a line names

extension MapMessage {
    private static func addContext(
        _ failure: inout MapFailure, _ bytes: ArraySlice<UInt8>, _ tail: ArraySlice<UInt8>, _ isUnended: Bool
    ) {
        let line = bytes.prefix(joinedBytesMax)
        if failure.program == .unknown || failure.program == .rustVMM {
            let known = MapMessageForm.programs.first { ErrorText.holds($0.words, in: line) }
            failure.program = known?.program ?? failure.program
        }
        failure.architecture =
            MapMessageForm.architectures.first { ErrorText.holds($0.words, in: line) }?.architecture
        if failure.iova == nil, !failure.isIncomplete {
            failure.iova = number(named: "iova", in: line, isUnended)
            if failure.iova != nil {
                failure.size =
                    number(named: "size", in: line, isUnended)
                    ?? number(named: "length", in: line, isUnended)
                failure.userAddress = number(named: "vaddr", in: line, isUnended)
            }
        }
        failure.region = failure.region ?? region(in: line)
        failure.device = pciAddress(in: line)
        failure.bar =
            isRemarkOnBAR(line) ? .leftOut : isBAR(failure.region) ? .named : nil
        failure.group = failure.group ?? group(in: line, isUnended)
    }

    /// Whether a line says that what was not mapped is a BAR.
    static func isRemarkOnBAR(_ line: ArraySlice<UInt8>) -> Bool {
        ErrorText.holds(MapMessageForm.remarkOnBAR, in: line.prefix(joinedBytesMax))
    }

    /// QEMU's "0000:03:00.0 BAR 1 mmaps[0]".
    private static func isBAR(_ region: String?) -> Bool {
        region.map { $0.split(separator: " ").dropFirst().first == "BAR" } ?? false
    }

    /// `iova=0x1000`, `iova: 0x1000`, `iova 0x1000`.
    private static func number(
        named name: String, in line: ArraySlice<UInt8>, _ isUnended: Bool
    ) -> UInt64? {
        var rest = line
        while let place = ErrorText.place(of: name, in: rest) {
            rest = line[(place + name.utf8.count)...]
            guard place == line.startIndex || !ErrorText.isOfWord(line[place - 1]) else { continue }
            let text = rest.drop { [0x20, 0x3d, 0x3a, 0x09].contains($0) }
            let digits = text.prefix { HexLiteral.digit($0) != nil || $0 | 0x20 == 0x78 }
            guard digits.endIndex < line.endIndex || !isUnended else { return nil }
            if let number = MessageTemplate.number(digits) { return number }
        }
        return nil
    }

    /// QEMU's "Region mach-virt.ram: vfio_dma_map(".
    private static func region(in line: ArraySlice<UInt8>) -> String? {
        guard let place = ErrorText.place(of: "Region ", in: line),
            let end = ErrorText.place(of: ": vfio_", in: line[place...])
        else { return nil }
        let name = line[(place + 7)..<end]
        return name.isEmpty || name.count > 128 ? nil : printable(name)
    }

    private static func group(in line: ArraySlice<UInt8>, _ isUnended: Bool) -> String? {
        guard let place = ErrorText.place(of: "group ", in: line) else { return nil }
        let digits = line[(place + 6)...].prefix { DecimalLiteral.isDigit($0) }
        guard digits.endIndex < line.endIndex || !isUnended, !digits.isEmpty, digits.count < 10 else {
            return nil
        }
        return TextLines.string(digits)
    }

    /// The first `0000:03:00.0`.
    static func pciAddress(in line: ArraySlice<UInt8>) -> String? {
        // 0 stands for a hex digit.
        let shape = Array("0000:00:00.0".utf8)
        guard line.count >= shape.count else { return nil }
        for at in line.startIndex...(line.endIndex - shape.count) {
            let text = line[at..<at + shape.count]
            let fits = zip(text, shape).allSatisfy { byte, want in
                want == 0x30 ? HexLiteral.digit(byte) != nil : byte == want
            }
            if fits { return TextLines.string(text) }
        }
        return nil
    }

    private static func printable(_ bytes: ArraySlice<UInt8>) -> String {
        TextLines.string(bytes.map { (0x20...0x7e).contains($0) ? $0 : 0x3f })
    }
}
