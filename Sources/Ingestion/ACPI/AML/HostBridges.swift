// The PCI host bridges of DSDT and SSDTs: which devices are some, and what each says of its segment, its
// buses and its windows. A fact that would have to be evaluated is unknown, with its place; it is not absent.

import Machines

/// One PCI host bridge.
struct AMLHostBridge: Sendable {
    /// `\_SB.PCI0`
    let path: String
    /// Which of the tables declares it, and where.
    let table: Int
    let offset: Int
    /// Why it may not be there at all.
    let condition: AMLRefusal?
    /// 0 without `_SEG`.
    let segment: AMLFact<UInt64>
    let firstBus: AMLFact<UInt64>
    let uid: AMLFact<AMLConstant>
    let isCoherent: AMLFact<Bool>
    /// `_STA` is a constant 0.
    let isAbsent: Bool
    let resources: AMLFact<[UInt8]>
    /// `_DMA` of the bridge, or of the next device around it that has one.
    let inbound: AMLFact<[UInt8]>
    let preservesConfiguration: AMLFact<Bool>
}

extension AMLModel {
    private static let bridgeIDs: Set<AMLConstant> = [
        .integer(0x030a_d041), .integer(0x080a_d041), .text("PNP0A03"), .text("PNP0A08"),
    ]

    /// In the order of their declarations, at most `max`.
    func hostBridges(max: Int) -> [AMLHostBridge] {
        names.objects.indices.lazy.filter(isHostBridge).prefix(max).map(bridge)
    }

    private func isHostBridge(_ device: Int) -> Bool {
        guard names.objects[device].kind == .device else { return false }
        for name in ["_HID", "_CID"] {
            switch constant(name, of: device, asDeclared: true) {
            case .known(.package(let ids)) where !Self.bridgeIDs.isDisjoint(with: ids): return true
            case .known(let id) where Self.bridgeIDs.contains(id): return true
            case .known, .absent, .unknown: continue
            }
        }
        return false
    }

    private func bridge(_ device: Int) -> AMLHostBridge {
        let declared = names.objects[device]
        let state = number("_STA", of: device).value
        return AMLHostBridge(
            path: names.path(device), table: declared.table, offset: declared.offset,
            condition: condition(device), segment: number("_SEG", of: device),
            firstBus: number("_BBN", of: device), uid: constant("_UID", of: device),
            isCoherent: coherence(device), isAbsent: state == 0,
            resources: buffer("_CRS", of: device), inbound: inbound(device),
            preservesConfiguration: preservesConfiguration(device))
    }

    /// Why the device, or one around it, may not be there.
    private func condition(_ device: Int) -> AMLRefusal? {
        for at in around(device) where names.objects[at].isConditional {
            return refusal(.declaredUnderCondition, at)
        }
        return isLocal(device) ? refusal(.declaredUnderCondition, device) : nil
    }

    /// The device and those around it, from the inside out; the root is one too.
    private func around(_ device: Int) -> [Int] {
        Array(sequence(first: device) { $0 == AMLNamespace.root ? nil : self.names.objects[$0].parent })
    }

    /// The next one outwards, which Linux takes only beside a `_CRS` (acpi_dma_get_range).
    private func inbound(_ device: Int) -> AMLFact<[UInt8]> {
        guard let owner = around(device).first(where: { child("_DMA", of: $0) != nil }),
            child("_CRS", of: owner) != nil
        else { return .absent }
        return buffer("_DMA", of: owner)
    }

    /// What the outermost device says; those inside have no say (acpi_init_coherency).
    private func coherence(_ device: Int) -> AMLFact<Bool> {
        guard let owner = around(device).last(where: { child("_CCA", of: $0) != nil }) else { return .absent }
        return number("_CCA", of: owner).map { $0 != 0 }
    }
}
