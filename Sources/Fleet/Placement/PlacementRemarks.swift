// What a placement says to its reader besides the window: warnings about hosts, BARs, plugged memory, VMM
// quirks, lengths that nobody checks and what the guest knows of the window; and the one sentence that sums
// the answer up.

import AddressSpaces
import MSIWindows
import Machines

extension Placement {
    mutating func add(
        _ code: Warning.Code, _ severity: Warning.Severity, _ detail: String, range: IOVARange? = nil,
        host: String? = nil, reachability: Reachability? = nil
    ) {
        warnings.append(
            Warning(
                code: code, severity: severity, detail: detail, range: range, host: host,
                reachability: reachability))
    }

    mutating func add(_ code: Warning.Code, _ detail: String, range: IOVARange? = nil) {
        add(code, .warning, detail, range: range)
    }

    mutating func warn(_ question: PlacementQuestion, _ pool: PoolView, _ contract: Contract) {
        warnAboutHosts(question)
        warnAboutGuest(question, pool)
        warnAboutLength(question)
        warnAboutContract(question, contract)
        if requestedWorks == false, let requested = question.window.requested {
            let why = whyNot(requested, question)
            add(.requestedBlocked, "The window at \(HexLiteral.text(requested)) was not taken: \(why).")
        }
        if (verdictWithStealTimeOff ?? verdict) == .movable, candidates.isEmpty {
            add(
                .noCommonWindow,
                "No window fits every host; without a vIOMMU each host may use its own, as per_host shows.")
        }
        if let missing = mechanism.notAvailable.first(where: { $0.kind == .iommufdOptions }), chosen != nil {
            add(.mechanismNotAvailable, missing.because)
        }
        if !areOptionsAble {
            add(
                .notExpressible, Self.inexpressible)
        }
        for note in question.guest.notes { add(.vmm, .info, note) }
    }

    /// Why the window does not go where it was asked for: what is in the way, or what holds for any base.
    private func whyNot(_ requested: UInt64, _ question: PlacementQuestion) -> String {
        guard question.window.window(at: requested) != nil else { return "it would pass 2^64" }
        guard question.window.alignment.isAligned(requested) else {
            return "it is not a multiple of \(HexLiteral.text(question.window.alignment.bytes))"
        }
        if question.guest.refusal != nil { return "the VMM refuses this VM, wherever the window is" }
        if let blocker = requestedBlockers.first(where: { $0.range != nil }) {
            let others = requestedBlockers.count - 1
            return "it overlaps \(text(of: blocker))"
                + (others == 0 ? "" : " and \(others) more of requested.blockers")
        }
        guard question.window.isMovable || requested == WindowSource.mainlineBase else {
            return "the window cannot be moved from \(WindowSource.mainlineWindow.start.hex)"
        }
        return "it is not among the candidates"
    }

    /// Says of the hosts' kernels what is not modelled exactly, of each once.
    package mutating func warn(aboutKernels remarks: some Sequence<String>) {
        var seen: Set<String> = []
        for remark in remarks where seen.count < Self.hostRemarksMax && seen.insert(remark).inserted {
            add(.kernelNotModelledExactly, remark)
        }
    }

    /// Host remarks, a few of each kind: a pool of thousands has thousands of them.
    private mutating func warnAboutHosts(_ question: PlacementQuestion) {
        var counts: [Warning.Code: Int] = [:]
        let ram = IOVASet(question.guest.ram)
        let all = question.facts.map { remarks($0, question.guest, ram) }
        // By place: a walk over the hosts themselves copies each.
        for place in question.hosts.indices where !all[question.hosts[place].facts].isEmpty {
            let host = question.hosts[place]
            for (code, severity, detail, range, reachability) in all[host.facts] {
                counts[code, default: 0] += 1
                guard counts[code, default: 0] <= Self.hostRemarksMax else { continue }
                add(code, severity, detail, range: range, host: host.name, reachability: reachability)
            }
        }
    }

    /// Remarks of one kind that one answer lists at most.
    package static let hostRemarksMax = 16

    private typealias Remark = (Warning.Code, Warning.Severity, String, IOVARange?, Reachability?)

