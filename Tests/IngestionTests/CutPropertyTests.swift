// Every property that is read by cells, with its last entry cut off at every byte: the upload says which
// property of which node it is, and nothing is there that the whole tree does not have.

import AddressSpaces
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct CutPropertyTests {
    /// What is cut, at which node, and the bytes of one entry.
    private struct Place {
        let property: CellProperty
        let path: String
        let entryBytes: Int
    }

    private static let places = [
        Place(property: .reg, path: "/iommu@1000", entryBytes: 16),
        Place(property: .reg, path: "/its@20000", entryBytes: 16),
        Place(property: .reg, path: "/memory@80000000", entryBytes: 16),
        Place(property: .reg, path: "/reserved-memory/r", entryBytes: 16),
        Place(property: .ranges, path: "/bus", entryBytes: 24),
        Place(property: .ranges, path: "/pcie", entryBytes: 28),
        Place(property: .dmaRanges, path: "/bus", entryBytes: 24),
        Place(property: .dmaRanges, path: "/pcie", entryBytes: 28),
        Place(property: .iommus, path: "/bus/dma", entryBytes: 8),
        Place(property: .iommuMap, path: "/pcie", entryBytes: 16),
        Place(property: .msiMap, path: "/pcie", entryBytes: 16),
        Place(property: .msiParent, path: "/bus/dma", entryBytes: 8),
        Place(property: .memoryRegion, path: "/bus/dma", entryBytes: 4),
        Place(property: .iommuAddresses, path: "/reserved-memory/r", entryBytes: 20),
    ]

    /// Properties of the nodes that places name; the last bytes of one are left out.
    private struct Cut {
        let place: Place?
        let count: Int

        func put(_ node: inout TreeNode, _ path: String, _ property: CellProperty, _ cells: UInt32...) {
            var bytes = cells.flatMap { cell in
                (0..<4).reversed().map { UInt8(cell >> (8 * UInt32($0)) & 0xff) }
            }
            if let place, place.path == path, place.property == property { bytes.removeLast(count) }
            node.bytes(property.property.name, bytes)
        }
    }

    private static func tree(_ cut: Cut) -> [UInt8] {
        DeviceTreeBuilder.blob { root in
            root.cells("#address-cells", 2)
            root.cells("#size-cells", 2)
            root.child("iommu@1000") { node in
                node.strings("compatible", "arm,smmu-v3")
                cut.put(&node, "/iommu@1000", .reg, 0, 0x1000, 0, 0x1000)
                node.cells("#iommu-cells", 1)
                node.cells("phandle", 1)
            }
            root.child("its@20000") { node in
                node.strings("compatible", "arm,gic-v3-its")
                cut.put(&node, "/its@20000", .reg, 0, 0x20000, 0, 0x20000)
                node.cells("#msi-cells", 1)
                node.cells("phandle", 2)
            }
            root.child("memory@80000000") { node in
                node.strings("device_type", "memory")
                cut.put(
                    &node, "/memory@80000000", .reg, 0, 0x8000_0000, 0, 0x4000_0000, 8, 0, 0, 0x4000_0000)
            }
            root.reservedMemory { node in
                node.child("r") { node in
                    cut.put(&node, "/reserved-memory/r", .reg, 0, 0x9000_0000, 0, 0x1000)
                    cut.put(
                        &node, "/reserved-memory/r", .iommuAddresses, 4, 0, 0x9000_0000, 0, 0x1000, 4, 0,
                        0xa000_0000, 0, 0x1000)
                    node.cells("phandle", 3)
                }
            }
            root.child("bus") { node in Self.bus(&node, cut) }
            root.child("pcie") { node in Self.bridge(&node, cut) }
        }
    }

    private static func bus(_ node: inout TreeNode, _ cut: Cut) {
        node.cells("#address-cells", 2)
        node.cells("#size-cells", 2)
        for property in [CellProperty.ranges, .dmaRanges] {
            cut.put(
                &node, "/bus", property, 0, 0x8000_0000, 0, 0x8000_0000, 0, 0x4000_0000, 8, 0, 8, 0, 0,
                0x4000_0000)
        }
        node.child("dma") { node in
            cut.put(&node, "/bus/dma", .iommus, 1, 7, 1, 8)
            cut.put(&node, "/bus/dma", .memoryRegion, 3)
            cut.put(&node, "/bus/dma", .msiParent, 2, 0)
            node.cells("phandle", 4)
        }
    }

    private static func bridge(_ node: inout TreeNode, _ cut: Cut) {
        node.strings("device_type", "pci")
        node.cells("#address-cells", 3)
        node.cells("#size-cells", 2)
        for property in [CellProperty.ranges, .dmaRanges] {
            cut.put(
                &node, "/pcie", property, 0x0200_0000, 0, 0x1000_0000, 0, 0x1000_0000, 0, 0x1000_0000,
                0x0200_0000, 0, 0x3000_0000, 0, 0x3000_0000, 0, 0x1000_0000)
        }
        cut.put(&node, "/pcie", .iommuMap, 0, 1, 0, 0x100, 0x100, 1, 0x100, 0x100)
        cut.put(&node, "/pcie", .msiMap, 0, 2, 0, 0x100, 0x100, 2, 0x100, 0x100)
    }

    @Test func everyPropertyIsInTheTable() {
        #expect(Set(Self.places.map(\.property)) == Set(CellProperty.allCases))
    }

    @Test func aCutEntryIsToldAndInventsNothing() throws {
        let whole = try DeviceTreeReader.read(Self.tree(Cut(place: nil, count: 0)))
        #expect(whole.findings.filter { $0.severity == .error }.isEmpty, "\(whole.findings)")
        #expect(
            whole.devices.map(\.id) == ["/bus/dma", "/pcie"] && whole.devices[0].firmwareRegions.count == 2)
        for place in Self.places {
            for count in 1..<place.entryBytes {
                let name = "\(place.path):\(place.property.property.name) without \(count) bytes"
                let cut = try DeviceTreeReader.read(Self.tree(Cut(place: place, count: count)))
                let told = cut.findings.filter {
                    $0.severity == .error && $0.location == "\(place.path):\(place.property.property.name)"
                }
                #expect(!told.isEmpty, "\(name): \(cut.findings)")
                #expect(Set(told.map(\.code)).count == told.count, "\(name): \(told)")
                expect(cut, isPartOf: whole, name, readsOn: place.property == .iommuAddresses)
            }
        }
    }

    private func expect(_ cut: Platform, isPartOf whole: Platform, _ name: String, readsOn: Bool) {
        #expect(Set(whole.memory).isSuperset(of: cut.memory), "\(name)")
        #expect(
            Set(whole.smmus.flatMap(\.registers)).isSuperset(of: cut.smmus.flatMap(\.registers)), "\(name)")
        let doorbells = Set(whole.msiControllers.compactMap(\.doorbell))
        #expect(doorbells.isSuperset(of: cut.msiControllers.compactMap(\.doorbell)), "\(name)")
        for device in cut.devices {
            guard let same = whole.devices.first(where: { $0.id == device.id }) else {
                Issue.record("\(name): \(device.id) is new")
                continue
            }
            #expect(Set(same.pciWindows).isSuperset(of: device.pciWindows), "\(name)")
            #expect(Set(same.inboundWindows).isSuperset(of: device.inboundWindows), "\(name)")
            #expect(Set(same.streams).isSuperset(of: device.streams), "\(name)")
            #expect(Set(same.msiControllers).isSuperset(of: device.msiControllers), "\(name)")
            // What a kernel reads behind the property is captured, and reserved.
            guard !readsOn else { continue }
            let starts = Set(same.firmwareRegions.map(\.start))
            #expect(starts.isSuperset(of: device.firmwareRegions.map(\.start)), "\(name)")
        }
    }
}
