// Everything that keeps Linux's own window from a VM, each in one sentence: a guest that cannot nest and has
// its RAM in the window is told both.

import AddressSpaces
import MSIWindows

extension Placement {
    /// Sentences of one kind that one answer has at most.
    private static let reasonsMax = 4

    /// Why no mechanism serves, and that nothing that was tried helps where that is so.
    func reasons(_ question: PlacementQuestion, _ contract: Contract) -> String {
        var found = nestingHindrances(question, contract)
        if let refusal = question.guest.refusal { found.append(refusal.text) }
        found += refusals(question)
        found += ofMemory(question)
        if let range = takenText(question) { found.append(range) }
        if window.size > WindowSource.mainlineSize {
            found.append(
                "Linux's own window has \(HexLiteral.text(WindowSource.mainlineSize)) bytes, and "
                    + "\(HexLiteral.text(window.size)) are needed.")
        }
        if found.isEmpty { found.append("Nothing does it for this VM on these hosts.") }
        if remedies.isEmpty {
            found.append(
                "No change that was tried, and no two of them together, make Linux's own window work.")
        }
        return found.joined(separator: " ")
    }

    /// Why the guest has no nested SMMUv3, by the VMM and by each host; none where it has one or asks for
    /// none.
    func nestingHindrances(_ question: PlacementQuestion, _ contract: Contract) -> [String] {
        if contract == .unsupported { return [unsupportedText(question)] }
        let all = Self.nestingHindrances(question)
        let more = all.count - Self.reasonsMax
        return all.prefix(Self.reasonsMax)
            + (more > 0 ? ["\(more) more \(more == 1 ? "host does" : "hosts do") not nest either."] : [])
    }

    /// Devices that Linux hands to no VM.
    private func refusals(_ question: PlacementQuestion) -> [String] {
        var seen: Set<String> = []
        return warnings(ofRefusalsIn: question).filter { seen.insert($0).inserted }.prefix(Self.reasonsMax)
            .map { $0 }
    }

    private func warnings(ofRefusalsIn question: PlacementQuestion) -> [String] {
        question.hosts.lazy.filter { question.facts[$0.facts].isRefused }.prefix(hostsMax).compactMap {
            host in
            question.facts[host.facts].refusalSentence.map { sentence in
                question.hosts.count > 1 ? "\(host.name): \(sentence)" : sentence
            }
        }
    }

    private var hostsMax: Int { 2 * Self.reasonsMax }

    /// Memory and BARs where a host maps nothing.
    private func ofMemory(_ question: PlacementQuestion) -> [String] {
        let hosts = question.hosts.count == 1 ? "the host" : "every host"
        switch verdict {
        case .ramUnmappable:
            let range = unmappable.first.map { "Guest memory \($0.text)" } ?? "Guest memory"
            return ["\(range) cannot be mapped on \(hosts)."]
        case .barUnmappable:
            return [
                "BARs lie where a host maps nothing, and \(question.guest.vmm?.name ?? "the VMM") fails then."
            ]
        case .worksWithStealTimeOff: return ["The VM fails while steal time is on."]
        case .defaultWorks, .movable, .none, .guestContractViolation: return []
        }
    }

    /// What lies in the window.
    private func takenText(_ question: PlacementQuestion) -> String? {
        guard let blockers = blockerList(where: { $0.range?.overlaps(WindowSource.mainlineWindow) == true })
        else { return nil }
        return "\(WindowSource.mainlineWindow.text) is not free: \(blockers)."
    }

    /// The first two of them, and how many there are besides; nil where there is none.
    func blockerList(where isMeant: (Blocker) -> Bool) -> String? {
        let meant = defaultBlockers.filter(isMeant)
        guard !meant.isEmpty else { return nil }
        let shown = meant.prefix(2).map { blocker in
            let isConditional = defaultReachability == .conditional && blocker.isOfHost
            return text(of: blocker) + (isConditional ? " (\(Reachability.condition))" : "")
        }
        let more = meant.count - shown.count
        return more > 0
            ? shown.joined(separator: ", ") + " and \(more) more of default.blockers"
            : shown.joined(separator: " and ")
    }
}

extension HostFacts {
    /// Why Linux hands a device to no VM, whatever the window; nil where it does.
    var refusalSentence: String? {
        if let refusal {
            return
                "The direct region \(refusal.range.text) (\(refusal.provenance)) has Linux refuse its device to VFIO "
                + "and iommufd with EINVAL, whatever the window."
        }
        return lacksIOMMU ? noGroupRemark : nil
    }
}
