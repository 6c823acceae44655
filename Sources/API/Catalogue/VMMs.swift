// GET /v1/vmms and /v1/vmms/{vmm}: whose memory maps are known, and one of them laid out for a guest.

import AddressSpaces
import Fleet
import HTTP
import IOVAAllocation
import JSON
import LinuxReleases
import MSIWindows

extension Route {
    static let vmms: [Route] = [
        .get("listVMMs", "/v1/vmms", Service.listVMMs),
        .get(
            "readVMM", "/v1/vmms/{vmm}", query: ["ram"] + VMParameter.all.map(\.name), Service.readVMM),
    ]
}

extension Service {
    func listVMMs(_ context: RequestContext) -> Response {
        json(200) { writer in
            writer.array("items") { writer in
                for vmm in VMM.allCases { writer.object { $0.vmmMembers(vmm) } }
            }
        }
    }

    func readVMM(_ context: RequestContext) throws(Problem) -> Response {
        let id = context.variable("vmm")
        guard let vmm = VMM(rawValue: id) else {
            throw Problem(.notFound, "No VMM \"\(Excerpt.of(id))\"; GET /v1/vmms lists them.")
        }
        let query = context.query
        let shape = shape(query)
        try query.check()
        return json(200) { writer in
            writer.vmmMembers(vmm)
            if let shape { writer.guestMapMembers(vmm, shape) }
            writer.model(.newest, engine: configuration.version)
        }
    }

    /// The guest's shape; nil when no parameter asks for one.
    private func shape(_ query: QueryReader) -> VMShape? {
        guard let ram = query.value("ram") else {
            for parameter in VMParameter.all where query.value(text: parameter.name) != nil {
                query.add(parameter.name, "Send \"ram\" with it.")
            }
            return nil
        }
        var query = query
        return VMShape(ram: ram, &query)
    }
}

extension JSONWriter {
    /// What is known of a VMM whatever the guest.
    mutating func vmmMembers(_ vmm: VMM) {
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
    mutating func guestMapMembers(_ vmm: VMM, _ shape: VMShape) {
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
}