    private func remarks(_ facts: HostFacts, _ guest: GuestDemand, _ ram: IOVASet) -> [Remark] {
        var found: [Remark] = []
        if let refusal = facts.refusal, let words = facts.refusalSentence {
            found.append((.directRegion, .fatal, words, refusal.range, nil))
        }
        for region in facts.unenforced {
            found.append((.directRegionUnenforced, .warning, region.detail, region.range, nil))
        }
        if let remark = facts.noGroupRemark {
            found.append((.noGroup, facts.lacksIOMMU ? .fatal : .warning, remark, nil, nil))
        }
        if facts.isType1Only {
            let words =
                "The device has hardware and software MSI regions: iommufd refuses it with EINVAL, so only "
                + "VFIO type1 works, and the window cannot be moved."
            found.append((.type1Only, .warning, words, nil, nil))
        }
        if let remark = facts.x86Remark {
            found.append((.x86Host, .warning, remark, DriverWindow.x86, nil))
        }
        if facts.hasHardwareMSIOnly {
            let words =
                "The host has a hardware MSI region only: doorbells keep their addresses, no window is used."
            found.append((.hardwareMSIOnly, .info, words, nil, nil))
        }
        if let remark = facts.rangesRemark {
            found.append((.rangesBeforeAttach, .warning, remark, nil, nil))
        }
        for unknown in facts.unknownFacts {
            found.append((unknown.code, .warning, unknown.detail, nil, nil))
        }
        if let remark = facts.crashRemark { found.append((.kernelCrashes, .fatal, remark, nil, nil)) }
        if let remark = facts.undecidedRemark {
            found.append((.iommuDecidesWindow, .warning, remark, WindowSource.mainlineWindow, nil))
        }
        if let remark = facts.unusedRegionsRemark {
            found.append((.iommuRegionsUnused, .warning, remark, nil, nil))
        }
        for device in facts.devicesWithoutOption {
            let words =
                "\(device) has no window option while others have: its default window is reserved too. Set "
                + "the option on all devices."
            found.append((.optionMissingOnDevice, .warning, words, WindowSource.mainlineWindow, nil))
        }
        if let relaxable = facts.relaxable.first, let vmm = guest.vmm, vmm.has(.readsReservedRegions) {
            let words =
                "\(vmm.name) stops reading reserved_regions at a direct-relaxable line; it misses the lines after it."
            found.append((.relaxableStopsKvmtool, .warning, words, relaxable.range, nil))
        }
        return found + Self.unreachableMemory(facts, ram)
    }

    /// Guest memory that maps and that devices do not reach, or not for certain.
    private static func unreachableMemory(_ facts: HostFacts, _ ram: IOVASet) -> [Remark] {
        // Of most hosts no guest memory is out of reach.
        if ram.ranges.allSatisfy(facts.windowable.contains) { return [] }
        var found: [Remark] = []
        let unreachable = ram.intersection(facts.mappable).subtracting(facts.windowable)
        if let range = unreachable.subtracting(facts.conditional).ranges.first {
            let words =
                "Guest memory \(range.text) maps, but the platform does not carry the devices' writes there."
            found.append((.ramUnreachable, .warning, words, range, .no))
        }
        if let range = unreachable.intersection(facts.conditional).ranges.first {
            let words =
                "Guest memory \(range.text) maps, but lies in a PCI window of the host"
                + "\(Reachability.conditional.clause)."
            found.append((.ramUnreachable, .warning, words, range, .conditional))
        }
        return found
    }

    private mutating func warnAboutGuest(_ question: PlacementQuestion, _ pool: PoolView) {
        let guest = question.guest
        for window in guest.barWindows {
            guard let first = pool.mappable.firstGap(in: window.range) else { continue }
            let isFatal = guest.vmm?.onBARFailure == .fatal && !pool.mappable.contains(window.range.last)
            let effect =
                guest.vmm?.onBARFailure == .fatal
                ? isFatal ? "and this VMM fails when a BAR cannot be mapped" : "a BAR placed there is fatal"
                : "a BAR placed there causes a warning and loses peer-to-peer DMA"
            add(
                .barOutsideMappable, isFatal ? .fatal : .warning,
                "\(window.name) \(window.range.text) is not mappable at \(first.text); \(effect).",
                range: first)
        }
        for bar in guest.pinnedBARs where !pool.mappable.contains(bar) {
            add(
                .pinnedBAROutsideMappable, "The pinned BAR \(bar.text) is not mappable on every host.",
                range: bar)
        }
        if guest.vmm?.has(.mapsBARsUnasked) == true, !guest.peerToPeer {
            add(
                .barsMappedAnyway, .info,
                "This VMM maps BARs even without peer-to-peer DMA; an MSI window inside a BAR window may collide."
            )
        }
        for region in guest.otherMemory where !pool.mappable.contains(region.range) {
            if region.mapping == .onDemand {
                add(
                    .hotplugUnmappable,
                    "Memory plugged into \(region.name) \(region.range.text) cannot be mapped.",
                    range: region.range)
            } else {
                add(
                    .vmMemoryUnmappable,
                    "\(region.name) \(region.range.text) is RAM to the VMM and cannot be mapped; switch it off.",
                    range: region.range)
            }
        }
    }

