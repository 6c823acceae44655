// A placement as members of an answer. Field names and their order are the contract's.

import AddressSpaces
import Fleet
import JSON
import LinuxReleases
import MSIWindows

extension JSONWriter {
    /// - Parameter told: of each host in order; nil where there is nothing to tell.
    mutating func placementMembers(_ placement: Placement, told: [HostsOwn?]) {
        member("kind", "placement")
        verdict(placement.verdict, withStealTimeOff: placement.verdictWithStealTimeOff)
        member("because", placement.because)
        object("default") { writer in
            writer.member("works", placement.defaultWorks)
            writer.reachability(placement.defaultReachability)
            writer.blockers(placement.defaultBlockers)
        }
        if let works = placement.requestedWorks, let start = placement.window.requested {
            object("requested") { writer in
                writer.member("start", hex: start)
                writer.member("works", works)
                writer.reachability(placement.requestedReachability)
                writer.blockers(placement.requestedBlockers)
            }
        }
        picks(placement.picks)
        ranges("candidates", placement.candidates.ranges)
        member("size", hex: placement.window.size)
        member("alignment", hex: placement.window.alignment.bytes)
        ranges("unmappable", placement.unmappable)
        if let most = placement.maxRAM { member("max_ram", hex: most) }
        options(placement)
        mechanism(placement.mechanism)
        array("remedies") { writer in placement.remedies.forEach { writer.remedy($0) } }
        member("renderings", strings: placement.renderings.map(\.rawValue))
        if !placement.missingDescriptions.isEmpty {
            array("missing_descriptions") { writer in
                for missing in placement.missingDescriptions {
                    writer.missingDescription(missing.undescribed, host: missing.host)
                }
            }
        }
        member("common_window_needed", placement.needsCommonWindow)
        array("per_host") { writer in
            var written: [Range<Int>?] = []
            for (answer, told) in zip(placement.hosts, told) { writer.hostAnswer(answer, told, &written) }
        }
        array("warnings") { writer in placement.warnings.forEach { writer.warning($0) } }
        for other in placement.ifReported {
            object("if_iommu_reports_msi") { writer in
                writer.iommuRegions(other.regions)
                // What is known of the hosts is told beside the first answer.
                writer.placementMembers(other.placement, told: told.map { _ in nil })
            }
        }
    }

    private mutating func verdict(_ verdict: Placement.Verdict, withStealTimeOff other: Placement.Verdict?) {
        member("verdict", verdict.rawValue)
        if let other { member("verdict_with_steal_time_off", other.rawValue) }
    }

    /// The values of the proposed iommufd options, and the RMR that a nested guest must be given.
    private mutating func options(_ placement: Placement) {
        guard let chosen = placement.chosen else {
            key("iommufd_options")
            null()
            return
        }
        object("iommufd_options") { writer in
            writer.member("sw_msi_start", hex: chosen)
            writer.member("sw_msi_size_mib", Int(placement.window.sizeMiB))
            writer.member("needed", placement.needsOption)
        }
        guard placement.needsCommonWindow else { return }
        object("guest_rmr") { writer in
            writer.member("start", hex: chosen)
            writer.member("size", hex: placement.window.size)
        }
    }

    mutating func mechanism(_ mechanism: Placement.Mechanism) {
        object("mechanism") { writer in
            writer.member("kind", mechanism.kind.rawValue)
            writer.member("because", mechanism.because)
            writer.array("not_available") { writer in
                for missing in mechanism.notAvailable {
                    writer.object { writer in
                        writer.member("kind", missing.kind.rawValue)
                        writer.member("because", missing.because)
                    }
                }
            }
        }
    }

