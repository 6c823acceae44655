// What a host says of itself in two ways: its options beside what its groups and pages are. What was observed
// counts, and a finding names the other.

import AddressSpaces
import LinuxReleases
import Machines

extension RunningHost {
    /// Words that one sentence names.
    private static let shownMax = 8

    /// Findings about options that something else denies, and about those that decide nothing.
    func check(_ devices: [Device], _ findings: inout FindingList) {
        if let choice = passesThrough {
            for device in devices where device.id.hasPrefix("group:") {
                guard let type = device.groupType, choice.denies(type) else { continue }
                findings.note(
                    .warning, "host-options-contradict", device.id,
                    "\(choice.option.phrase) asks for \(choice.value ? "identity domains" : "translation"), and the "
                        + "group's type is \(type.rawValue): the group's type counts.")
            }
        }
        if let logged = passesThrough, logged.option.source == .bootLog,
            let stated = commandLineDomain, stated.value != logged.value
        {
            findings.note(
                .warning, "host-options-contradict", logged.option.place,
                "\(stated.option.phrase) asks for \(stated.value ? "identity domains" : "translation"), and the log has "
                    + "\(logged.option.word): the log counts, unless it is of another boot.")
        }
        if let choice = configuredPageBytes, let pageBytes, choice.value != pageBytes {
            findings.note(
                .warning, "host-options-contradict", choice.option.place,
                "\(choice.option.word), and the host has pages of \(HexLiteral.text(pageBytes)) bytes: these count."
            )
        }
        if let kernelRelease { checkPages(of: kernelRelease, &findings) }
        checkLists(of: devices, &findings)
        let idle = idleOptions
        guard !idle.isEmpty else { return }
        let shown = idle.prefix(Self.shownMax).map(\.word).joined(separator: ", ")
        let more = idle.count > Self.shownMax ? " and others" : ""
        findings.note(
            .info, "host-options-idle", idle[0].place,
            "Read, and without effect on where MSIs go: \(shown)\(more).")
    }
}

extension RunningHost {
    /// The running kernel's pages, or else those of its configuration, beside those that its name tells.
    private func checkPages(of release: String, _ findings: inout FindingList) {
        let configured = pageBytes == nil ? configuredPageBytes : nil
        guard let told = KernelProfile(releaseString: release)?.pageBytes,
            let bytes = pageBytes ?? configured?.value, told != bytes
        else { return }
        let counted =
            configured?.option.phrase ?? "the host has pages of \(HexLiteral.text(bytes)) bytes"
        findings.note(
            .warning, "host-options-contradict", kernelReleasePlace ?? "kernel_release",
            "\(release) is the name of a kernel with pages of \(HexLiteral.text(told)) bytes, and \(counted): the latter "
                + "counts.")
    }

    /// The kernel's lists beside what the release reads of firmware: a region that a list lacks all the same.
    private func checkLists(of devices: [Device], _ findings: inout FindingList) {
        guard let release = kernelRelease, let kernel = KernelProfile(releaseString: release) else { return }
        var told: Set<ReservedRegion> = []
        for device in devices where device.sysfsName == nil && !device.standsForGroup {
            for case let region? in device.unappliedRegions.map(\.unlistedRegion)
            where kernel.reads(region, of: device) && told.insert(region).inserted {
                findings.note(
                    .warning, "list-lacks-region", device.groupID ?? device.id,
                    "Firmware reserves \(region.range?.text ?? HexLiteral.text(region.start)) for \(device.id), Linux \(release) "
                        + "reads that, and the kernel's list of the group does not have it: firmware, list and release are not "
                        + "of one boot. Answers withhold the region.")
            }
        }
    }
}

extension UnappliedRegion {
    /// The region, where the kernel's list does not have it.
    fileprivate var unlistedRegion: ReservedRegion? {
        switch reason {
        case .notListed: region
        case .rmrWithoutPreservedConfiguration, .rmrOfSingleFunctions, .crashesKernel: nil
        }
    }
}

extension KernelProfile {
    /// Whether it is certain that the kernel takes such a region of firmware.
    fileprivate func reads(_ region: ReservedRegion, of device: Device) -> Bool {
        switch region.provenance {
        case .deviceTreeNode: readsIOMMUAddresses && !isInDoubt(.dtIOMMUAddresses)
        case .rmr:
            readsRMRs && !isInDoubt(.iortRMR) && (!device.isPCI || device.preservesConfiguration == true)
        case .misreadDeviceTreeNode, .hostBridgeNode, .driver, .virtioProbe, .untranslatedITS, .caller,
            .notApplied:
            false
        }
    }
}

extension HostChoice<Bool> {
    /// Whether a group's default domain is of the other kind; those that a driver took over say nothing.
    fileprivate func denies(_ type: GroupType) -> Bool {
        switch type {
        case .dma, .dmaWithFlushQueue: value
        case .identity: !value
        case .blocked, .unmanaged: false
        }
    }
}

extension HostOption {
    /// For the beginning of a sentence.
    fileprivate var phrase: String { "\(word) (\(place))" }
}
