// What user space sees: the text of reserved_regions of every group, VFIO's container, iommufd's
// compatibility container and its character device; and device trees that no kernel survives.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines

extension Capture {
    func checkVFIO(_ ledger: inout Ledger) {
        var doorbellPages: [[UInt64]] = []
        for user in truth.vfio ?? [] {
            let place = "\(user.bdf) via \(user.kind)\(user.isCharacterDevice ? " device" : "")"
            if device(user.bdf) == nil {
                ledger.expect(user.group, -1, name, place, "group of a function without an IOMMU")
            }
            let decision = Decision.decide(question(for: user))
            let refusal = decision.outcome == .refused ? decision.errno : nil
            ledger.expect(
                user.err.map { $0.split(separator: ":").last!.dropFirst().description },
                refusal.map(Self.text), name, place, "refusal")
            guard user.err == nil, refusal == nil else { continue }
            checkRanges(user, decision, place, &ledger)
            checkMaps(user, decision, place, &ledger)
            checkInterrupts(user, decision, place, &ledger)
            if decision.outcome == .window, decision.errno == nil {
                doorbellPages += decision.doorbells.map {
                    [
                        $0.page.value, conditions.userPage.alignDown($0.physical.value),
                        conditions.userPage.bytes,
                    ]
                }
            }
        }
        // The list has one-to-one mappings of firmware's regions as well.
        let page = truth.doorbell.map { conditions.userPage.alignDown($0.phys.value) }
        let recorded = (truth.vfioMsiMaps ?? []).filter { $0.paddr.value == page }
        ledger.expect(
            recorded.map { [$0.iova.value, $0.paddr.value, $0.size] }, doorbellPages, name, "VFIO",
            "doorbell pages mapped")
    }

    private func question(for user: VFIOTruth) -> Question {
        var conditions = conditions
        conditions.defaultDomain = .translated
        let mates = groupMates(of: user.bdf, group: user.group)
        var devices = mates.compactMap { device($0) }
        var subject = mates.filter { device($0) != nil }.firstIndex(of: user.bdf) ?? 0
        if user.group < 0 || devices.isEmpty {
            conditions.defaultDomain = .none
            devices = [device(user.bdf) ?? Device(id: user.bdf, kind: .pciFunction)]
            subject = 0
        }
        var question = Question(
            group: IOMMUGroup(devices, subject: subject),
            consumer: user.kind == "iommufd" ? .iommufd : .vfioType1, conditions: conditions,
            doorbells: truth.doorbell.map { [PhysicalAddress($0.phys.value)] } ?? [])
        question.mapChecks = (user.mapTests ?? []).map {
            .fixed(iova: $0.iova.value, bytes: $0.size ?? conditions.pageSize.bytes)
        }
        return question
    }

    private func checkRanges(
        _ user: VFIOTruth, _ decision: Decision, _ place: String, _ ledger: inout Ledger
    ) {
        let predicted = (decision.ranges ?? []).map { [$0.start.value, $0.last.value] }
        for (what, recorded) in [
            ("IOVA ranges", user.iovaRanges), ("IOVA ranges afterwards", user.iovaRangesAfter),
            ("IOAS ranges", user.ioasRangesAttached),
        ] {
            guard let recorded else { continue }
            ledger.expect(recorded.map { $0.map(\.value) }, predicted, name, place, what)
        }
        if let sizes = user.iovaPgsizes {
            ledger.expect(sizes.value, conditions.vfioPageSizes.bitmap, name, place, "page sizes")
        }
        if let alignment = user.alignAttached {
            ledger.expect(
                alignment.value, conditions.granule.bytes, name, place, "IOAS alignment")
        }
    }

    private func checkMaps(
        _ user: VFIOTruth, _ decision: Decision, _ place: String, _ ledger: inout Ledger
    ) {
        for (recorded, predicted) in zip(user.mapTests ?? [], decision.mapResults) {
            ledger.expect(
                recorded.result, predicted.errno.map(Self.text) ?? "ok", name, place,
                "mapping \(HexLiteral.text(recorded.iova.value))")
        }
        ledger.expect((user.mapTests ?? []).count, decision.mapResults.count, name, place, "mappings tried")
    }

