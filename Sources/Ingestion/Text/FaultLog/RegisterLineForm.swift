// Registers of a context fault on lines of their own. Linux since 6.15 repeats FSR and FSYNR0 in words
// (arm_smmu_print_context_fault_info); Qualcomm's kernels 4.9 to 6.1 print a line for each register, and some
// of them a header without numbers before.

import Machines

extension FaultForm {
    /// `Unhandled arm-smmu context fault from a600000.dwc3!`
    static let phoneFault = FaultForm(driver: .armSMMU, openings: ["Unhandled arm-smmu context fault from"]) {
        reading, message in
        guard message.starts("Unhandled arm-smmu context fault") else { return false }
        var fault = SMMUFault(
            .armSMMU, smmu: message.smmu, line: message.line, event: "context fault", cause: .other)
        fault.format = .msm
        let words = message.words
        if words.count == 6, words[5].last == UInt8(ascii: "!") {
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
        let value = isHalf ? nil : TextLines.prefixedHex(digits) ?? TextLines.bareHex(digits)
        let fields = FaultFields(message.text[...])
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
        if let known = registers.first(where: { $0.name == "fsr" }), known.value != value {
            cause = .other
            isStalled = nil
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
