// What is judged of a window of user space for a group: whether all of its devices reach it, what stands in
// the way, in which words, and what to change. It depends on the devices and on the window only, so a device
// that is asked about often keeps that of the window that its driver offers, with what VFIO makes of it.

import AddressSpaces
import Machines

/// The verdict on a window. A class: a decision takes its lists and sentences over by reference.
final class WindowVerdict: Sendable {
    let reachability: Reachability
    /// What stands in the window's way.
    let blockers: [WithheldItem]
    /// The obstacle that the sentence names; nil where there is none, for limits and for the aperture.
    let obstacle: WithheldItem?
    let because: String
    let warnings: [Warning]
    /// What to do where the window is not reached for certain.
    let changes: [String]

    /// - Parameters:
    ///   - withheld: from the device that is asked about.
    ///   - mates: the other devices of its group, in group order.
    ///   - conditions: for which all of them were prepared.
    init(
        on window: IOVARange, of withheld: Withheld, beside mates: [PreparedDevice],
        under conditions: Conditions
    ) {
        typealias Judgement = WindowJudgement
        let own = withheld.hardItems(overlapping: window)
        let isFree = withheld.freeForWindow.contains(window)
        let reservations = isFree ? Judgement.blockers(window, of: mates) : []
        reachability =
            reservations.isEmpty
            ? withheld.reachability(ofUserWindow: window, in: conditions.aperture, own) : .no
        var warnings = Judgement.warnings(window, own, withheld, conditions)
        let relaxed = Judgement.relaxable(window, [withheld] + mates.map(\.withheld))
        if reachability == .yes {
            obstacle = nil
            var sentence: Phrase = "\(window) lies outside everything that the platform withholds"
            if let item = relaxed.first {
                sentence +=
                    " from user space; only the device's own driver needs \(item.range) (\(item.provenance))"
            }
            sentence += "."
            because = sentence.text
        } else if let (device, item) = reservations.first {
            obstacle = item
            because =
                "\(window.text) lies in a reservation of \(device), which is in the same group and uses the "
                + "same window: \(item.provenance)."
        } else {
            obstacle = Judgement.decisive(own, window, withheld, conditions)
            // The warning about that obstacle is the same sentence.
            let place = obstacle.flatMap { own.firstIndex(of: $0) }
            because =
                place.map { warnings[$0].detail }
                ?? Judgement.sentence(window, obstacle, withheld, conditions)
        }
        for item in relaxed {
            warnings.add(.windowInRelaxableRegion, Judgement.relaxable(item, window), range: item.range)
        }
        self.warnings = warnings
        blockers = own + reservations.map(\.item)
        guard reachability != .yes else {
            changes = []
            return
        }
        let free = mates.reduce(withheld.freeForWindow) { $0.intersection($1.withheld.freeForWindow) }
        changes = [
            WindowRemedy.change(of: window, in: free, isAlone: mates.isEmpty, isCertain: reachability == .no)
        ]
    }
}

/// What follows from the window that a device's driver offers by itself, where the device is alone in its
/// group and the first in its address space: so nearly all questions ask.
final class OfferedWindow: Sendable {
    let window: IOVARange
    let verdict: WindowVerdict
    /// What the driver reports, the window first.
    let regions: GroupRegionList
    /// The usable ranges of a container that had none.
    let list: VFIOIOVAList

    init(_ window: IOVARange, of withheld: Withheld, applied: [ReservedRegion], under conditions: Conditions)
    {
        self.window = window
        verdict = WindowVerdict(on: window, of: withheld, beside: [], under: conditions)
        regions = GroupRegionList(
            inserting: applied.advertising(window, by: conditions.driver, isListedFirst: true))
        list = VFIOIOVAList(regions, aperture: conditions.aperture)
    }
}

extension PreparedGroup {
    /// The verdict on a window, worked out unless the device has it. O(items).
    func verdict(on window: IOVARange) -> WindowVerdict {
        if let offered, offered.window == window { return offered.verdict }
        return WindowVerdict(
            on: window, of: device.withheld, beside: mates, under: device.conditions)
    }

    /// What its device keeps of the window that its driver offers; nil where it keeps none or is not alone.
    var offered: OfferedWindow? { devices.count == 1 ? devices[0].offered : nil }

    /// The same, where it is what this source offers.
    func offered(by source: WindowSource, _ offers: [Offer]) -> OfferedWindow? {
        guard source.isListedFirst, let offered, offers[0] == .window(offered.window) else { return nil }
        return offered
    }
}
