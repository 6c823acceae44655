// What the guest was told about the window, and the one sentence that sums a placement up.

import AddressSpaces
import Machines
import MSIWindows

extension Placement {
    mutating func warnAboutContract(_ question: PlacementQuestion, _ contract: Contract) {
        switch contract {
        case .invisible: break
        case .fixedRMR:
            add(
                .contractFixed, verdict == .guestContractViolation ? .fatal : .info,
                "The guest's IORT RMR is a literal \(WindowSource.mainlineWindow.text); a window elsewhere makes the "
                    + "device's MSI writes miss the guest's flat mapping.", range: WindowSource.mainlineWindow
            )
        case .followsWindow:
            add(
                .contractFixed, .info,
                "The guest's IORT RMR is read at boot: all hosts keep this window for the life of the VM.")
        case .unsupported:
            add(
                .contractUnsupported, .fatal,
                "\(question.guest.vmm?.name ?? question.guest.name) has no accelerated SMMUv3 for its guests."
            )
        case .reservedRanges:
            if question.hosts.count > 1 {
                add(
                    .guestViewStale, .info,
                    "A guest that has read the reserved ranges of one host keeps them: the union over the pool "
                        + "counts as reserved.")
            }
            if question.guest.vmm == .crosvm {
                add(
                    .viommuReportsForeignWindow,
                    "crosvm's virtio-iommu reports \(DriverWindow.x86.text) as MSI window, on arm64 too.",
                    range: DriverWindow.x86)
            }
            if question.guest.vmm == .cloudHypervisor {
                add(
                    .viommuHidesReservations,
                    "Cloud Hypervisor's virtio-iommu does not forward the host's ranges: a guest may choose a "
                        + "reserved IOVA, and its map request fails.")
            }
        }
    }

    func sentence(_ question: PlacementQuestion) -> String {
        let count = question.hosts.count
        let hosts = count == 1 ? "the host" : "all \(count) hosts"
        switch verdict {
        case .defaultWorks:
            let size = HexLiteral.text(window.size)
            let base = WindowSource.mainlineWindow.start.hex
            return "Linux's default window at \(base) (\(size) bytes) is free on \(hosts) and in the guest."
        case .movable:
            guard let chosen else { return "Each host has a window of its own, but none fits them all." }
            return
                "The default is blocked by \(blockerText); a window at \(HexLiteral.text(chosen)) fits \(hosts)."
        case .ramUnmappable:
            let missing = warnings.first { $0.code == .optionMissingOnDevice }
            let range = unmappable.first?.text ?? "of this guest"
            if missing != nil {
                return "Guest memory \(range) meets a device's default window: set the option on all devices."
            }
            return "Guest memory \(range) cannot be mapped on \(hosts == "the host" ? hosts : "every host"), "
                + "which no window repairs."
        case .barUnmappable:
            return
                "BARs lie where a host maps nothing, and \(question.guest.vmm?.name ?? "the VMM") gives up then."
        case .guestContractViolation:
            if let unsupported = warnings.first(where: { $0.code == .contractUnsupported }) {
                return unsupported.detail
            }
            return "The guest relies on a window that not every host has: \(blockerText)."
        case .none:
            if let refusal = question.guest.refusal { return refusal.text }
            if let direct = warnings.first(where: { $0.code == .directRegion }) { return direct.detail }
            guard window.isMovable else {
                return
                    "The default window is blocked by \(blockerText) and cannot be moved: move or shrink the RAM."
            }
            return
                "No window possible: the default is blocked by \(blockerText) and no other place fits \(hosts)."
        }
    }

    private var blockerText: String {
        guard let blocker = defaultBlockers.first else { return "other hosts or the guest" }
        let range = blocker.range.map { " \($0.text)" } ?? ""
        return switch blocker.owner {
        case .host(let name): "\(blocker.kind)\(range) of host \(name)"
        case .vm(let name): "\(blocker.provenance)\(range) of \(name)"
        }
    }
}
