// One capture folder: what the kernel was given, read by the product's readers, and what it did. Says which
// kernel, page size and IOMMU the capture states, and hands out the product's device for each function.

import AddressSpaces
import Foundation
import LinuxReleases
import MSIWindows
import Machines
import TestSupport

struct Capture {
    let name: String
    let truth: Truth
    let platform: Platform
    /// The groups' reserved_regions with the description, as `iovad collect` sends them; nil where the test
    /// asks without.
    private(set) var listed: Platform?
    /// What the capture states; a test may ask under others, to see that they matter.
    var conditions: Conditions

    static let folders = ["data/linux-captures", "data/linux-captures-2"]

    /// Every folder of the shelf that holds a truth.json, by its path, sorted.
    static var names: [String] {
        guard let root = SharedShelf.root else { return [] }
        return folders.flatMap { folder in SharedShelf.names(in: folder).map { "\(folder)/\($0)" } }.filter {
            FileManager.default.fileExists(atPath: root.appendingPathComponent("\($0)/truth.json").path)
        }
    }

    init(_ name: String) throws {
        self.name = name
        truth = try Truth(reading: SharedShelf.bytes("\(name)/truth.json"))
        platform = try Self.platform(of: name, truth)
        conditions = truth.statedConditions
    }

    /// The capture's own files, nil where there is none of the name.
    static func file(_ file: String, of name: String) -> [UInt8]? {
        guard let root = SharedShelf.root else { return nil }
        let path = root.appendingPathComponent("\(name)/\(file)").path
        return FileManager.default.fileExists(atPath: path)
            ? SharedShelf.bytes("\(name)/\(file)") : nil
    }

    /// The boot ended before anything could be exported.
    var crashed: Bool { truth.kernel == nil }

    var topology: PCITopology { PCITopology(devices: truth.devices ?? [:]) }

    /// The product's device for a function; nil when no IOMMU translates its requester ID.
    func device(_ function: String) -> Device? {
        guard var device = firmwareDevice(function) else { return nil }
        if let member = listed?.devices.first(where: { $0.id == function }) {
            device.reportedRegions = member.reportedRegions
            device.firmwareRegions = member.firmwareRegions
        }
        return device
    }

    /// The same with the lists of its groups: what a virtio-iommu reports is in no other file.
    func withLists() throws -> Capture {
        var capture = self
        capture.listed = try Self.listedPlatform(of: name, truth)
        return capture
    }

    private func firmwareDevice(_ name: String) -> Device? {
        guard let address = PCIAddress(name) else {
            // `9050000.name` is the node `name@9050000`.
            let parts = name.split(separator: ".", maxSplits: 1)
            return platform.devices.first {
                $0.active && $0.kind == .platform && parts.count == 2
                    && $0.id.hasSuffix("/\(parts[1])@\(parts[0])")
            }
        }
        if platform.source == .acpi { return platform.pciFunction(name) }
        let path = topology.path(of: address)
        let host = platform.devices.first { $0.active && $0.kind == .pciHost }
        guard let host, host.stream(ofRequester: address.requesterID) != nil else { return nil }
        return platform.devices.first { $0.kind == .pciFunction && $0.pciPath == path } ?? host
    }

    /// Functions that share the function's group when VFIO takes it, in the order in which Linux added them:
    /// ports before what is behind them. A function whose driver made no group at boot gets one of its own.
    func groupMates(of function: String, group: Int) -> [String] {
        let known = truth.groups?[String(group)]?.devices ?? []
        return Set(known + [function]).sorted()
    }
}
