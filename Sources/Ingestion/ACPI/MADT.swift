// Where MSIs end up, from the Multiple APIC Description Table: ITSs and the frames of a GICv2m. Mirrors
// the ACPI specification 6.5, sections 5.2.12.18 and 5.2.12.19, and drivers/irqchip/irq-gic-v3-its.c and
// irq-gic-v2m.c, Linux 7.2.

import AddressSpaces
import Machines

/// What an MADT says about MSIs.
struct MADT {
    private static let headerBytes = 44

    /// Base addresses by ITS identifier; of two entries with one identifier the first counts.
    private(set) var itsBases: [UInt32: UInt64] = [:]
    private(set) var controllers: [MSIController] = []

    init(_ table: ACPITable, _ findings: inout FindingList) throws(ACPIError) {
        let bytes = table.bytes
        let end = bytes.count
        guard end >= Self.headerBytes else {
            throw .madtEntryPastEnd(
                offset: ACPITable.headerBytes, length: Self.headerBytes - ACPITable.headerBytes,
                tableBytes: end)
        }
        var at = Self.headerBytes
        while at < end {
            guard let type = bytes.u8(at), let length = bytes.u8(at + 1).map(Int.init) else {
                throw .madtEntryPastEnd(offset: at, length: 2, tableBytes: end)
            }
            guard length >= 2 else { throw .madtEntryTooShort(offset: at, length: length) }
            guard length <= end - at else {
                throw .madtEntryPastEnd(offset: at, length: length, tableBytes: end)
            }
            if type == 0x0d || type == 0x0f {
                guard length >= (type == 0x0d ? 24 : 20), let identifier = bytes.u32(at + 4),
                    let base = bytes.u64(at + 8)
                else { throw .madtEntryTooShort(offset: at, length: length) }
                guard controllers.count < ACPILimits.madtFramesMax else {
                    throw .tooManyFrames(limit: ACPILimits.madtFramesMax)
                }
                add(type, identifier, base, at, &findings)
            }
            at += length
        }
    }

    private mutating func add(
        _ type: UInt8, _ identifier: UInt32, _ base: UInt64, _ offset: Int, _ findings: inout FindingList
    ) {
        let isITS = type == 0x0f
        let id = isITS ? Self.itsID(identifier) : "v2m:\(identifier)"
        guard !controllers.contains(where: { $0.id == id }) else {
            findings.note(
                .warning, "duplicate-msi-frame", "APIC:" + HexLiteral.text(offset),
                "\(id) appears earlier in the table; this entry is not read.")
            return
        }
        if isITS { itsBases[identifier] = base }
        let (doorbell, wraps) = base.addingReportingOverflow(
            isITS ? Doorbell.translaterOffset : Doorbell.setSPIOffset)
        if wraps {
            findings.note(
                .error, "msi-frame-wraps", "APIC:" + HexLiteral.text(offset),
                "The doorbell of \(id) at base \(HexLiteral.text(base)) passes 2^64; it counts as unknown."
            )
        }
        controllers.append(
            MSIController(
                id: id, kind: isITS ? .its : .gicv2m, compatible: [],
                doorbell: wraps ? nil : PhysicalAddress(doorbell), enabled: true))
    }

    static func itsID(_ identifier: UInt32) -> String { "its:\(identifier)" }
}
