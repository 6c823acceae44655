// Context faults of an SMMUv2 as Linux and Xen print them. Mirrors drivers/iommu/arm/arm-smmu/arm-smmu.c:
// arm_smmu_context_fault and arm_smmu_print_context_fault_info, Linux 7.2, and their older forms; Xen's
// drivers/passthrough/arm/smmu.c. People shorten the line; what they kept is read.

import Machines

extension FaultForm {
    /// `Unhandled context fault: fsr=0x402, iova=0x00000040, fsynr=0x2f0013, cbfrsynra=0x102, cb=15`
    static let contextFault = FaultForm(driver: .armSMMU, openings: [FaultOpening.contextFault.whole]) {
        reading, message in
        guard message.starts(FaultOpening.contextFault.whole) else { return false }
        let fields = FaultFields(message.text[...])
        let fault = SMMUFault.contextFault(fields, message)
        if fields["fsr"].map(SMMUFault.isOneOfMany) == true { reading.content.eventsLost = true }
        reading.add(fault, message)
        return true
    }
}

extension SMMUFault {
    /// Digits that the kernel prints of an address, or more.
    private static let digitsOfAddressMin = 8

    fileprivate static func contextFault(_ fields: FaultFields, _ message: FaultMessage) -> SMMUFault {
        let names = ["fsr", "fsynr", "fsynr0", "fsynr1", "cbfrsynra"]
        let isWhole = fields.has("cb") || fields.has("SID")
        let iova = isWhole || !isHalved(fields, message) ? fields["iova"] : nil
        var fault = SMMUFault.contextFault(
            smmu: message.smmu, line: message.line, status: fields.u32("fsr"), iova: iova,
            syndrome: fields.u32("fsynr") ?? fields.u32("fsynr0"), stream: fields.u32("cbfrsynra"))
        fault.registers = names.compactMap { name in fields[name].map { .init(name, $0) } }
        // The number of the context bank is decimal.
        if let bank = fields.decimal("cb") { fault.registers.append(.init("cb", bank)) }
        fault.settle(\.streamID, fields.u32("SID").map { $0 & 0xffff })
        fault.isIncomplete =
            fault.isIncomplete || !isWhole || iova == nil || names.contains(where: fields.isMangled)
        if fields.has("SID"), !fields.has("cb"), fault.registers.isEmpty { fault.format = .abbreviated }
        fault.applyTableEntries(message.text[...], fields)
        return fault
    }

    /// Whether the log ends within the address.
    private static func isHalved(_ fields: FaultFields, _ message: FaultMessage) -> Bool {
        guard message.isUnended, let last = fields.last, last.name == "iova", message.text.last != 0x2c else {
            return false
        }
        return last.text.count < digitsOfAddressMin + 2
    }
}
