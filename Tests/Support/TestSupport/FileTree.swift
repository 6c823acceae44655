// A folder of files for one test, and a host's tree in one: what `iovad collect --root` and `iovad decide
// --root` read. The host is made up: two PCI host bridges behind one SMMU, of which one carries DMA from
// 2 GiB on only, and a platform device.

public import Foundation
import Glibc

/// A folder of files, removed when the value goes.
public final class FileTree {
    public let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("iovad-tree-\(UUID().uuidString)")

    public init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    public func add(_ path: String, _ content: [UInt8]) throws {
        try Data(content).write(to: place(path))
    }

    public func add(_ path: String, _ text: String) throws { try add(path, Array(text.utf8)) }

    public func link(_ path: String, to target: String) throws {
        let code = symlink(target, try place(path).path)
        precondition(code == 0, "symlink failed with \(errno)")
    }

    /// The path of a file whose folders exist.
    private func place(_ path: String) throws -> URL {
        let file = folder.appendingPathComponent(path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        return file
    }

    deinit { try? FileManager.default.removeItem(at: folder) }
}

extension FileTree {
    /// One IOMMU group below `root`; a device's place is its path below /sys/devices.
    public func addGroup(
        _ root: String, _ number: Int, type: String, regions: String,
        devices: [(name: String, place: String?)]
    ) throws {
        let group = "\(root)/sys/kernel/iommu_groups/\(number)"
        try add("\(group)/type", "\(type)\n")
        try add("\(group)/reserved_regions", regions)
        for (name, place) in devices {
            if let place {
                try link("\(group)/devices/\(name)", to: "../../../../devices/\(place)")
            } else {
                try add("\(group)/devices/\(name)/uevent", "")
            }
        }
    }

    /// The made-up host, whose groups are all of `type`.
    public func addHost(_ root: String, type: String = "DMA", release: String = "6.12.9-arm64") throws {
        try add("\(root)/sys/firmware/fdt", Self.hostTree)
        try add("\(root)/proc/sys/kernel/osrelease", "\(release)\n")
        try add("\(root)/proc/self/smaps", "00-01 r-xp\nKernelPageSize:        4 kB\n")
        let window = "0x0000000008000000 0x00000000080fffff msi\n"
        try addGroup(
            root, 0, type: type, regions: window,
            devices: [("0000:00:01.0", "platform/40000000.pcie/pci0000:00/0000:00:01.0")])
        try addGroup(
            root, 1, type: type, regions: window,
            devices: ["0001:00:01.0", "0001:00:01.1"].map {
                ($0, "platform/50000000.pcie/pci0001:00/\($0)")
            })
        try addGroup(
            root, 2, type: type, regions: window, devices: [("60000000.dma", "platform/60000000.dma")])
    }

    private static let hostTree = DeviceTreeBuilder.board { root in
        root.its(at: 0x808_0000)
        root.pciHost("pcie@40000000", firstStream: 0) { node in
            node.cells("reg", 0, 0x4000_0000, 0, 0x1000_0000)
            node.cells("linux,pci-domain", 0)
            node.cells("msi-map", 0, 2, 0, 0x1_0000)
            node.cells("dma-ranges", 0x0200_0000, 0, 0x8000_0000, 0, 0x8000_0000, 0, 0x8000_0000)
        }
        root.pciHost("pcie@50000000", firstStream: 0x1_0000) { node in
            node.cells("reg", 0, 0x5000_0000, 0, 0x1000_0000)
            node.cells("linux,pci-domain", 1)
            node.cells("msi-map", 0, 2, 0x1_0000, 0x1_0000)
        }
        root.child("dma@60000000") { node in
            node.strings("compatible", "example,dma")
            node.cells("reg", 0, 0x6000_0000, 0, 0x1000)
            node.cells("iommus", 1, 0x2_0000)
            node.cells("msi-parent", 2, 0x2_0000)
        }
    }
}
