// Lists of PCI functions written by us, as lspci -vv prints them, beside tables and boot logs.

import AddressSpaces
import JSON
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct PCIListingTests {
    private static func text(msi: String = "00000000fffff040", bar: String = "8000000") -> String {
        """
        0002:00:01.0 PCI bridge: Example Root Port (rev 04) (prog-if 00 [Normal decode])
        \tControl: I/O+ Mem+ BusMaster+ SpecCycle- DisINTx+
        \tIOMMU group: 3
        \tMemory behind bridge: 08000000-081fffff [size=2M] [32-bit]
        \tCapabilities: [50] MSI: Enable- Count=1/1 Maskable+ 64bit+
        \t\tAddress: 0000000000000000  Data: 0000
        \tKernel driver in use: pcieport

        0002:01:00.0 Ethernet controller: Example Adapter (rev 01)
        \tSubsystem: Example Device 0001
        \tIOMMU group: 4
        \tRegion 0: Memory at \(bar) (64-bit, prefetchable) [size=1M]
        \tRegion 2: I/O ports at 1000 [size=32]
        \tRegion 4: Memory at <unassigned> (32-bit, non-prefetchable) [disabled]
        \tCapabilities: [60] MSI: Enable+ Count=1/8 Maskable+ 64bit+
        \t\tAddress: \(msi)  Data: 0000
        \t\tMasking: 00000000  Pending: 00000000
        \tCapabilities: [c0] MSI-X: Enable- Count=64 Masked-
        \t\tVector table: BAR=0 offset=00002000
        \tKernel driver in use: vfio-pci
        """
    }

    private func platform(_ listing: String, log: String? = nil) throws -> Platform {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x905_0000, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 2, [.init(0, 0xffff, 0, to: smmu)])
        let madt = ACPITableBuilder.madt(its: [(0, 0x808_0000)])
        let iomem = "08000000-0fffffff : PCI Bus 0002:00\n"
        var parts = [
            ("iort", builder.table()), ("madt", madt), ("iomem", Array(iomem.utf8)),
            ("lspci", Array(listing.utf8)),
        ]
        if let log { parts.append(("dmesg", Array(log.utf8))) }
        let problems = ProblemList(limit: 8)
        let limits = JSONLimits(bytesMax: 1 << 20, depthMax: 32, valuesMax: 100_000)
        return try PlatformReader.read(
            parts.map { InputPart(name: $0.0, bytes: $0.1, labelled: nil, isWhole: false) },
            .init(json: limits),
            problems)
    }

    @Test func functionsAreRead() throws {
        let bytes = Array(Self.text().utf8)
        #expect(InputKind.sniff(bytes) == .pciListing)
        let listing = try PCIListing.read(bytes)
        #expect(listing.functions.map(\.address) == ["0002:00:01.0", "0002:01:00.0"])
        #expect(listing.functions.map(\.group) == [3, 4])
        #expect(listing.functions.map(\.driver) == ["pcieport", "vfio-pci"])
        #expect(listing.functions.map(\.msiAddress) == [nil, 0xffff_f040])
        #expect(listing.functions[1].regions == [IOVARange(proven: 0x800_0000, 0x80f_ffff)])
    }

    /// A list that was pasted twice.
    @Test func twiceIsOnce() throws {
        let platform = try platform(Self.text() + "\n\n" + Self.text())
        #expect(platform.devices.map(\.id) == ["rc:2", "0002:00:01.0", "0002:01:00.0"])
    }

    /// Without segments, as on most machines, and with CRLF.
    @Test func shortAddresses() throws {
        let text = Self.text().replacing("0002:", with: "").replacing("\n", with: "\r\n")
        #expect(InputKind.sniff(Array(text.utf8)) == .pciListing)
        let listing = try PCIListing.read(Array(text.utf8))
        #expect(listing.functions.map(\.address) == ["0000:00:01.0", "0000:01:00.0"])
        #expect(listing.functions[1].msiAddress == 0xffff_f040)
    }

    @Test(arguments: [
        ("0000000008000040", "msi-in-pci-window"), ("0000000008090040", "msi-in-pci-window"),
        ("00000000a0000040", "msi-in-second-window"), ("00000000fffff040", "msi-elsewhere"),
    ])
    func programmedAddresses(address: String, code: String) throws {
        let platform = try platform(Self.text(msi: address))
        let codes = platform.findings.map(\.code).filter { $0.hasPrefix("msi-") }
        #expect(codes == [code], "\(platform.findings)")
        #expect(platform.devices.map(\.id) == ["rc:2", "0002:00:01.0", "0002:01:00.0"])
    }

    @Test func barsLieInWindows() throws {
        #expect(!(try platform(Self.text())).findings.contains { $0.code == "bar-outside-windows" })
        let strange = try platform(Self.text(bar: "30000000"))
        #expect(strange.findings.contains { $0.code == "bar-outside-windows" })
    }

    @Test func groupsOfLogAndListContradict() throws {
        let log = "PCI host bridge to bus 0002:00\npci 0002:01:00.0: Adding to iommu group 9\n"
        let platform = try platform(Self.text(), log: log)
        #expect(platform.findings.contains { $0.code == "listing-groups-differ" })
        #expect(Set(platform.devices.map(\.id)) == ["rc:2", "0002:00:01.0", "0002:01:00.0"])
    }

    @Test func cutAnywhereItIsReadOrLeftOut() throws {
        let bytes = Array(Self.text().utf8)
        for count in 0..<bytes.count {
            let listing = try PCIListing.read(Array(bytes.prefix(count)))
            for function in listing.functions {
                #expect([nil, 0xffff_f040].contains(function.msiAddress))
            }
        }
    }
}