    private mutating func warnAboutLength(_ question: PlacementQuestion) {
        let demand = question.window
        if demand.isEnlarged {
            add(
                .windowEnlarged, .info,
                "\(demand.doorbells) doorbells take \(HexLiteral.text(demand.needed)) bytes; the window was enlarged."
            )
        }
        if demand.needed > WindowSource.mainlineSize {
            add(
                .defaultWindowTooSmall,
                "Linux reserves 1 MiB and does not check: the last doorbell's page would lie at "
                    + "\(demand.lastPageAtDefault.text), after the default window.",
                range: demand.lastPageAtDefault)
        }
        if demand.doorbells > Self.iommufdPages(question) {
            add(.iommufdPageLimit, Self.tooManyPages)
        }
    }
}

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
                "The guest reads its IORT RMR at boot: all hosts must keep this window for the life of the VM."
            )
        case .unsupported:
            add(
                .contractUnsupported, .fatal,
                unsupportedText(question)
            )
        case .reservedRanges:
            if question.hosts.count > 1 {
                add(
                    .guestViewStale, .info,
                    "A guest that has read the reserved ranges of one host keeps them: the union over the pool "
                        + "counts as reserved.")
            }
            if let vmm = question.guest.vmm, vmm.has(.reportsX86Window) {
                add(
                    .viommuReportsForeignWindow,
                    "\(vmm.name)'s virtio-iommu reports \(DriverWindow.x86.text) as MSI window, on arm64 too.",
                    range: DriverWindow.x86)
            }
            if let vmm = question.guest.vmm, vmm.has(.hidesReservations) {
                add(
                    .viommuHidesReservations,
                    "\(vmm.name)'s virtio-iommu does not forward the host's ranges: a guest may choose a "
                        + "reserved IOVA, and its map request fails.")
            }
        }
    }

    func unsupportedText(_ question: PlacementQuestion) -> String {
        "\(question.guest.vmm?.name ?? question.guest.name) has no accelerated SMMUv3 for its guests."
    }

    /// The sentence about memory that the VMM adds, and then the one about the window.
    func sentence(_ question: PlacementQuestion, _ pool: PoolView) -> String {
        guard let other = verdictWithStealTimeOff else { return sentence(question, verdict) }
        let added = pool.unmappableAdded.map { "\($0.name) \($0.range.text)" }.joined(separator: ", ")
        return
            "The VM fails while steal time is on: \(added) is RAM to the VMM and cannot be mapped. It works with steal "
            + "time off (-cpu host,kvm-steal-time=off). " + sentence(question, other)
    }

    private func sentence(_ question: PlacementQuestion, _ verdict: Verdict) -> String {
        let count = question.hosts.count
        let hosts = count == 1 ? "the host" : "all \(count) hosts"
        switch verdict {
        case .defaultWorks:
            let size = HexLiteral.text(window.size)
            let base = WindowSource.mainlineWindow.start.hex
            guard window.size <= WindowSource.mainlineSize else {
                return
                    "\(size) bytes at \(base) are free on \(hosts) and in the guest: the default base stays, but "
                    + "Linux's window has \(HexLiteral.text(WindowSource.mainlineSize)) bytes, so an option must set "
                    + "the size."
            }
            return "Linux's default window at \(base) (\(size) bytes) is free on \(hosts) and in the guest."
        case .movable:
            guard let chosen else { return "Each host has a window of its own, but no window fits them all." }
            return
                "The default is blocked by \(blockerText); a window at \(HexLiteral.text(chosen)) fits \(hosts)."
        case .ramUnmappable:
            let missing = warnings.first { $0.code == .optionMissingOnDevice }
            let range = unmappable.first?.text ?? "of this guest"
            if missing != nil {
                return "Guest memory \(range) meets a device's default window: set the option on all devices."
            }
            return "Guest memory \(range) cannot be mapped on \(hosts == "the host" ? hosts : "every host"), "
                + "whatever the window."
        case .worksWithStealTimeOff: return "It works with steal time off."
        case .barUnmappable:
            return
                "BARs lie where a host maps nothing, and \(question.guest.vmm?.name ?? "the VMM") fails then."
        case .guestContractViolation:
            if let unsupported = warnings.first(where: { $0.code == .contractUnsupported }) {
                return unsupported.detail
            }
            if defaultBlockers.isEmpty, window.size > WindowSource.mainlineSize {
                return
                    "The window of the guest's RMR has \(HexLiteral.text(WindowSource.mainlineSize)) bytes, and "
                    + "\(HexLiteral.text(window.size)) are needed."
            }
            return "The guest relies on a window that not every host has: \(blockerText)."
        case .none:
            if let refusal = question.guest.refusal { return refusal.text }
            let refusals = warnings.lazy.filter { $0.severity == .fatal }
            if let refused = refusals.first(where: { $0.code == .noGroup || $0.code == .directRegion }) {
                return refused.detail
            }
            guard window.isMovable else {
                return
                    "The default window is blocked by \(blockerText) and cannot be moved"
                    + (defaultBlockers.contains(where: \.isOfHost) ? "." : ": move or shrink the RAM.")
            }
            return
                "No window fits: the default is blocked by \(blockerText) and no other place fits \(hosts)."
        }
    }

    private var blockerText: String { blockerList { _ in true } ?? "other hosts or the guest" }

    func text(of blocker: Blocker) -> String {
        let range = blocker.range.map { " \($0.text)" } ?? ""
        return switch blocker.owner {
        case .host(let name): "\(blocker.kind)\(range) of host \(name)"
        case .vm(let name): "\(blocker.provenance)\(range) of \(name)"
        }
    }
}
