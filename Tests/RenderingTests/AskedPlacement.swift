// Placements for tests of renderings: made up hosts, guests of every VMM, and what a program of Debian says
// of a rendering. A program that is not there is named once.

import AddressSpaces
import Foundation
import MSIWindows
import Machines
import TestSupport

@testable import Fleet

/// A question with its answer.
struct AskedPlacement {
    let question: PlacementQuestion
    let placement: Placement

    init(
        _ guest: GuestDemand, _ hosts: [HostFacts] = [host()], _ window: WindowDemand = WindowDemand(),
        _ capabilities: Set<HostCapability> = []
    ) {
        let named = hosts.indices.map {
            PlacementQuestion.Host(name: "h\($0)", facts: $0, capabilities: capabilities)
        }
        question = PlacementQuestion(hosts: named, facts: hosts, guest: guest, window: window)
        placement = Placement.decide(question, checkpoint: {})
    }

    init(
        _ vmm: VMM, _ ram: UInt64, viommu: GuestDemand.VIOMMU = .none,
        _ capabilities: Set<HostCapability> = [],
        change: (inout VMShape) -> Void = { _ in }
    ) {
        var shape = VMShape(ram: ram)
        change(&shape)
        self.init(GuestDemand(vmm, shape, viommu: viommu), [Self.host()], WindowDemand(), capabilities)
    }

    static func host(_ regions: [ReservedRegion] = [], bits: Int = 48, under conditions: Conditions = .init())
        -> HostFacts
    {
        HostFacts(
            regions: regions, ranges: nil, aperture: IOVARange(proven: 0, (1 << UInt64(bits)) - 1),
            under: conditions)
    }

    func text(_ format: Rendering.Format) throws(Rendering.Refusal) -> String {
        try Rendering.text(
            format, of: placement, guest: question.guest, window: question.window,
            hosts: question.hosts.map(\.name))
    }

    /// Why there is no text; nil where there is.
    func refusal(_ format: Rendering.Format) -> String? {
        do throws(Rendering.Refusal) {
            _ = try text(format)
            return nil
        } catch {
            return error.because
        }
    }

    /// The VM that is rendered.
    var rendered: RenderedVM { get throws { try RenderedVM(placement, question.guest, question.window) } }

    /// The text without remarks, as words.
    func arguments(_ format: Rendering.Format) throws -> [String] {
        try text(format).split(separator: "\n").filter { !$0.hasPrefix("#") }
            .flatMap { $0.split(separator: " ").map(String.init) }
    }
}

extension AskedPlacement {
    /// Any VMM with a shape, hosts and conditions of its own.
    static func random(
        _ generator: inout SeededGenerator, _ vmm: VMM, under conditions: Conditions = .init(),
        _ capabilities: Set<HostCapability> = []
    ) -> AskedPlacement {
        var shape = VMShape(
            ram: UInt64.random(in: 1...0x400, using: &generator)
                << [10, 12, 20, 24, 28].randomElement(using: &generator)!)
        shape.peerToPeer = Bool.random(using: &generator)
        shape.vcpus = Int.random(in: 1...40, using: &generator)
        if Int.random(in: 0..<4, using: &generator) == 0 {
            shape.maxmem = shape.ram * 2
            shape.slots = Int.random(in: 0...4, using: &generator)
        }
        if Int.random(in: 0..<8, using: &generator) == 0 { shape.highmemMMIO = false }
        if Int.random(in: 0..<8, using: &generator) == 0 { shape.isProtected = true }
        let hosts = (0..<Int.random(in: 1...2, using: &generator)).map { _ in
            host(
                regions(&generator), bits: [32, 39, 48].randomElement(using: &generator)!, under: conditions)
        }
        let window = WindowDemand(
            size: [nil, 0x1_0000, 0x20_0000].randomElement(using: &generator)!,
            doorbells: [1, 20].randomElement(using: &generator)!)
        let viommu = GuestDemand.VIOMMU.allCases.randomElement(using: &generator)!
        return AskedPlacement(GuestDemand(vmm, shape, viommu: viommu), hosts, window, capabilities)
    }

    private static func regions(_ generator: inout SeededGenerator) -> [ReservedRegion] {
        let kinds: [ReservedRegion.Kind] = [.reserved, .msi, .directRelaxable, .softwareMSI, .direct]
        return (0..<Int.random(in: 0...2, using: &generator)).map { _ in
            let base: UInt64 =
                Bool.random(using: &generator)
                ? 0x90a_0000 : UInt64.random(in: 0x700...0x2_0000, using: &generator) << 16
            return ReservedRegion(
                kind: kinds.randomElement(using: &generator)!, start: base,
                length: UInt64.random(in: 1...0x40, using: &generator) << 14, provenance: .caller("test"))
        }
    }
}

/// A program of a Debian package that judges a rendering.
struct Judge: Sendable {
    let isPresent: Bool
    let name: String

    private init(_ name: String, _ package: String) {
        self.name = name
        isPresent = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }
        if !isPresent { print("SKIPPED: no \(name) (package \(package)) to judge renderings with") }
    }

    static let qemu = Judge("qemu-system-aarch64", "qemu-system-arm")
    static let libvirt = Judge("virt-xml-validate", "libvirt-clients")
    static let dtc = Judge("dtc", "device-tree-compiler")
    static let iasl = Judge("iasl", "acpica-tools")
    static let shellcheck = Judge("shellcheck", "shellcheck")
}
