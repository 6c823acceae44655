// What all renderings have in common: the VM as it is to be started, after the first remedy of a layout where
// the placement needs one; the window that it gets; and by what means. Also what renderings of VMMs refuse
// alike, and the lines that they begin with.

import AddressSpaces
import MSIWindows

/// A VM with its window, ready to be written down. A class: a dozen renderings of one placement refer to it.
final class RenderedVM {
    let guest: GuestDemand
    /// Where Linux maps the doorbells.
    let window: IOVARange
    /// Whether the posted options of iommufd put it there.
    let isMoved: Bool
    let mechanism: Placement.Mechanism
    /// What was applied to the VM that was asked for.
    let remedy: Remedy?
    /// Whether the VM is started without KVM's steal time.
    let isStealTimeOff: Bool
    /// Why nobody is to paste it.
    let mark: String?

    /// Refuses a placement without a window.
    init(
        _ placement: Placement, _ asked: GuestDemand, _ demand: WindowDemand, _ mark: String? = nil
    ) throws(Rendering.Refusal) {
        self.mark = mark
        mechanism = placement.mechanism
        switch mechanism.kind {
        case .notNeeded, .none:
            throw .init("There is no window to render. \(mechanism.because)")
        case .iommufdOptions:
            guard let chosen = placement.chosen, let window = demand.window(at: chosen) else {
                throw .init(
                    "No window fits every host, and each may have its own: place the VM on one host at a time."
                )
            }
            self.window = window
            isMoved = true
            (guest, remedy) = (asked, nil)
        case .default, .guestRMR:
            (window, isMoved) = (WindowSource.mainlineWindow, false)
            (guest, remedy) = (asked, nil)
        case .vmmLayout:
            (window, isMoved) = (WindowSource.mainlineWindow, false)
            guard let remedy = placement.remedies.first(where: \.isOfLayout),
                let guest = asked.after(remedy)
            else { throw .init("There is no window to render. \(mechanism.because)") }
            (self.guest, self.remedy) = (guest, remedy)
        }
        isStealTimeOff = remedy?.includes(.stealTimeOff) == true || placement.verdictWithStealTimeOff != nil
        let window = window
        // A window that was asked for in less than Linux's own size is free in part only.
        if let region = guest.occupied.first(where: { $0.range.overlaps(window) }) {
            throw .init(
                "Linux takes all of \(window.text), and \(region.name) \(region.range.text) of the guest lies in it."
            )
        }
    }

    /// What stands before all other remarks.
    var marks: [String] { mark.map { [$0] } ?? [] }

    var isNested: Bool { guest.viommu == .nestedSMMUv3 }

    /// What the VMM hands to the device whatever happens.
    var memory: [IOVARange] {
        let added = isStealTimeOff ? [] : guest.otherMemory.filter { $0.mapping == .always }
        return IOVASet(guest.ram + added.map(\.range)).ranges
    }

    /// The VM, where it is one that the format configures.
    ///
    /// - Parameter program: for the sentence that refuses every other.
    func shape(
        of program: String, _ format: Rendering.Format
    ) throws(Rendering.Refusal) -> (vmm: VMM, shape: VMShape) {
        guard let vmm = guest.vmm, let shape = guest.shape else {
            throw .init("The guest is a memory map of its own, not a VM of \(program).")
        }
        guard Rendering.vmms(format)?.contains(vmm) == true else {
            throw .init("The VM is one of \(vmm.name) (\(vmm.rawValue)), not of \(program).")
        }
        return (vmm, shape)
    }

    /// The same of programs that cannot move the window.
    func fixedShape(
        of program: String, _ format: Rendering.Format
    ) throws(Rendering.Refusal) -> (vmm: VMM, shape: VMShape) {
        let found = try shape(of: program, format)
        guard !isMoved else {
            throw .init(
                "\(program) has nothing to set the window with: the posted options are of a device that it has "
                    + "bound itself, and its sources do not use them; iommu_option has the calls.")
        }
        return found
    }

    /// Refuses a virtio-iommu.
    func refuseVirtioIOMMU(_ program: String) throws(Rendering.Refusal) {
        if guest.viommu == .virtioIOMMU { throw .init("\(program) has no virtio-iommu.") }
    }

    /// What every text of a VMM says first: whose sources it follows, the window, the map.
    ///
    /// - Parameter isMovable: whether the VMM can be told where its RAM lies.
    func remarks(_ vmm: VMM, _ versions: String? = nil, map: String) -> [String] {
        var lines =
            marks + [
                "\(vmm.name); options of \(versions ?? vmm.versions.joined(separator: ", ")).",
                "MSI window: \(window.text)"
                    + (isMoved
                        ? ", set by the posted options of iommufd." : ", Linux's own; no option sets it."),
            ]
        if let remedy { lines.append("Not as it was asked for: \(remedy.text)") }
        if !guest.ram.isEmpty {
            lines.append("RAM: \(guest.ram.map(\.text).joined(separator: ", ")). \(map)")
        }
        return lines
    }
}

extension GuestDemand {
    /// The guest that a remedy makes of this one; nil for a remedy that does not change the guest, and where
    /// it is of another kind of guest.
    func after(_ remedy: Remedy) -> GuestDemand? {
        switch remedy {
        case .stealTimeOff: self
        case .peerToPeerOff: withoutPeerToPeer()
        case .ramBase(let base): changed { $0.ramBase = base }
        case .ramAtMost(let bytes): changed { $0.ram = bytes }
        case .otherMode(let mode): changed(to: mode) { _ in }
        case .leaveFree(let window): leaving(window)
        case .withoutNesting: changed(viommu: .none)
        case .both(let one, let other): after(one)?.after(other)
        case .windowSize, .doorbells, .withoutDevices, .withoutHosts: nil
        }
    }

    /// The same guest of a VMM with another shape; nil where the map is the caller's.
    func changed(to mode: VMM? = nil, _ change: (inout VMShape) -> Void) -> GuestDemand? {
        guard let vmm, var shape else { return nil }
        change(&shape)
        return GuestDemand(mode ?? vmm, shape, viommu: viommu, pinnedBARs: pinnedBARs)
    }
}

/// Sizes in the units of VMMs.
enum RenderedSize {
    static let kib: UInt64 = 1 << 10
    static let mib: UInt64 = 1 << 20
    private static let gib: UInt64 = 1 << 30

    /// In the largest of these units of which it is a whole number: "64G", "1536M", "1028K".
    ///
    /// - Precondition: whole KiB.
    static func text(_ bytes: UInt64) -> String {
        precondition(bytes.isMultiple(of: kib), "\(bytes) bytes in KiB")
        if bytes.isMultiple(of: gib) { return "\(bytes / gib)G" }
        return bytes.isMultiple(of: mib) ? "\(bytes / mib)M" : "\(bytes / kib)K"
    }

    /// Refuses sizes that the program would round.
    static func check(
        _ program: String, wholly unit: UInt64, _ unitName: String, _ sizes: [(name: String, bytes: UInt64)]
    ) throws(Rendering.Refusal) {
        for (name, bytes) in sizes where !bytes.isMultiple(of: unit) {
            throw .init(
                "\(program) counts memory in whole \(unitName), and the \(name) has \(HexLiteral.text(bytes)) bytes: "
                    + "it would have another map.")
        }
    }
}
