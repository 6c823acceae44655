// The guest maps against the worked examples of the shelf, and what has no example there.

import AddressSpaces
import Fleet
import Foundation
import TestSupport
import Testing

@Suite struct GuestMapTests {
    private static let gib: UInt64 = 1 << 30
    static let sizes: [(name: String, bytes: UInt64)] = [
        ("2G", 2 * gib), ("64G", 64 * gib), ("512G", 512 * gib), ("2T", 2_048 * gib),
    ]

    static var presets: [[String: Any]] {
        guard SharedShelf.isPresent else { return [] }
        let data = Data(SharedShelf.bytes("spec/vmm-maps.json"))
        let root = try! JSONSerialization.jsonObject(with: data) as! [String: Any]
        return root["presets"] as! [[String: Any]]
    }

    private func layout(_ vmm: VMM, ram: UInt64, _ change: (inout VMShape) -> Void = { _ in }) throws
        -> GuestMap
    {
        var shape = VMShape(ram: ram)
        change(&shape)
        return try vmm.map(shape)
    }

    private func find(_ map: GuestMap, _ name: String) -> IOVARange? {
        map.regions.first { $0.name == name }?.range
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func everyExampleIsEqual() throws {
        var compared = 0
        for preset in Self.presets {
            let vmm = try #require(VMM(rawValue: preset["id"] as! String))
            let examples = preset["worked_examples"] as! [String: [String: Any]]
            for size in Self.sizes {
                let example = examples[size.name]!
                if example["error"] is String {
                    #expect(throws: VMRefusal.self) { try vmm.map(VMShape(ram: size.bytes)) }
                } else {
                    try check(layout(vmm, ram: size.bytes), example, "\(vmm) \(size.name)")
                }
                compared += 1
            }
        }
        #expect(compared == 44)
    }

    private func check(_ map: GuestMap, _ example: [String: Any], _ place: String) {
        func text(_ ranges: [IOVARange]) -> [String] { ranges.map { "\($0.start.hex) \($0.last.hex)" } }
        func pairs(_ key: String) -> [String] {
            (example[key] as! [[String]]).map { $0.joined(separator: " ") }
        }
        let got = map.regions.map {
            "\($0.name) \($0.range.text) \($0.kind.rawValue) \($0.isMapped) \($0.isConditional)"
        }
        let want = (example["occupied_all"] as! [[String: Any]]).map { region in
            let kind = (region["kind"] as! String).replacingOccurrences(of: "-", with: "_")
            return "\(region["name"]!) \(region["start"]!)...\(region["last"]!) \(kind) "
                + "\(region["dma_mapped"] as! Bool) \(region["dma_conditional"] as! Bool)"
        }
        #expect(got == want, "\(place)")
        let strict = IOVASet(map.occupied(peerToPeer: true).map(\.range))
        #expect(text(strict.ranges) == pairs("dma_occupied_strict"), "\(place)")
        #expect(
            text(IOVASet(map.alwaysOccupied.map(\.range)).ranges) == pairs("dma_occupied_always"), "\(place)")
        #expect(map.topOfRAM?.hex == example["top_of_ram"] as? String, "\(place)")
        #expect(map.topOfMap?.hex == example["top_of_map"] as? String, "\(place)")
        let notes = [example["note"] as? String].compactMap { $0 }
        #expect(notes.allSatisfy { map.notes.contains($0) }, "\(place) \(map.notes)")
    }

    @Test func highRegionsFloatAndVanish() throws {
        let plugged = try layout(.qemuVirt, ram: 2 * Self.gib) {
            $0.maxmem = 128 * Self.gib
            $0.slots = 4
        }
        #expect(find(plugged, "DEVICE_MEMORY") == IOVARange(proven: 0xc000_0000, 0x21_3fff_ffff))
        #expect(find(plugged, "VIRT_HIGH_PCIE_ECAM")?.start.value == 0x40_1000_0000)
        // 40 bits: no high window, and the ECAM stays where it was.
        let narrow = try layout(.qemuVirt, ram: 512 * Self.gib) { $0.ipaBits = 40 }
        #expect(find(narrow, "VIRT_HIGH_PCIE_MMIO") == nil)
        #expect(find(narrow, "VIRT_HIGH_PCIE_ECAM")?.start.value == 0x80_5000_0000)
        // Without redistributors only the compact map closes up.
        for (vmm, ecam) in [
            (VMM.qemuVirt, 0x40_0000_0000 as UInt64), (.qemuVirtLegacyHighmem, 0x40_1000_0000),
        ] {
            let map = try layout(vmm, ram: 64 * Self.gib) { $0.highmemRedists = false }
            #expect(find(map, "VIRT_HIGH_PCIE_ECAM")?.start.value == ecam, "\(vmm)")
        }
        let big = try layout(.qemuVirt, ram: 2 * Self.gib) { $0.highmemMMIOSize = 1 << 40 }
        #expect(find(big, "VIRT_HIGH_PCIE_MMIO") == IOVARange(proven: 1 << 40, (2 << 40) - 1))
        let cxl = try layout(.qemuVirt, ram: 2 * Self.gib) { $0.cxl = true }
        #expect(find(cxl, "VIRT_CXL_HOST")?.start.value == 0x40_0400_0000)
        #expect(find(cxl, "VIRT_HIGH_PCIE_ECAM")?.start.value == 0x40_1000_0000)
    }

