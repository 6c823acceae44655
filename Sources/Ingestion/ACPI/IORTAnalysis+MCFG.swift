// Segments and buses that have configuration space, held against the root complexes of the IORT and the host
// bridges of DSDT and SSDTs. Linux finds no function without configuration space: a host bridge whose buses
// no entry holds as a whole is left out (drivers/acpi/pci_mcfg.c: pci_mcfg_lookup; arch/arm64/kernel/pci.c:
// pci_acpi_scan_root, Linux 7.2), unless `_CBA` of the bridge or one of Linux's quirks has the address.

import AddressSpaces
import Machines

extension IORTAnalysis {
    mutating func check(_ mcfg: MCFG) {
        checkBridges(mcfg)
        var complexes: [UInt32: [IORTNode]] = [:]
        for node in table.nodes {
            guard case .rootComplex(let root) = node.content else { continue }
            complexes[root.segment, default: []].append(node)
        }
        let segments = Set(mcfg.entries.map(\.segment))
        let ownAddresses = Set(facts.sureBridges.filter(\.hasConfigurationBase).map(\.segment))
        for (segment, nodes) in complexes.sorted(by: { $0.key < $1.key }) {
            if segments.contains(segment) {
                checkMappings(of: nodes, segment, mcfg)
            } else if !ownAddresses.contains(segment) {
                findings.note(
                    .warning, "mcfg-segment-missing", nodes[0].location,
                    "The MCFG has no configuration space of segment \(segment): Linux finds no function behind "
                        + "this root complex.")
            }
        }
        for entry in mcfg.entries
        where complexes[entry.segment] == nil && !hasVirtioRange(entry.segment) {
            findings.note(
                .warning, "mcfg-without-root-complex", entry.location,
                "Segment \(entry.segment) has configuration space, and the IORT has no root complex of it: "
                    + "its functions have no IOMMU and no ITS.")
        }
    }

    private mutating func checkBridges(_ mcfg: MCFG) {
        for bridge in facts.sureBridges where !bridge.hasConfigurationBase {
            guard let buses = bridge.buses,
                !mcfg.entries.contains(where: {
                    $0.segment == bridge.segment && $0.buses.lowerBound <= buses.lowerBound
                        && buses.upperBound <= $0.buses.upperBound
                })
            else { continue }
            findings.note(
                .warning, "mcfg-bridge-outside", bridge.place,
                "No entry of the MCFG has buses \(Self.text(buses)) of segment \(bridge.segment), which \(bridge.path) "
                    + "has by `_SEG`, `_CRS` and `_BBN`: Linux leaves the bridge out, unless a quirk of its own has "
                    + "the address.")
        }
    }

    /// Buses with configuration space of which the root complexes map no ID.
    private mutating func checkMappings(of nodes: [IORTNode], _ segment: UInt32, _ mcfg: MCFG) {
        var mapped = DecidedIDs()
        for mapping in nodes.flatMap(\.mappings) {
            guard let piece = mapping.piece else { continue }
            // A bus counts as mapped when one of its functions is.
            mapped.insert(piece.first & ~0xff, piece.last | 0xff)
        }
        for buses in mcfg.buses(of: segment) {
            guard let open = mapped.open(buses.lowerBound << 8, buses.upperBound << 8 | 0xff).first else {
                continue
            }
            findings.note(
                .info, "mcfg-buses-unmapped", nodes[0].location,
                "Buses \(Self.text(open.first >> 8...open.last >> 8)) of segment \(segment) have configuration space, and "
                    + "the root complex maps none of their IDs: their functions have no IOMMU and no ITS.")
        }
    }

    private func hasVirtioRange(_ segment: UInt32) -> Bool {
        viot?.ranges.contains { range in UInt16(exactly: segment).map(range.segments.contains) ?? false }
            ?? false
    }

    private static func text(_ buses: ClosedRange<UInt32>) -> String {
        "\(HexLiteral.text(buses.lowerBound)) to \(HexLiteral.text(buses.upperBound))"
    }
}
