// QEMU started with what is rendered: its own memory tree, asked over QMP, must have RAM where the placement
// says, and nothing in the window. By TCG and without a guest: what lays memory out is the same code.

import AddressSpaces
import Foundation
import MSIWindows
import Machines
import TestSupport
import Testing

@testable import Fleet

@Suite struct QEMUMachineTests {
    /// The flat view of system memory, as `info mtree -f` prints it.
    private func memoryTree(_ arguments: [String], ram: UInt64) throws -> String {
        let files = try FileTree()
        let commands = ["qmp_capabilities", "human-monitor-command", "quit"].map { name in
            name == "human-monitor-command"
                ? #"{"execute": "\#(name)", "arguments": {"command-line": "info mtree -f"}}"#
                : #"{"execute": "\#(name)"}"#
        }
        try files.add("commands", commands.joined(separator: "\n") + "\n")
        let quoted =
            (["qemu-system-aarch64"] + arguments + [
                // KVM's processor is another program's, and memory that is never touched need not be there.
                "-accel", "tcg", "-cpu", "max", "-machine", "memory-backend=ram", "-object",
                "memory-backend-ram,id=ram,reserve=off,size=\(ram)",
                "-S", "-display", "none", "-nodefaults", "-qmp", "stdio",
            ]).map { "'\($0)'" }.joined(separator: " ")
        let folder = files.folder.path
        let (status, output) = try run(
            "timeout", "60", "sh", "-c", "\(quoted) <\(folder)/commands 2>\(folder)/errors")
        let errors = (try? String(contentsOfFile: "\(folder)/errors", encoding: .utf8)) ?? ""
        #expect(status == 0, "\(quoted): \(errors)")
        for line in output.split(whereSeparator: \.isNewline) {
            let answer = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            if let text = answer?["return"] as? String { return text }
        }
        Issue.record("\(quoted) answered nothing: \(output) \(errors)")
        return ""
    }

    /// Ranges of RAM in the view of "memory".
    private func ram(in tree: String) -> [(range: IOVARange, name: String)] {
        let views = tree.components(separatedBy: "FlatView #")
        guard let view = views.first(where: { $0.contains("AS \"memory\"") }) else { return [] }
        return view.split(whereSeparator: \.isNewline).compactMap { line in
            guard line.contains(", ram):") else { return nil }
            let addresses = line.drop { $0 == " " }.prefix { $0 != " " }.split(separator: "-")
            guard addresses.count == 2, let start = UInt64(addresses[0], radix: 16),
                let last = UInt64(addresses[1], radix: 16)
            else { return nil }
            return (IOVARange(proven: start, last), String(line.split(separator: ":").last ?? ""))
        }
    }

    private static let gib: UInt64 = 1 << 30

    private static let shapes: [(vmm: VMM, ram: UInt64, maxmem: UInt64?, slots: Int)] = [
        (.qemuVirt, 8 << 10, nil, 0), (.qemuVirt, 1536 << 20, nil, 0), (.qemuVirt, 64 * gib, nil, 0),
        (.qemuVirt, 512 * gib, nil, 0), (.qemuVirt, 2 * gib, 128 * gib, 4), (.qemuVirt, 3 * gib, 4 * gib, 1),
        (.qemuVirtLegacyHighmem, 4 * gib, nil, 0), (.qemuVirtLegacyHighmem, 2 * gib, 32 * gib, 2),
        (.qemuVirt31, 16 * gib, nil, 0), (.qemuSBSA, 4 * gib, nil, 0),
    ]

    @Test(.enabled(if: Judge.qemu.isPresent), arguments: shapes)
    func memoryLeavesTheWindow(vmm: VMM, ram: UInt64, maxmem: UInt64?, slots: Int) throws {
        let asked = AskedPlacement(vmm, ram) {
            $0.maxmem = maxmem
            $0.slots = slots
        }
        try expect(asked, ram: ram)
    }

    @Test(.enabled(if: Judge.qemu.isPresent)) func optionsAreTaken() throws {
        try expect(AskedPlacement(.qemuVirt, 3 * Self.gib) { $0.highmem = false }, ram: 3 * Self.gib)
        try expect(AskedPlacement(.qemuVirt, 4 * Self.gib, viommu: .virtioIOMMU), ram: 4 * Self.gib)
        // A machine whose layout is that of a remedy: a smaller RAM, below a region of the host.
        let hardware = ReservedRegion(
            kind: .reserved, start: 0x9000_0000, length: 0x1000, provenance: .caller("t"))
        let smaller = AskedPlacement(
            GuestDemand(.qemuVirt, VMShape(ram: 4 * Self.gib)), [AskedPlacement.host([hardware])])
        #expect(smaller.placement.mechanism.kind == .vmmLayout)
        try expect(smaller, ram: 0x5000_0000)
    }

    private func expect(_ asked: AskedPlacement, ram: UInt64) throws {
        let vm = try asked.rendered
        let arguments = try asked.arguments(.qemu)
        let found = self.ram(in: try memoryTree(arguments, ram: ram))
        #expect(found.map(\.range) == vm.guest.ram, "\(arguments): \(found)")
        #expect(!found.contains { $0.range.overlaps(vm.window) }, "\(arguments)")
    }
}

@Suite struct LibvirtTests {
    private static let shapes: [(vmm: VMM, viommu: GuestDemand.VIOMMU, maxmem: UInt64?)] = [
        (.qemuVirt, .none, nil), (.qemuVirt, .virtioIOMMU, nil), (.qemuVirt, .none, 8 << 30),
        (.qemuVirtLegacyHighmem, .none, nil), (.qemuVirt31, .none, nil), (.qemuSBSA, .none, nil),
    ]

    @Test(.enabled(if: Judge.libvirt.isPresent), arguments: shapes)
    func schemaTakesTheDomain(vmm: VMM, viommu: GuestDemand.VIOMMU, maxmem: UInt64?) throws {
        let asked = AskedPlacement(vmm, 2 << 30, viommu: viommu) {
            $0.maxmem = maxmem
            if maxmem != nil { $0.slots = 2 }
        }
        let files = try FileTree()
        try files.add("domain.xml", try asked.text(.libvirt))
        let path = "\(files.folder.path)/domain.xml"
        #expect(try run("virt-xml-validate", path, "domain").status == 0)
        // The judge tells wrong ones.
        try files.add("domain.xml", try asked.text(.libvirt).replacing("<memory ", with: "<memery "))
        #expect(try run("virt-xml-validate", path, "domain").status != 0)
    }
}
