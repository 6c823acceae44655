// Lists of regions and groups as people pasted them: the reference data's field cases of these kinds, and
// texts of our own that vary them.

import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct FieldListTests {
    private func read(_ bytes: [UInt8]) throws -> Platform {
        var findings = FindingList()
        #expect(InputKind.sniff(bytes) == .sysfs)
        return try SysfsReader.read(bytes, nil, &findings)
    }

    private func read(_ text: String) throws -> Platform { try read(Array(text.utf8)) }

    private static let d05: [UInt64] = [0x800_0000, 0xc601_0000]

    @Test(
        .enabled(if: SharedShelf.isPresent),
        arguments: [
            ("r02-d05-crlf", ["group:0"], [d05]), ("r03-d05-prompt", ["group:3"], [d05]),
            ("r04-grep", ["group:0", "group:3"], [[0x800_0000], d05]),
            ("r05-tail", ["group:0", "group:3"], [[0x800_0000], d05]),
            ("r06-groups-script", ["group:0", "group:3"], [[0x800_0000], d05]),
            ("r07-wrapped-prompt", ["0015:01:00.0"], [[0x800_0000]]),
            ("r09-amd-x86", ["group:0"], [[0xfee0_0000, 0xfd_0000_0000]]),
        ] as [(String, [String], [[UInt64]])])
    func casesAreRead(name: String, devices: [String], regions: [[UInt64]]) throws {
        let platform = try read(SharedShelf.bytes("data/field/\(name).txt"))
        #expect(platform.devices.map(\.id) == devices)
        #expect(platform.devices.map { $0.reportedRegions?.map(\.start) } == regions)
    }

    @Test func listingsHaveDevices() throws {
        let text = """
            IOMMU Group 0:
            \t00:00.0 Host bridge [0600]: A Vendor Root Complex [1d0f:0001]
            \t\tKernel driver in use: pcieport
            \t0001:01:00.0 Ethernet controller [0200]
            IOMMU Group 7 0002:03:00.0 Network controller
            ### Group 8 ###
                04:00.0 USB controller
            Group:  9   0000:05:00.0 Serial bus controller
            iommu group 12: 1d84000.ufshc
            """
        let platform = try read(text)
        #expect(
            platform.devices.map(\.id) == [
                "group:0", "0000:00:00.0", "0001:01:00.0", "group:7", "0002:03:00.0", "group:8",
                "0000:04:00.0",
                "group:9", "0000:05:00.0", "group:12",
            ])
        #expect(platform.devices.allSatisfy { $0.reportedRegions == nil })
        #expect(platform.findings.map(\.code).contains("reserved-regions-unknown"))
    }

    @Test func foldersAndListingsMeetRegions() throws {
        let text = """
            /sys/kernel/iommu_groups/3/devices/0000:01:00.0
            /sys/kernel/iommu_groups/4/devices:
            total 0
            lrwxrwxrwx 1 root root 0 Nov 29 10:00 0000:02:00.0 -> ../../../../devices/pci0000:00/0000:02:00.0
            ==> /sys/kernel/iommu_groups/3/reserved_regions <==
            0x0000000008000000 0x00000000080fffff msi
            ==> /sys/kernel/iommu_groups/4/reserved_regions <==
            0x00000000c6010000 0x00000000c601ffff msi
            """
        let platform = try read(text)
        #expect(platform.devices.map(\.id) == ["group:3", "0000:01:00.0", "group:4", "0000:02:00.0"])
        #expect(
            platform.devices.map { $0.reportedRegions?.map(\.start) } == [
                [0x800_0000], [0x800_0000], [0xc601_0000], [0xc601_0000],
            ])
    }

    @Test func groupsOfLspciAreNoListing() {
        let text = "0002:00:01.0 PCI bridge: A Vendor Root Port (rev 04)\n\tIOMMU group: 12\n"
        #expect(InputKind.sniff(Array(text.utf8)) == .pciListing)
    }

    @Test func promptsNameGroups() throws {
        let region = "0x0000000008000000 0x00000000080fffff msi\n"
        for (text, id) in [
            (
                "root@juno:~# cat /sys/kernel/iommu_groups/3/reserved_regions\n\(region)root@juno:~#",
                "group:3"
            ),
            ("[me@host ~]$ sudo cat /sys/kernel/iommu_groups/14/reserved_regions\n\(region)", "group:14"),
            ("root@host:/sys/kernel/iommu_groups# cat 5/reserved_regions\n\(region)", "group:0"),
            ("cat /sys/kernel/iommu_groups/6/reserved_regions\n\(region)", "group:6"),
            ("$ cat\n/sys/kernel/iommu_groups/7/reserved_regions\n\(region)", "group:7"),
            ("> > # cat /sys/kernel/iommu_groups/8/reserved_regions\n> > \(region)", "group:8"),
        ] {
            #expect(try read(text).devices.map(\.id) == [id], "\(text)")
        }
    }

    @Test(.enabled(if: SharedShelf.isPresent), arguments: ["altra-prompt", "altra-crlf", "altra-indented"])
    func iomemCasesAreRead(name: String) throws {
        var findings = FindingList()
        let whole = try IOMemText.read(SharedShelf.bytes("data/field/acpi/altra.iomem"), &findings)
        let bytes = SharedShelf.bytes("data/field/acpi/\(name).iomem")
        #expect(InputKind.sniff(bytes) == .iomem)
        let content = try IOMemText.read(bytes, &findings)
        #expect(content.pciWindows == whole.pciWindows && content.memory == whole.memory)
        #expect(whole.pciWindows[2]?.first?.busStart == 0x800_0000)
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func bootLogIsNoJSON() {
        let bytes = SharedShelf.bytes("data/field/acpi/altra-dmesg.txt")
        #expect(InputKind.sniff(bytes) != .json)
        for text in [
            "{1}[Hardware Error]: x", "[    0.000000] Booting Linux", "[Mon Jan 12 10:11:12 2026] x",
            "[ C0] x", "[drm] x",
        ] {
            #expect(InputKind.sniff(Array(text.utf8)) != .json, "\(text)")
        }
        for text in ["{", "{}", " {\"a\": 1}", "[]", "[1, 2]", "[1]", "[\"a\"]", "[true]", "[", "{a"] {
            #expect(InputKind.sniff(Array(text.utf8)) == .json, "\(text)")
        }
    }
}
