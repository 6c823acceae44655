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
        if let kernelRelease, let told = KernelProfile(releaseString: kernelRelease)?.pageBytes,
            let pageBytes,
            told != pageBytes
        {
            findings.note(
                .warning, "host-options-contradict", kernelReleasePlace ?? "kernel_release",
                "\(kernelRelease) is the name of a kernel with pages of \(HexLiteral.text(told)) bytes, and the host has pages "
                    + "of \(HexLiteral.text(pageBytes)) bytes: these count.")
        }
        let idle = idleOptions
        guard !idle.isEmpty else { return }
        let shown = idle.prefix(Self.shownMax).map(\.word).joined(separator: ", ")
        let more = idle.count > Self.shownMax ? " and others" : ""
        findings.note(
            .info, "host-options-idle", idle[0].place,
            "Read, and without effect on where MSIs go: \(shown)\(more).")
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