    private func checkInterrupts(
        _ user: VFIOTruth, _ decision: Decision, _ place: String, _ ledger: inout Ledger
    ) {
        for (result, configuration) in [
            (user.msiSetIrqs, user.msiCfg), (user.msixSetIrqs, user.msixCfg),
        ] {
            guard let result else { continue }
            ledger.expect(result, decision.errno.map(Self.text) ?? "ok", name, place, "setting up interrupts")
            guard result == "ok" else { continue }
            let addresses = Set((configuration ?? [:]).values.flatMap(\.addresses))
            ledger.expect(
                addresses, Set(decision.doorbells.map(\.iova.value)), name, place, "MSI address")
        }
    }

    /// As strerror(3) words it.
    private static func text(_ errno: Errno) -> String {
        switch errno {
        case .invalidArgument: "Invalid argument"
        case .noSpace: "No space left on device"
        case .outOfRange: "Numerical result out of range"
        case .noMemory: "Cannot allocate memory"
        case .notPermitted: "Operation not permitted"
        case .noEntry: "No such file or directory"
        case .badAddress: "Bad address"
        case .busy: "Device or resource busy"
        case .exists: "File exists"
        case .overflow: "Value too large for defined data type"
        case .addressInUse: "Address already in use"
        case .addressNotAvailable: "Cannot assign requested address"
        }
    }
}

extension Capture {
    /// iommu-addresses that do not translate crash Linux at boot, where the function that they are for is
    /// there and the release reads them. Of a boot that ended early nobody knows the functions: any will do.
    func checkCrash(_ ledger: inout Ledger) {
        let devices = crashed ? platform.devices : (truth.devices ?? [:]).keys.compactMap { device($0) }
        let crashing = devices.contains { device in
            device.active && device.unappliedRegions.contains { $0.reason == .crashesKernel }
        }
        let isFound = platform.findings.contains { $0.code == "iommu-addresses-untranslatable" }
        let survives = conditions.kernel.untranslatable == .ignored
        ledger.expect(crashed, crashing && isFound && !survives, name, "platform", "crash at boot")
    }

    /// What a virtio-iommu reports is in no description: asked without a list, every decision says that the
    /// device decides, and of its two answers one is what the kernel did.
    func checkUndecided(_ ledger: inout Ledger) {
        for (number, group) in (truth.groups ?? [:]).sorted(by: { $0.key < $1.key }) {
            for function in group.devices {
                guard let device = device(function), let doorbell = truth.doorbell else { continue }
                let place = "group \(number) \(function)"
                let decision = Decision.decide(
                    Question(
                        device: device, consumer: .dmaAPI, conditions: conditions,
                        doorbells: [PhysicalAddress(doorbell.phys.value)]))
                let isSaid = decision.warnings.contains { $0.code == .iommuDecidesWindow }
                ledger.expect(true, isSaid, name, place, "possible MSI address is doubted")
                let other = decision.ifReported.first
                ledger.expect(
                    group.reservedRegions.map { $0 + "\n" }.joined(),
                    other.map { GroupRegionList(inserting: $0.regions).sysfsText(pageBytes: 4_096) } ?? "",
                    name, place, "possible regions")
                let addresses = (truth.devices?[function]?.msiAddrs ?? []).map(\.value)
                guard let address = addresses.first else { continue }
                ledger.expect(
                    [address], (other?.decision.doorbells ?? []).map(\.iova.value), name, place,
                    "possible MSI address")
            }
        }
    }

    func checkReservedRegions(_ ledger: inout Ledger) {
        for (number, group) in (truth.groups ?? [:]).sorted(by: { $0.key < $1.key }) {
            let devices = group.devices.sorted().compactMap { device($0) }
            let place = "group \(number)"
            ledger.expect(group.devices.count, devices.count, name, place, "devices behind an IOMMU")
            guard !devices.isEmpty else { continue }
            let regions = PreparedGroup(IOMMUGroup(devices), under: conditions).advertised(.fixed)
            ledger.expect(
                group.reservedRegions.map { $0 + "\n" }.joined(),
                regions.sysfsText(pageBytes: Int(conditions.pageSize.bytes)), name, place, "reserved_regions")
        }
    }
}
