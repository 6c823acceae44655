// Registers of a context fault on lines of their own. Linux since 6.15 repeats FSR and FSYNR0 in words
// (arm_smmu_print_context_fault_info); Qualcomm's kernels 4.9 to 6.1 print a line for each register, and some
// of them a header without numbers before.

import Machines

extension FaultForm {
    /// `Unhandled arm-smmu context fault from a600000.dwc3!`
    static let phoneFault = FaultForm(driver: .armSMMU, openings: [FaultOpening.phoneFault.whole]) {
        reading, message in
        guard message.starts(.phoneFault) else { return false }
        var fault = SMMUFault(
            .armSMMU, smmu: message.smmu, line: message.line, event: "context fault", cause: .other)
        fault.format = .msm
        // Another message may follow on the line, where its end is lost.
        let words = message.words
        if words.count > 5, words[4].elementsEqual("from".utf8), words[5].last == UInt8(ascii: "!") {
            fault.client = TextLines.string(words[5].dropLast().prefix(64))
        }
        reading.add(fault, message) { $0.missing = ["FAR", "FSR", "FSYNR0"] }
        return true
    }

    private static let registers: [(name: String, wire: String)] = [
        ("FAR", "far"), ("PAR", "par"), ("FSR", "fsr"), ("FSYNR0", "fsynr0"), ("FSYNR1", "fsynr1"),
        ("context bank#", "cb"), ("CBFRSYNRA", "cbfrsynra"), ("SID", "sid"), ("TTBR0", "ttbr0"),
        ("TTBR1", "ttbr1"), ("SCTLR", "sctlr"), ("CBAR", "cbar"), ("MAIR0", "mair0"), ("MAIR1", "mair1"),
        ("soft iova-to-phys", "soft_iova_to_phys"),
    ]

    /// As they stand in front of a "=".
    static let registerNames = registers.map(\.name)

    private static let flags = [
        "MULTI", "SS", "Format=", "UUT", "ASF", "TLBLKF", "TLBMCF", "EF", "PF", "AFF", "TF", "S1CBNDX=",
        "hwprod",
    ].map { Array("[\($0)".utf8) }

    /// Whether a line begins with a message's own brackets, and no stamp: `[TF R SS ]`, `[hwprod 0x40,`.
    static func opensFlags(_ text: ArraySlice<UInt8>) -> Bool { flags.contains { text.starts(with: $0) } }

    /// `FSR    = 00000402 [Format=2 TF], SID=0x102`, `FAR    = 0x00000000efe60800`.
    static let registerLine = FaultForm(
        driver: .armSMMU, continuations: registers.flatMap { ["\($0.name) ", "\($0.name)="] }
    ) { reading, message in
        guard let equals = message.text.firstIndex(of: 0x3d) else { return false }
        let before = TextLines.string(FaultStamp.trimmed(message.text[..<equals]))
        guard let name = registers.first(where: { $0.name == before }),
            reading.latest(message.smmu)?.event == "context fault"
        else { return false }
        let more = message.text[(equals + 1)...].drop(while: TextLines.isBlank)
        let digits = more.prefix { !TextLines.isBlank($0) && $0 != 0x2c }
        let next = message.text[digits.endIndex...].split(whereSeparator: TextLines.isBlank).first
        // A half is not the number.
        let isHalf = next.map { TextLines.bareHex($0) != nil } ?? false
        // The address is printed with all its zeros: fewer digits are a part of it.
        let number = digits.starts(with: "0x".utf8) ? digits.dropFirst(2) : digits
        let isShort = name.name == "FAR" && number.count < EventRecord.digitsOfWord
        let value =
            isHalf && number.count < EventRecord.digitsOfWord || isShort ? nil : TextLines.bareHex(number)
        let fields = FaultFields(message.text[...])
        if reading.latest(message.smmu)?.isOfAnother(name.wire, value, stream: fields.u32("SID")) == true {
            reading.end(message.smmu)
            return false
        }
        reading.change(message.smmu) { fault in
            fault.settle(\.streamID, fields.u32("SID").map { $0 & 0xffff })
            guard let value else {
                fault.isIncomplete = true
                return
            }
            fault.apply(register: name.wire, value, notes: message.text[digits.endIndex...])
        }
        if name.wire == "fsr", let value, SMMUFault.isOneOfMany(status: value) {
            reading.content.eventsLost = true
        }
        if value != nil { reading.changeOpen(message.smmu) { $0.missing.remove(name.name) } }
        return true
    }
}

extension SMMUFault {
    /// Whether a register's line is of another fault, whose first line was lost: this one has told its own.
    fileprivate func isOfAnother(_ name: String, _ value: UInt64?, stream: UInt32?) -> Bool {
        if let stream, let streamID, stream & 0xffff != streamID { return true }
        let told: UInt64? =
            switch name {
            case "far": iova
            case "sid": streamID.map(UInt64.init)
            default: registers.first { $0.name == name || name == "fsynr0" && $0.name == "fsynr" }?.value
            }
        // Linux prints FSR and the stream in the first line as well. Where that lacks one, the other has to
        // agree.
        if name == "fsr", format != .msm, streamID == nil, told == nil || stream != nil { return true }
        if let told { return told != value }
        return name == "fsr" && format != .msm && stream == nil
    }

    /// Takes over one register, with the words in brackets behind it.
    fileprivate mutating func apply(register name: String, _ value: UInt64, notes: ArraySlice<UInt8>) {
        let short = UInt32(exactly: value)
        switch name {
        case "far": settle(\.iova, value)
        case "fsr":
            applyStatus(value, notes)
        case "fsynr0":
            guard let short else {
                isIncomplete = true
                return
            }
            var other = self
            other.apply(contextSyndrome: short)
            settle(\.isWrite, other.isWrite)
            settle(\.isInstruction, other.isInstruction)
        case "cbfrsynra", "sid": settle(\.streamID, UInt32(value & 0xffff))
        default: break
        }
        // Newer kernels of Linux repeat what the line before had.
        let isTold = registers.contains { $0.name == name || name == "fsynr0" && $0.name == "fsynr" }
        if !isTold, format == .msm || name.first != "f" { registers.append(.init(name, value)) }
    }

    /// FSR, and what Qualcomm's kernels say beside it: `[TF R SS ]` of a read.
    private mutating func applyStatus(_ value: UInt64, _ notes: ArraySlice<UInt8>) {
        guard let status = UInt32(exactly: value) else {
            isIncomplete = true
            return
        }
        if cause == .other { apply(contextStatus: status) }
        isStalled = status >> 30 & 1 == 1
        guard format == .msm else { return }
        let open = notes.firstIndex(of: 0x5b) ?? notes.endIndex
        let words = notes[open...].split { TextLines.isBlank($0) || $0 == 0x5b || $0 == 0x5d }
        if words.contains(where: { $0.elementsEqual("R".utf8) }) { settle(\.isWrite, false) }
        if words.contains(where: { $0.elementsEqual("W".utf8) }) { settle(\.isWrite, true) }
    }
}
