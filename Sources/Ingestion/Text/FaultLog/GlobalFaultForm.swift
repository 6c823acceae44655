// Faults of a transaction that no context of an SMMUv2 could take. Mirrors
// drivers/iommu/arm/arm-smmu/arm-smmu.c: arm_smmu_global_fault, Linux 7.2, which Xen's driver follows.

import Machines

extension FaultForm {
    /// `Unexpected global fault, this could be serious`, `Blocked unknown Stream ID 0x102; boot with ...`
    static let globalFault = FaultForm(
        driver: .armSMMU, openings: [FaultOpening.globalFault.whole, FaultOpening.unknownStream.whole]
    ) { reading, message in
        if message.starts(.globalFault) {
            reading.add(.globalFault("global fault", message), message)
        } else if message.starts(.unknownStream) {
            var fault = SMMUFault.globalFault("unknown stream", message)
            fault.streamID = FaultFields(message.text[...]).firstNumber.flatMap(UInt32.init(exactly:))
            fault.isIncomplete = fault.streamID == nil
            reading.add(fault, message)
        } else {
            return false
        }
        return true
    }

    /// `GFSR 0x80000002, GFSYNR0 0x00000002, ...`, alone or after the line that says what kind it is.
    static let globalRegisters = FaultForm(driver: .armSMMU, continuations: ["GFSR "]) { reading, message in
        let fields = FaultFields(message.text[...])
        guard message.starts("GFSR"), fields.u32("GFSR") != nil else { return false }
        let before = reading.latest(message.smmu)
        let isContinued =
            before.map { ["global fault", "unknown stream"].contains($0.event) && $0.registers.isEmpty }
            == true
        if !isContinued { reading.add(.globalFault("global fault", message), message) }
        if fields["GFSR"].map(SMMUFault.isOneOfMany) == true { reading.content.eventsLost = true }
        reading.change(message.smmu) { fault in
            if let syndrome = fields.u32("GFSYNR0"), let stream = fields.u32("GFSYNR1") {
                let told = fault.streamID
                fault.apply(globalSyndrome: syndrome, stream)
                if let told, told & 0xffff != fault.streamID {
                    fault.streamID = nil
                    fault.isIncomplete = true
                }
            }
            fault.registers = ["GFSR", "GFSYNR0", "GFSYNR1", "GFSYNR2"].compactMap { name in
                fields[name].map { .init(name, $0) }
            }
            if fault.registers.count < 4 { fault.isIncomplete = true }
        }
        return true
    }
}

extension SMMUFault {
    fileprivate static func globalFault(_ event: String, _ message: FaultMessage) -> SMMUFault {
        SMMUFault(.armSMMU, smmu: message.smmu, line: message.line, event: event, cause: .configuration)
    }
}
