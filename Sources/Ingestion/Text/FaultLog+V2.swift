// The messages of arm-smmu. Mirrors drivers/iommu/arm/arm-smmu/arm-smmu.c: arm_smmu_context_fault,
// arm_smmu_print_context_fault_info and arm_smmu_global_fault, Linux 7.2, and their older forms.

import Machines

extension FaultLog.Reading {
    mutating func takeV2(_ message: FaultMessage) {
        let fields = FaultFields(message.text[...])
        func starts(_ words: String) -> Bool { message.text.starts(with: Array(words.utf8)) }
        if starts("Unhandled context fault"), let iova = fields["iova"] {
            takeContextFault(iova, fields, message)
        } else if starts("FSR") || starts("FSYNR"), latest(message.smmu)?.event == "context fault" {
            takeDecodedRegister(fields, message)
        } else if starts("Unexpected global fault") {
            add(
                SMMUFault(
                    .armSMMU, smmu: message.smmu, line: message.line, event: "global fault",
                    cause: .configuration))
        } else if starts("Blocked unknown Stream ID") {
            var fault = SMMUFault(
                .armSMMU, smmu: message.smmu, line: message.line, event: "unknown stream",
                cause: .configuration)
            fault.streamID = fields.firstNumber.flatMap(UInt32.init(exactly:))
            add(fault)
        } else if fields.u32("GFSR") != nil {
            takeGlobal(fields, message)
        } else {
            other(message.line, message.shown)
        }
    }

    private mutating func takeContextFault(_ iova: UInt64, _ fields: FaultFields, _ message: FaultMessage) {
        var fault = SMMUFault.contextFault(
            smmu: message.smmu, line: message.line, status: fields.u32("fsr"), iova: iova,
            syndrome: fields.u32("fsynr") ?? fields.u32("fsynr0"), stream: fields.u32("cbfrsynra"))
        fault.registers = ["fsr", "fsynr", "fsynr0", "fsynr1", "cbfrsynra"].compactMap { name in
            fields[name].map { .init(name, $0) }
        }
        // The number of the context bank is decimal.
        if let bank = fields.decimal("cb") { fault.registers.append(.init("cb", bank)) }
        add(fault)
    }

    /// `FSR    = 00000402 [Format=2 TF], SID=0x102` and `FSYNR0 = ...` of newer kernels repeat the registers
    /// in words; the stream may be only there.
    private mutating func takeDecodedRegister(_ fields: FaultFields, _ message: FaultMessage) {
        let words = message.text.split(whereSeparator: TextLines.isBlank)
        let value = words.count > 2 ? TextLines.bareHex(words[2]).flatMap(UInt32.init(exactly:)) : nil
        let isSyndrome = message.text.starts(with: Array("FSYNR0".utf8))
        change(message.smmu) { fault in
            if let stream = fields.u32("SID"), fault.streamID == nil { fault.streamID = stream & 0xffff }
            if let value, isSyndrome, fault.isWrite == nil { fault.apply(contextSyndrome: value) }
            if let value, !isSyndrome, fault.cause == .other { fault.apply(contextStatus: value) }
        }
    }

    /// `GFSR 0x80000002, GFSYNR0 0x00000002, ...`, alone or behind the line that says what kind it is.
    private mutating func takeGlobal(_ fields: FaultFields, _ message: FaultMessage) {
        let before = latest(message.smmu)
        if before.map({ ["global fault", "unknown stream"].contains($0.event) && $0.registers.isEmpty })
            != true
        {
            add(
                SMMUFault(
                    .armSMMU, smmu: message.smmu, line: message.line, event: "global fault",
                    cause: .configuration))
        }
        change(message.smmu) { fault in
            if let syndrome = fields.u32("GFSYNR0"), let stream = fields.u32("GFSYNR1") {
                fault.apply(globalSyndrome: syndrome, stream)
            }
            fault.registers = ["GFSR", "GFSYNR0", "GFSYNR1", "GFSYNR2"].compactMap { name in
                fields[name].map { .init(name, $0) }
            }
        }
    }
}