    @Test func refusals() {
        #expect(throws: VMRefusal.addressBits(bits: 32, excess: 0x4000_0000)) {
            try layout(.qemuVirt, ram: 4 * Self.gib) { $0.highmem = false }
        }
        #expect(throws: VMRefusal.ramLimit(machine: "QEMU up to 3.1", limit: 255 << 30)) {
            try layout(.qemuVirt31, ram: 256 * Self.gib)
        }
        #expect(throws: VMRefusal.maxmemBelowRAM(ram: 2 * Self.gib, maxmem: Self.gib)) {
            try layout(.crosvm, ram: 2 * Self.gib) { $0.maxmem = Self.gib }
        }
        #expect(throws: VMRefusal.ramBaseTooLow(minimum: 0x8000_0000)) {
            try layout(.kvmtool, ram: Self.gib) { $0.ramBase = 0x4000_0000 }
        }
        #expect(throws: VMRefusal.addressBits(bits: 36, excess: 0xc000_0000)) {
            try layout(.crosvm, ram: 64 * Self.gib) { $0.ipaBits = 36 }
        }
    }

    /// Every VMM at every size up to the largest, and with all that may be plugged in: laid out or refused,
    /// never a trap; disjoint; RAM complete.
    @Test func anyShapeIsLaidOutOrRefused() {
        var generator = SeededGenerator.forTest("anyShapeIsLaidOutOrRefused", fallback: 7)
        for _ in 0..<4_000 {
            let vmm = VMM.allCases.randomElement(using: &generator)!
            let power = UInt64.random(in: 0...56, using: &generator)
            let ram = UInt64.random(in: 1...(1 << power), using: &generator)
            var shape = VMShape(ram: ram)
            if Bool.random(using: &generator) {
                shape.maxmem = UInt64.random(in: ram...(1 << 56), using: &generator)
            }
            shape.slots = Int.random(in: 0...256, using: &generator)
            shape.vcpus = Int.random(in: 1...512, using: &generator)
            if Bool.random(using: &generator) { shape.ipaBits = Int.random(in: 32...52, using: &generator) }
            shape.isProtected = Bool.random(using: &generator)
            guard let map = try? vmm.map(shape) else { continue }
            for region in map.ram where vmm != .firecracker {
                #expect(map.occupied(peerToPeer: false).contains { $0.range == region })
            }
            let bytes = map.ram.reduce(0) { $0 + $1.size! }
            #expect(bytes == ram || vmm == .firecracker, "\(vmm) \(shape)")
            #expect(map.banks!.largestFit(in: .full, target: bytes) == bytes, "\(vmm) \(shape)")
        }
    }

    /// The largest RAM that fits equals a search over every size, on maps with holes in all places.
    @Test func largestFitIsTheLargest() throws {
        for vmm in [
            VMM.openVMMLinux, .openVMMUEFI, .openVMMUEFISplit, .cloudHypervisor, .xenGuest, .qemuVirt,
        ] {
            let banks = try layout(vmm, ram: Self.gib).banks!
            for hole in stride(from: 0, through: 7 * Self.gib, by: 0x1800_0000) {
                let allowed = IOVASet([IOVARange(proven: hole, hole + 0xfff)]).complement()
                for target in [Self.gib / 2, 3 * Self.gib, 6 * Self.gib] {
                    let step: UInt64 = 0x80_0000
                    let best = Array(stride(from: step, through: target, by: Int(step))).last { size in
                        banks.ranges(size: size).allSatisfy { allowed.contains($0) }
                    }
                    let found = banks.largestFit(in: allowed, target: target)
                    #expect(found / step * step == best ?? 0, "\(vmm) hole \(hole) target \(target)")
                }
            }
        }
    }
}
