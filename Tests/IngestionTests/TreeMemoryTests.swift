// Which memory of a tree counts: RAM, and the regions whose IOVAs firmware reserves.

import AddressSpaces
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct TreeMemoryTests {
    @Test func disabledMemoryIsNotThere() throws {
        let blob = OwnTreeTests.base { root in
            for (start, status) in [(UInt32(0x4000_0000), "disabled"), (0x8000_0000, "okay")] {
                root.child("memory@\(start)") { node in
                    node.strings("device_type", "memory")
                    node.strings("status", status)
                    node.cells("reg", 0, start, 0, 0x1000_0000)
                }
            }
        }
        #expect(try DeviceTreeReader.read(blob).memory.map(\.start.value) == [0x8000_0000])
    }

    /// `reg` of the region: absent, sound, behind a bus that translates nothing, and cut short.
    @Test(arguments: ["none", "sound", "untranslatable", "short"])
    func regionWhoseMemoryCannotBePlacedIsPassedOver(reg: String) throws {
        let blob = OwnTreeTests.base { root in
            root.child("reserved-memory") { memory in
                if reg != "untranslatable" { memory.flag("ranges") }
                memory.child("fw") { node in
                    node.cells("phandle", 9)
                    node.cells("iommu-addresses", 5, 0, 0x800_0000, 0, 0x10_0000)
                    if reg == "short" { node.cells("reg", 0, 0x800_0000, 0) }
                    if reg == "sound" || reg == "untranslatable" {
                        node.cells("reg", 0, 0x800_0000, 0, 0x10_0000)
                    }
                }
            }
            root.child("dma") { node in
                node.cells("iommus", 1, 7)
                node.cells("phandle", 5)
                node.cells("memory-region", 9)
            }
        }
        let platform = try DeviceTreeReader.read(blob)
        let kinds = platform.devices[0].firmwareRegions.map(\.kind)
        switch reg {
        case "none": #expect(kinds == [.reserved] && platform.findings.isEmpty)
        case "sound": #expect(kinds == [.direct] && platform.findings.isEmpty)
        default:
            #expect(kinds.isEmpty)
            let codes = ["reserved-memory-unreadable"] + (reg == "short" ? ["reg-odd-length"] : [])
            #expect(platform.findings.map(\.code) == codes)
        }
    }

    /// A region with a long `reg` and many entries, named often: only the first window is ever wanted, and
    /// taking the whole list apart each time took minutes.
    @Test(.timeLimit(.minutes(1))) func longListsOfMemoryAreNotReadAnew() throws {
        let entry: [UInt32] = [5, 0, 0x800_0000, 0, 0x1000]
        let blob = OwnTreeTests.base { root in
            root.child("reserved-memory") { memory in
                memory.flag("ranges")
                memory.child("fw") { node in
                    node.cells("phandle", 9)
                    node.cells("iommu-addresses", [[UInt32]](repeating: entry, count: 2).flatMap(\.self))
                    node.cells(
                        "reg",
                        [[UInt32]](repeating: [0, 0x800_0000, 0, 0x1000], count: 20_000).flatMap(\.self))
                }
            }
            root.child("dma") { node in
                node.cells("iommus", 1, 7)
                node.cells("phandle", 5)
                node.cells("memory-region", [UInt32](repeating: 9, count: 2_000))
            }
        }
        let regions = try DeviceTreeReader.read(blob).devices[0].firmwareRegions
        #expect(regions.count == 4_000)
        #expect(regions.allSatisfy { $0.kind == .direct })
    }

    /// 0x40000000 lies in no window of the bus above: fatal for a device, not read for the bridge itself.
    @Test(arguments: [false, true])
    func onlyADevicesOwnAddressCrashesLinux(onHostBridge: Bool) throws {
        let blob = OwnTreeTests.base { root in
            root.child("reserved-memory") { memory in
                memory.child("fw") { node in
                    node.cells("phandle", 9)
                    node.cells("iommu-addresses", 5, 0, 0x4000_0000, 0, 0x1000)
                }
            }
            root.child("soc") { soc in
                soc.cells("dma-ranges", 0, 0, 0, 0, 0, 0x1000_0000)
                soc.child(onHostBridge ? "pcie@4000" : "dma") { node in
                    if onHostBridge { OwnTreeTests.pcie(&node) } else { node.cells("iommus", 1, 7) }
                    node.cells("phandle", 5)
                    node.cells("memory-region", 9)
                }
            }
        }
        let platform = try DeviceTreeReader.read(blob)
        let found = platform.findings.filter { $0.code == "iommu-addresses-untranslatable" }
        #expect(found.map(\.severity) == [onHostBridge ? .warning : .error])
        #expect(found.allSatisfy { $0.detail.contains("at boot") != onHostBridge })
        #expect(platform.devices[0].unappliedRegions.isEmpty == onHostBridge)
    }

    /// A PCI function needs three address cells. With two, the size's last cell is the token that ends the
    /// node: a captured 7.2 kernel reserved these addresses.
    @Test func anEntryThatIsCutOffReadsWhatFollows() throws {
        func blob(last: Bool) -> [UInt8] {
            OwnTreeTests.base { root in
                root.child("reserved-memory") { memory in
                    memory.child("fw") { node in
                        node.cells("phandle", 9)
                        node.cells("iommu-addresses", 5, 0, 0x800_0000, 0, 0x10_0000)
                        if !last { node.cells("x", 1) }
                    }
                }
                root.child("pcie@4000") { node in
                    OwnTreeTests.pcie(&node)
                    node.child("nvme@1") { nvme in
                        nvme.cells("reg", 0x800, 0, 0, 0, 0)
                        nvme.cells("phandle", 5)
                        nvme.cells("memory-region", 9)
                    }
                }
            }
        }
        for (last, token) in [(true, 2), (false, 3)] as [(Bool, UInt64)] {
            let platform = try DeviceTreeReader.read(blob(last: last))
            let device = try #require(platform.devices.first { $0.kind == .pciFunction })
            #expect(
                device.firmwareRegions.map { [$0.start, $0.length] }
                    == [[0x800_0000_0000_0000, 0x10_0000_0000_0000 | token]])
            let found = platform.findings.filter { $0.code == "iommu-addresses-truncated" }
            #expect(found.map(\.severity) == [.error])
            #expect(
                found.allSatisfy {
                    $0.detail.contains("4 of 5 cells") && $0.detail.contains("0x0000000\(token)")
                })
        }
    }

    /// Firmware has said none of what a kernel reads there.
    @Test func anEntryThatIsCutOffIsNotFirmwares() throws {
        let platform = try DeviceTreeReader.read(Self.entries([5, 0, 0x800_0000, 0]))
        let device = try #require(platform.devices.first { $0.id == "/dma" })
        #expect(device.firmwareRegions.map(\.provenance) == [.misreadDeviceTreeNode(path: "/fw")])
    }

    /// One device with the phandle 5 and another with 6, both behind an SMMU, and a region with these cells.
    private static func entries(_ cells: [UInt32]) -> [UInt8] {
        OwnTreeTests.base { root in
            root.child("fw") { node in
                node.cells("phandle", 9)
                node.cells("iommu-addresses", cells)
            }
            for (name, phandle) in [("dma", UInt32(5)), ("gpu", 6)] {
                root.child(name) { node in
                    node.cells("iommus", 1, phandle)
                    node.cells("phandle", phandle)
                    node.cells("memory-region", 9)
                }
            }
        }
    }

    /// Linux tries each cell as a phandle: those of an entry that names nothing, and those of other devices'.
    @Test func cellsThatAreTakenForPhandles() throws {
        let whole: [UInt32] = [5, 0, 0x800_0000, 0, 0x10_0000]
        for (cells, missing, misread) in [
            (whole, 0, 0), ([6, 0, 0x900_0000, 0, 0x1000] + whole, 0, 0),
            ([0x999, 0, 5, 0, 1] + whole, 1, 1), ([6, 0, 5, 0, 0x1000] + whole, 0, 1),
            ([0x999, 0, 0x900_0000, 0, 0x1000] + whole, 1, 0),
        ] as [([UInt32], Int, Int)] {
            let platform = try DeviceTreeReader.read(Self.entries(cells))
            let codes = platform.findings.map(\.code)
            #expect(codes.filter { $0 == "phandle-missing" }.count == missing, "\(platform.findings)")
            let found = platform.findings.filter { $0.code == "iommu-addresses-misread" }
            #expect(found.count == misread, "\(platform.findings)")
            #expect(found.allSatisfy { $0.detail.contains("the phandle of /dma") }, "\(found)")
            let device = try #require(platform.devices.first { $0.id == "/dma" })
            let provenances = device.firmwareRegions.map(\.provenance)
            #expect(provenances.contains(.misreadDeviceTreeNode(path: "/fw")) == (misread > 0), "\(device)")
        }
    }

    /// What follows is read only as far as the blob goes.
    @Test func nothingIsReadPastTheBlob() throws {
        let blob = OwnTreeTests.base { _ in }
        let tree = try DeviceTree(reading: blob)
        #expect(tree.cells(at: 0, count: 1) == [0xd00d_feed])
        #expect(tree.cells(at: blob.count - 8, count: 2)?.count == 2)
        for (offset, count) in [
            (blob.count - 8, 3), (blob.count, 1), (blob.count + 4, 0), (-4, 1), (0, .max),
        ] {
            #expect(tree.cells(at: offset, count: count) == nil, "\(count) at \(offset)")
        }
    }

    /// Every function has its bridge's map, so that a long map and many functions multiply.
    @Test func streamsWithoutEndAreRefused() throws {
        func blob(functions: Int) -> [UInt8] {
            OwnTreeTests.base { root in
                root.child("pcie@4000") { node in
                    node.strings("device_type", "pci")
                    node.cells("#address-cells", 3)
                    node.cells("#size-cells", 2)
                    node.cells("iommu-map", (0..<1_000).flatMap { [UInt32($0), 1, UInt32($0), 1] })
                    for place in 0..<functions {
                        node.child("device@\(place)") { function in
                            function.cells("reg", UInt32(place) << 8, 0, 0, 0, 0)
                            function.cells("memory-region", 77)
                        }
                    }
                }
            }
        }
        let most = DeviceTreeLimits.streamsMax / 1_000 - 1
        #expect(try DeviceTreeReader.read(blob(functions: most)).devices.count == most + 1)
        #expect(throws: DeviceTreeError.tooManyStreams(limit: DeviceTreeLimits.streamsMax)) {
            try DeviceTreeReader.read(blob(functions: most + 1))
        }
    }
}
