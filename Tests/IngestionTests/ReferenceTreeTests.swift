// Every reference tree: SMMUs, doorbells, memory and masters as the expected analysis has them. The first
// difference is named.

import AddressSpaces
import Foundation
import Ingestion
import Machines
import TestSupport
import Testing

@Suite(.enabled(if: SharedShelf.isPresent)) struct ReferenceTreeTests {
    private func first(_ what: String, _ got: [String], _ want: [String]) {
        guard got != want else { return }
        let place =
            zip(got, want).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            ?? min(got.count, want.count)
        let found = place < got.count ? got[place] : "nothing"
        let expected = place < want.count ? want[place] : "nothing"
        Issue.record("\(what), entry \(place): got \(found), expected \(expected)")
    }

    @Test func treesAreThere() { #expect(ExpectedTree.names.count >= 34) }

    @Test(arguments: ExpectedTree.names)
    func treeIsReadAsExpected(name: String) throws {
        let expected = try ExpectedTree(name)
        let platform = try DeviceTreeReader.read(expected.blob)
        first(
            "\(name) smmus",
            platform.smmus.map { smmu in
                "\(smmu.id) \(smmu.version) \(smmu.enabled) \(smmu.iommuCells) \(smmu.coherentWalk) \(smmu.compatible)"
            },
            expected.list("smmus").map { smmu in
                "\(smmu["path"]!) \(smmu["version"]!) \(smmu["status_ok"] as! Bool) \(smmu["iommu_cells"] as! Int) "
                    + "\(smmu["coherent_walk"] as! Bool) \(smmu["compatible"] as! [String])"
            })
        first(
            "\(name) controllers",
            platform.msiControllers.map { controller in
                "\(controller.id) \(controller.kind.rawValue) \(controller.doorbell?.value ?? 0) \(controller.enabled)"
            },
            expected.list("msi_controllers").map { controller in
                let kinds = ["its": "its", "v2m": "gicv2m", "gicv3-mbi": "mbi", "other": "other"]
                let kind = controller["pre_its"] == nil ? kinds[controller["kind"] as! String]! : "pre_its"
                return
                    "\(controller["path"]!) \(kind) \(number(controller["doorbell"]) ?? 0) \(controller["status_ok"] as! Bool)"
            })
        first(
            "\(name) memory", platform.memory.map { "\($0.start.value) \($0.last.value)" },
            expected.list("ram").map { "\(number($0["start"])!) \(number($0["end"])!)" })
        first(
            "\(name) masters", platform.devices.filter { $0.kind != .pciFunction }.map(line),
            expected.list("masters").map(line))
    }

    private func line(_ device: Device) -> String {
        let streams = device.streams.map { stream in
            switch stream.kind {
            case .specifier(let cells): "\(stream.smmu) \(cells)"
            case .idMap(let base, let length, let output): "\(stream.smmu) \(base)+\(length) \(output)"
            case .constant(let base, let length, let output): "\(stream.smmu) \(base)+\(length) all \(output)"
            }
        }
        return "\(device.id) \(device.kind.rawValue) \(device.active) \(device.smmus) \(device.dmaLimit) "
            + "\(device.dmaCoherent) \(device.msiControllers) \(streams) "
            + "\(device.pciWindows.map(line)) "
            + "\(device.inboundWindows.map { "\($0.busStart) \($0.cpuStart) \($0.size)" })"
    }

    private func line(_ window: PCIWindow) -> String {
        "\(window.kind) \(window.busStart) \(window.cpuStart) \(window.size) \(window.is64Bit) "
            + "\(window.isPrefetchable)"
    }

    private func line(_ master: [String: Any]) -> String {
        let kinds = ["platform": "platform", "pci-host": "pci_host", "id-map-bus": "id_map_bus"]
        let streams = (master["streams"] as! [[String: Any]]).map { stream -> String in
            let cells = { (key: String) in
                (stream[key] as! [String]).map { UInt32($0.dropFirst(2), radix: 16)! }
            }
            if stream["ids"] != nil { return "\(stream["smmu"]!) \(cells("ids"))" }
            return
                "\(stream["smmu"]!) \(number(stream["id_base"])!)+\(number(stream["length"])!) \(cells("out"))"
        }
        let pci = master["pci"] as? [String: Any]
        let spaces = ["mem": "memory", "io": "io", "config": "configuration"]
        let windows = (pci?["windows"] as? [[String: Any]] ?? []).map { window in
            "\(spaces[window["kind"] as! String] ?? "?") \(number(window["bus"])!) "
                + "\(number(window["cpu"])!) \(number(window["size"])!) "
                + "\(window["is64"] as! Bool) \(window["prefetch"] as! Bool)"
        }
        let inbound = (pci?["dma_ranges"] as? [[String: Any]] ?? []).map {
            "\(number($0["bus"])!) \(number($0["cpu"])!) \(number($0["size"])!)"
        }
        let controllers = (master["msi"] as? [String: Any])?["controllers"] as? [String] ?? []
        return
            "\(master["path"]!) \(kinds[master["kind"] as! String]!) \(master["active"] as! Bool) \(master["smmus"] as! [String]) "
            + "\(number(master["dma_limit"])!) \(master["dma_coherent"] as! Bool) \(controllers) \(streams) \(windows) \(inbound)"
    }

    @Test func damagedTreesAreToldApart() throws {
        let folder = "\(ExpectedTree.folder)/malformed"
        let index = try #require(
            try JSONSerialization.jsonObject(with: Data(SharedShelf.bytes("\(folder)/index.json")))
                as? [[String: Any]])
        for entry in index {
            let file = entry["file"] as! String
            let bytes = SharedShelf.bytes("\(folder)/\(file)")
            if let refused = entry["refused"] as? String {
                let error = try #require(throws: DeviceTreeError.self, "\(file)") {
                    try DeviceTreeReader.read(bytes)
                }
                #expect(error.reason.contains(refused), "\(file): \(error.reason)")
            } else {
                let platform = try DeviceTreeReader.read(bytes)
                let masters = entry["masters"] as! [[String: Any]]
                #expect(platform.devices.map(\.id) == masters.map { $0["path"] as! String })
                #expect(platform.devices.map(\.active) == masters.map { $0["active"] as! Bool })
                #expect(
                    platform.findings.contains { $0.severity == .error },
                    "\(file) is accepted without a finding")
                for case let reason as String in masters.map({ $0["map_error"] ?? NSNull() }) {
                    #expect(
                        platform.findings.contains { $0.detail.contains(reason) },
                        "\(file): \(platform.findings)")
                }
            }
        }
    }

    @Test func capturedMachinesAreRead() throws {
        var crashes = 0
        var functions = 0
        for name in SharedShelf.names(in: "data/linux-captures") {
            let file = "data/linux-captures/\(name)/platform.dtb"
            guard FileManager.default.fileExists(atPath: SharedShelf.root!.appendingPathComponent(file).path)
            else { continue }
            let platform = try DeviceTreeReader.read(SharedShelf.bytes(file))
            if name.hasPrefix("x-oops") {
                crashes += platform.findings.contains { $0.code == "iommu-addresses-untranslatable" } ? 1 : 0
            }
            functions +=
                platform.devices.filter { $0.kind == .pciFunction && !$0.firmwareRegions.isEmpty }.count
        }
        #expect(crashes == 2)
        #expect(functions > 3)
    }

    @Test func truncationsAndMutationsNeverCrash() throws {
        var random = SeededGenerator.forTest("device tree mutations", fallback: 0xd7b)
        var refused = 0
        var accepted = 0
        let trees = try ExpectedTree.names.map { try ExpectedTree($0).blob }
        for blob in trees.filter({ $0.count < 30_000 }) {
            for length in stride(from: 0, to: blob.count, by: 64) {
                #expect(throws: DeviceTreeError.self) { try DeviceTreeReader.read(Array(blob[..<length])) }
            }
        }
        let edges: [UInt32] = [0, 1, 2, 3, 4, 9, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, .max]
        for round in 0..<5_000 {
            var blob = trees[round % trees.count]
            if blob.count > 40_000, round % 4 != 0 {
                blob = trees.filter { $0.count < 2_000 }.randomElement(using: &random)!
            }
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let cell = Int.random(in: 0..<blob.count / 4, using: &random) * 4
                switch Int.random(in: 0...2, using: &random) {
                case 0: blob[cell] ^= 1 << UInt8.random(in: 0...7, using: &random)
                case 1:
                    let value = edges.randomElement(using: &random)!
                    for byte in 0..<4 { blob[cell + byte] = UInt8(value >> UInt32(24 - 8 * byte) & 0xff) }
                default: blob.swapAt(cell, Int.random(in: 0..<blob.count, using: &random))
                }
            }
            if (try? DeviceTreeReader.read(blob)) == nil { refused += 1 } else { accepted += 1 }
        }
        print("device tree mutations: \(accepted) accepted, \(refused) refused")
        #expect(refused > 500 && accepted > 500)
    }
}
