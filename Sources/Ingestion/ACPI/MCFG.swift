// Where PCI segments have their configuration space, from the Memory Mapped Configuration table (PCI Firmware
// Specification 3.3, section 4.1.2). Mirrors drivers/acpi/pci_mcfg.c: pci_mcfg_parse, Linux 7.2: entries
// follow each other, and what is less than one at the end is not read. What the entries contradict is
// IORTAnalysis'.

import AddressSpaces
import Machines

/// What an MCFG says.
struct MCFG {
    /// Configuration space of some buses of a segment.
    struct Entry {
        var offset: Int
        var segment: UInt32
        var buses: ClosedRange<UInt32>

        var location: String { MCFG.location(offset) }
    }

    static let signature = "MCFG"
    /// The table's header and eight reserved bytes.
    private static let headerBytes = 44
    private static let entryBytes = 16

    private(set) var entries: [Entry] = []

    init(_ table: ACPITable, _ findings: inout FindingList) {
        let bytes = table.bytes
        guard bytes.count >= Self.headerBytes else {
            findings.note(
                .error, "mcfg-too-short", Self.location(bytes.count),
                "The table ends at \(HexLiteral.text(bytes.count)), inside its header of \(Self.headerBytes) bytes; "
                    + "Linux reads nothing of it.")
            return
        }
        let count = (bytes.count - Self.headerBytes) / Self.entryBytes
        for place in 0..<min(count, ACPILimits.mcfgEntriesMax) {
            read(bytes, Self.headerBytes + place * Self.entryBytes, &findings)
        }
        let end = Self.headerBytes + count * Self.entryBytes
        if count > ACPILimits.mcfgEntriesMax {
            findings.note(
                .error, "mcfg-too-many-entries", Self.location(Self.headerBytes),
                "\(count) entries; the first \(ACPILimits.mcfgEntriesMax) are read.")
        } else if end < bytes.count {
            findings.note(
                .warning, "mcfg-bytes-left", Self.location(end),
                "\(bytes.count - end) bytes after the last entry are less than another one; they are not read."
            )
        }
        noteOverlaps(&findings)
    }

    private mutating func read(_ bytes: TableBytes, _ offset: Int, _ findings: inout FindingList) {
        guard let segment = bytes.u16(offset + 8), let first = bytes.u8(offset + 10),
            let last = bytes.u8(offset + 11)
        else { return }
        guard first <= last else {
            return findings.note(
                .error, "mcfg-range-backwards", Self.location(offset),
                "The buses \(HexLiteral.text(first)) to \(HexLiteral.text(last)) of segment \(segment) end before "
                    + "they start; no host bridge fits in.")
        }
        entries.append(
            Entry(offset: offset, segment: UInt32(segment), buses: UInt32(first)...UInt32(last)))
    }

    private func noteOverlaps(_ findings: inout FindingList) {
        let sorted = entries.sorted {
            ($0.segment, $0.buses.lowerBound, $0.offset) < ($1.segment, $1.buses.lowerBound, $1.offset)
        }
        for (one, next) in zip(sorted, sorted.dropFirst())
        where one.segment == next.segment && one.buses.overlaps(next.buses) {
            findings.note(
                .warning, "mcfg-entries-overlap", next.location,
                "Segment \(next.segment) has bus \(HexLiteral.text(next.buses.lowerBound)) in the entry at "
                    + "\(HexLiteral.text(one.offset)) too.")
        }
    }

    /// The buses of a segment that have configuration space, ascending and apart.
    func buses(of segment: UInt32) -> [ClosedRange<UInt32>] {
        var merged: [ClosedRange<UInt32>] = []
        for buses in entries.filter({ $0.segment == segment }).map(\.buses)
            .sorted(by: { $0.lowerBound < $1.lowerBound })
        {
            if let last = merged.last, buses.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, buses.upperBound)
            } else {
                merged.append(buses)
            }
        }
        return merged
    }

    private static func location(_ offset: Int) -> String { "\(signature):\(HexLiteral.text(offset))" }
}