    mutating func remedy(_ remedy: Remedy) {
        object { writer in
            writer.member("kind", remedy.kind.rawValue)
            writer.member("changes", remedy.subject.rawValue)
            writer.member("detail", remedy.text)
            switch remedy {
            case .stealTimeOff, .peerToPeerOff, .withoutNesting: break
            case .leaveFree(let range): writer.range("range", range)
            case .windowSize(let bytes), .ramAtMost(let bytes): writer.member("bytes", hex: bytes)
            case .doorbells(let count): writer.member("doorbell_count", count)
            case .ramBase(let base): writer.member("base", hex: base)
            case .otherMode(let vmm): writer.member("vmm", vmm.rawValue)
            case .withoutDevices(let devices):
                writer.array("devices") { writer in
                    for device in devices {
                        writer.object { writer in
                            writer.member("host", device.host)
                            writer.member("device", device.device)
                        }
                    }
                }
            case .withoutHosts(let hosts):
                writer.member("hosts", strings: hosts)
            case .both:
                writer.array("parts") { writer in remedy.parts.forEach { writer.remedy($0) } }
            }
        }
    }

    mutating func blockers(_ blockers: [Placement.Blocker]) {
        array("blockers") { writer in
            for blocker in blockers {
                writer.object { writer in
                    switch blocker.owner {
                    case .host(let name): writer.member("host", name)
                    case .vm(let name): writer.member("vm", name)
                    }
                    writer.member("kind", blocker.kind)
                    if let range = blocker.range { writer.range("range", range) }
                    writer.member("provenance", blocker.provenance)
                }
            }
        }
    }

    /// - Parameter written: by kind of host where its members stand, which those of the same kind repeat:
    ///   to write them for each host is a fifth of the time of a placement.
    private mutating func hostAnswer(
        _ answer: Placement.HostAnswer, _ told: HostsOwn?, _ written: inout [Range<Int>?]
    ) {
        while written.count <= answer.kind { written.append(nil) }
        object { writer in
            writer.member("host", answer.host)
            if let told {
                writer.ownKernel(told.kernel, told.pageSize)
                writer.hostFacts(told.facts)
            }
            if let regions = answer.iommuRegions { writer.iommuRegions(regions) }
            // Blockers are told with the name of the host.
            let isRepeated = answer.blockers.isEmpty
            if isRepeated, let known = written[answer.kind] { return writer.again(known) }
            let start = writer.byteCount
            writer.verdict(answer.verdict, withStealTimeOff: answer.verdictWithStealTimeOff)
            writer.object("default") { writer in
                writer.member("works", answer.defaultWorks)
                writer.reachability(answer.defaultReachability)
                writer.blockers(answer.blockers)
            }
            writer.picks(answer.picks)
            writer.member("start", orNullHex: answer.chosen)
            writer.hostWindow(answer.window, answer.doorbells)
            writer.ranges("unmappable", answer.unmappable)
            if answer.unmappableDropped > 0 { writer.member("unmappable_dropped", answer.unmappableDropped) }
            if isRepeated { written[answer.kind] = start..<writer.byteCount }
        }
    }

    mutating func warning(_ warning: Placement.Warning) {
        object { writer in
            writer.member("code", warning.code.rawValue)
            writer.member("severity", warning.severity.rawValue)
            writer.member("detail", warning.detail)
            if let range = warning.range { writer.range("range", range) }
            if let host = warning.host { writer.member("host", host) }
            if let reachability = warning.reachability { writer.reachability(reachability) }
        }
    }
}

extension JSONWriter {
    /// A host's own kernel and pages, where an answer does not say them of all hosts.
    mutating func ownKernel(_ kernel: KernelProfile?, _ pageSize: Granule?) {
        if let kernel { member("kernel", kernel: kernel) }
        if let pageSize { member("page_size", hex: pageSize.bytes) }
    }

    /// A host's window, null where it uses none, and the pages of doorbells in it.
    mutating func hostWindow(_ window: IOVARange?, _ doorbells: [IOVA]) {
        member("window", orNull: window)
        array("doorbell_iovas") { writer in doorbells.forEach { writer.hex($0.value) } }
    }

    mutating func member(_ name: StaticString, orNull range: IOVARange?) {
        guard let range else {
            key(name)
            return null()
        }
        self.range(name, range)
    }

    mutating func picks(_ picks: Placement.Picks) {
        object("picks") { writer in
            writer.member("nearest_default", orNullHex: picks.nearestDefault)
            writer.member("lowest", orNullHex: picks.lowest)
            writer.member("highest_below_4g", orNullHex: picks.highestBelow4G)
        }
    }
}
