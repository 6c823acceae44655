// The way in for ACPI: which tables are needed, and what tables cannot tell. What Linux reads from an IORT
// is in IORTAnalysis; this is only the door.

public import AddressSpaces
public import Machines

/// Reads IORT and MADT.
public enum ACPIReader {
    /// What no table that is read here says, and a caller may know.
    public struct Facts: Sendable {
        /// The host bridges' `_DSM` function 5 returns 0: the kernel keeps the boot configuration, and
        /// applies RMRs to PCI functions.
        public var preservesPCIConfiguration = false
        /// Outbound windows of root complexes by PCI segment, as `_CRS` has them.
        public var pciWindows: [UInt32: [PCIWindow]] = [:]
        /// Inbound windows of root complexes by PCI segment, as `_DMA` has them. They bound what DMA reaches,
        /// in place of the table's own limit, and reserve nothing between them: only device trees do that.
        public var inboundWindows: [UInt32: [InboundWindow]] = [:]
        public var memory: [PhysicalRange] = []

        public init() {}
    }

    /// The platform that tables describe, each file holding one table, several in a row, or acpidump's text.
    /// Throws when the bytes are no tables or when the IORT's nodes cannot be told apart; contradictions
    /// inside a sound chain of nodes become findings.
    public static func read(_ files: [[UInt8]], _ facts: Facts = Facts()) throws(ACPIError) -> Platform {
        var findings = FindingList()
        var set = ACPITableSet()
        for file in files { try set.add(file, &findings) }
        return try read(set, facts, findings)
    }

    /// The platform of tables that have been taken apart, with the findings of that.
    static func read(
        _ set: ACPITableSet, _ facts: Facts, _ findings: FindingList
    ) throws(ACPIError) -> Platform {
        var findings = findings
        guard let iort = try set.only("IORT") else {
            throw .noIORT(found: set.tables.map(\.place))
        }
        var madt: MADT?
        if let table = try set.only("APIC") { madt = try MADT(table, &findings) }
        for table in set.tables where !["IORT", "APIC"].contains(table.signature) {
            findings.note(
                .info, "table-not-read", table.signature,
                "\(table.bytes.count) bytes of \(table.signature); only IORT and APIC are read.")
        }
        let nodes = try IORTTable(iort, &findings)
        nodes.check(&findings)
        var analysis = IORTAnalysis(nodes, madt, facts, findings)
        return try analysis.platform()
    }
}
