// The DMA layer: what setting up each group's domain reserves, where earlier mappings and the MSI page go,
// and so which address is programmed.

import AddressSpaces
import IOVAAllocation
import MSIWindows
import Machines

extension Capture {
    func checkDMADomains(_ ledger: inout Ledger) throws {
        for (number, group) in (truth.groups ?? [:]).sorted(by: { $0.key < $1.key }) {
            let place = "group \(number)"
            let isTranslated = conditions.defaultDomain == .translated
            ledger.expect(group.type.hasPrefix("DMA"), isTranslated, name, place, "is translated")
            guard let recorded = truth.domains?[number] else { continue }
            let functions = group.devices.sorted()
            let devices = functions.compactMap { device($0) }
            ledger.expect(functions.count, devices.count, name, place, "devices behind an IOMMU")
            guard devices.count == functions.count, isTranslated else { continue }
            ledger.expect(recorded.firstDev, functions[0], name, place, "first device")
            var domain = PreparedDevice(devices[0], under: conditions).freshDomain(under: conditions)
            checkSetUp(domain, recorded, place, &ledger)
            let isReplayed = checkOperations(&domain, recorded, functions, devices, place, &ledger)
            checkAddresses(&domain, functions, devices, isReplayed, &ledger)
        }
        checkUntranslated(&ledger)
        checkDefaultMasks(&ledger)
    }

    private func checkSetUp(
        _ domain: DMADomain, _ recorded: Truth.Domain, _ place: String, _ ledger: inout Ledger
    ) {
        ledger.expect(recorded.granule.value, domain.granule.bytes, name, place, "granule")
        ledger.expect(recorded.startPfn, domain.iova.startPFN, name, place, "start_pfn")
        let calls = domain.reservations.calls.map { $0.frames(domain.granule) }
        ledger.expect(
            recorded.reserves.map { [$0[2].value, $0[3].value] }, calls.map { [$0.lo, $0.hi] }, name, place,
            "reserve calls")
    }

    /// Plays the recorded calls; false once a page was freed, from where on the guest's two CPUs and their
    /// caches decide (checkReplays allows for them).
    private func checkOperations(
        _ domain: inout DMADomain, _ recorded: Truth.Domain, _ functions: [String], _ devices: [Device],
        _ place: String, _ ledger: inout Ledger
    ) -> Bool {
        var calls = recorded.opsUntilMsi.filter { $0.op == "alloc" || $0.op == "free" }[...]
        var index = 0
        while let call = calls.popFirst() {
            guard call.op == "alloc", let function = call.dev, let member = functions.firstIndex(of: function)
            else { return false }
            let asking = DMADomain.Member(devices[member], index: member)
            var recorder = StepRecorder(limit: 64)
            let mask = call.dmaLimitArg!.value
            let address: UInt64? =
                call.msi == true
                ? domain.page(
                    for: PhysicalAddress(truth.doorbell!.phys.value), mask: mask, member: asking,
                    recorder: &recorder)?.iova
                : domain.allocate(
                    bytes: call.size!, mask: mask, for: asking, recorder: &recorder)?.value
            let below4G = domain.granule.frame(of: 0xffff_ffff)
            let limit = domain.granule.frame(of: domain.limit(asking, mask: mask))
            let rules = recorder.steps.map(\.rule)
            var tries = [limit]
            if rules.contains(.triedBelow4G) { tries = [below4G] }
            if rules.contains(.gaveUpBelow4G) { tries = [below4G, limit] }
            var got = [call]
            while got.count < tries.count, let next = calls.popFirst() { got.append(next) }
            let where_ = "\(place) \(function) allocation \(index)"
            ledger.expect(got.map { $0.limitPfn!.value }, tries, name, where_, "limits tried")
            ledger.expect(got.last!.iova.map { $0.value }, address, name, where_, "address")
            index += 1
        }
        return true
    }

    /// What each driver found programmed.
    private func checkAddresses(
        _ domain: inout DMADomain, _ functions: [String], _ devices: [Device], _ isReplayed: Bool,
        _ ledger: inout Ledger
    ) {
        guard let doorbell = truth.doorbell?.phys.value else { return }
        for (member, function) in functions.enumerated() {
            guard let device = truth.devices?[function], !device.msiAddrs.isEmpty else { continue }
            var ignored = NoRecorder()
            let bits = UInt64(device.dmaMaskBits) ?? 32
            let page = domain.page(
                for: PhysicalAddress(doorbell), mask: bits >= 64 ? .max : (1 << bits) - 1,
                member: DMADomain.Member(devices[member], index: member), recorder: &ignored)
            guard isReplayed || page?.isHardware == true else { continue }
            let address = page.map { $0.iova | (doorbell & domain.granule.mask) }
            let predicted = address.map { [$0] } ?? []
            ledger.expect(device.msiAddrs.map(\.value), predicted, name, function, "MSI address")
            if let rebound = truth.afterRebind?[function] {
                ledger.expect(
                    rebound.addrs.map(\.value), predicted, name, function, "MSI address after rebinding")
            }
        }
    }

    /// Identity domains and devices without a group.
    private func checkUntranslated(_ ledger: inout Ledger) {
        guard let doorbell = truth.doorbell?.phys.value else { return }
        for (function, recorded) in (truth.devices ?? [:]).sorted(by: { $0.key < $1.key }) {
            var conditions = conditions
            if recorded.group == nil { conditions.defaultDomain = .none }
            if device(function) == nil {
                ledger.expect(recorded.group, nil, name, function, "group of a function without an IOMMU")
            }
            guard conditions.defaultDomain != .translated, !recorded.msiAddrs.isEmpty else { continue }
            let decision = Decision.decide(
                Question(
                    device: device(function) ?? Device(id: function, kind: .pciFunction), consumer: .dmaAPI,
                    conditions: conditions, doorbells: [PhysicalAddress(doorbell)]))
            ledger.expect(
                recorded.msiAddrs.map(\.value), decision.doorbells.map(\.iova.value), name, function,
                "untranslated MSI address")
        }
    }

    /// Bridges: no driver of theirs sets a mask.
    private func checkDefaultMasks(_ ledger: inout Ledger) {
        for (function, recorded) in (truth.devices ?? [:]).sorted(by: { $0.key < $1.key }) {
            // A function without group and driver was never configured.
            guard recorded.cls.hasPrefix("06"), recorded.group != nil || recorded.driver != "none",
                let device = device(function)
            else { continue }
            ledger.expect(
                recorded.dmaMaskBits, "\(64 - device.defaultDMAMask.leadingZeroBitCount)", name, function,
                "default DMA mask bits")
        }
    }
}
