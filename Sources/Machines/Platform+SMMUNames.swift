// The kernel's names of SMMUs in its messages: `2b500000.iommu` of a device tree, by the registers;
// `arm-smmu-v3.2.auto` of ACPI, by the number that Linux gives to devices without one of their own.

import AddressSpaces

extension Platform {
    /// The SMMUs that the driver of SMMUv3, or the other one, drives.
    package func smmus(isV3: Bool) -> [SMMU] {
        smmus.filter { smmu in
            switch smmu.version {
            case .v1, .v2: !isV3
            case .v3: isV3
            case .virtio: false
            }
        }
    }

    /// The SMMU that a driver's message names; the only one of that driver where the name does not tell.
    public func smmu(named name: String, isV3: Bool) -> SMMU? {
        let candidates = smmus(isV3: isV3)
        if let found = candidates.first(where: { $0.id == name }) { return found }
        if let base = SMMU.digits(of: name),
            let found = candidates.first(where: { $0.registers.first?.start.value == base })
        {
            return found
        }
        let parts = name.split(separator: ".")
        if parts.count == 3, parts[2] == "auto",
            let number = DecimalLiteral.parse(parts[1].utf8).flatMap(Int.init(exactly:))
        {
            if let found = candidates.first(where: { $0.autoNumber == number }) { return found }
            if candidates.allSatisfy({ $0.autoNumber == nil }), candidates.indices.contains(number) {
                return candidates[number]
            }
        }
        return candidates.count == 1 ? candidates[0] : nil
    }
}

extension SMMU {
    /// Registers begin at a page of the smallest size.
    private static let registersAligned: UInt64 = 0x1000

    /// What the digits before the first dot of a name say; nil where there are others.
    fileprivate static func digits(of name: String) -> UInt64? {
        try? HexLiteral.parseDigits(name.utf8.prefix { $0 != 0x2e })
    }

    /// Where the registers of an SMMU are that Linux names so, as it names those of a device tree; nil for a
    /// name that says something else.
    package static func base(named name: String) -> UInt64? {
        guard name.utf8.contains(0x2e), let base = digits(of: name), base > 0, base % registersAligned == 0
        else { return nil }
        return base
    }
}
