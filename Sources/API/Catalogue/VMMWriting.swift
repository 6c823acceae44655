// VMMs and guest maps as members of answers.

import AddressSpaces
public import Fleet
public import JSON
import MSIWindows

extension JSONWriter {
    /// What is known of a VMM whatever the guest.
    public mutating func vmmMembers(_ vmm: VMM) {
        member("id", vmm.rawValue)
        member("name", vmm.name)
        member("versions", strings: vmm.versions)
        member("sources", strings: vmm.sources)
        member("behaviour", strings: vmm.behaviour)
        member("on_bar_failure", vmm.onBARFailure.rawValue)
        member("nested_contract", vmm.nestedContract.rawValue)
        member("memory_hotplug", vmm.hasHotplug)
    }

    /// The map of one guest, or why there is none.
    public mutating func guestMapMembers(_ vmm: VMM, _ shape: VMShape) {
        member("ram", hex: shape.ram)
        let map: GuestMap
        do {
            map = try vmm.map(shape)
            member("outcome", "map")
        } catch {
            member("outcome", "refused")
            member("refused", error.text)
            return
        }
        array("occupied") { writer in map.regions.forEach { writer.guestRegion($0) } }
        let strict = IOVASet(map.occupied(peerToPeer: shape.peerToPeer).map(\.range))
        let always = IOVASet(map.alwaysOccupied.map(\.range))
        ranges("dma_occupied_strict", strict.ranges)
        ranges("dma_occupied_always", always.ranges)
        let demand = WindowDemand()
        let places = Candidates(in: strict.complement(), demand)
        object("default_free") { writer in
            writer.member("strict", places.contains(base: WindowSource.mainlineBase))
            writer.member(
                "always",
                Candidates(in: always.complement(), demand).contains(base: WindowSource.mainlineBase))
        }
        object("second_constant_free") { writer in
            writer.member("strict", places.contains(base: WindowSource.postedSecondBase))
            writer.member(
                "always",
                Candidates(in: always.complement(), demand).contains(base: WindowSource.postedSecondBase))
        }
        ranges("candidates", places.ranges)
        picks(Placement.Picks(places))
        if let top = map.topOfRAM { member("top_of_ram", hex: top.value) }
        if let top = map.topOfMap {
            member("top_of_map", hex: top.value)
        }
        if let highest = map.highestAddress {
            member("ipa_bits_needed", max(32, 64 - highest.value.leadingZeroBitCount))
        }
        member("notes", strings: map.notes)
    }

    private mutating func guestRegion(_ region: GuestRegion) {
        object { writer in
            writer.member("name", region.name)
            writer.rangeMembers(start: region.range.start.value, last: region.range.last.value)
            writer.member("kind", region.kind.rawValue)
            writer.member("dma_mapped", region.isMapped)
            writer.member("dma_conditional", region.isConditional)
            if !region.rule.isEmpty { writer.member("rule", region.rule) }
        }
    }

    /// A list of ranges under a name.
    mutating func ranges(_ name: String, _ ranges: [IOVARange]) {
        array(name) { writer in
            for range in ranges {
                writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
            }
        }
    }

    mutating func picks(_ picks: Placement.Picks) {
        object("picks") { writer in
            writer.member("nearest_default", orNullHex: picks.nearestDefault)
            writer.member("lowest", orNullHex: picks.lowest)
            writer.member("highest_below_4g", orNullHex: picks.highestBelow4G)
        }
    }

    mutating func member(_ name: String, orNullHex value: UInt64?) {
        key(name)
        if let value { hex(value) } else { null() }
    }
}
