// From a request to a question: looks platforms and devices up, and fills in what the platform knows and the
// caller did not say. Every unknown name is a problem with its pointer.

import AddressSpaces
import IOVAAllocation
import JSON
import LinuxReleases
import MSIWindows
import Machines

/// One resolution against the platforms of a service.
struct QuestionResolver {
    let platforms: PlatformStore
    let problems: ProblemList

    /// A question, with the conditions that were filled in and the platform that it was found on.
    typealias Resolved = (question: Question, stated: StatedConditions, entry: PlatformEntry?)

    /// The question with its group; nil after noting why not.
    func question(_ request: DecisionRequest) -> Question? { resolve(request)?.question }

    /// The same, with the conditions that were filled in.
    func resolve(_ request: DecisionRequest) -> Resolved? {
        // Conditions by themselves: a copy of the request for them counts forty references.
        var stated = request.stated
        switch request.subject {
        case .inline(let device, let usable):
            stated.adopt(driver: device.reportedDriver)
            let prepared = PreparedDevice(device, usable: usable, under: stated.conditions)
            guard let mates = mates(request, stated, of: nil, on: nil) else { return nil }
            let doorbells = request.doorbells ?? []
            return (question(request, stated, prepared, mates, doorbells: doorbells), stated, nil)
        case .platform(let id, let name):
            guard let entry = platforms.entry(id, at: "/platform", problems) else { return nil }
            stated.adopt(entry.platform.host)
            var device = device(
                name, at: "/device", on: entry, .own, request, stated, adoptsDriver: !stated.statesDriver)
            let isGrouped = !request.statesMates && device?.source.groupNumber != nil
            let group = isGrouped ? device.flatMap { entry.platform.group(of: $0.source) } : nil
            if let asked = device, let group, asked.source.standsForGroup {
                // Its first member is asked about.
                device = platforms.prepared(
                    group.device, on: entry, .own, under: stated.conditions,
                    adoptsDriver: !stated.statesDriver)
            }
            if let device {
                stated.adopt(device, on: entry)
            }
            guard var mates = mates(request, stated, of: device, on: entry), let device else { return nil }
            if let group { mates.take(group) { mate in self.mate(mate, of: device, on: entry) } }
            let doorbells = request.doorbells ?? entry.doorbells(of: device)
            var question = question(request, stated, device, mates, doorbells: doorbells)
            question.findsDevicesInBusOrder = entry.platform.findsDevicesInBusOrder
            return (question, stated, entry)
        case nil: return nil
        }
    }

    private struct Mates {
        var before: [PreparedDevice]
        var after: [PreparedDevice]
        var attached: [PreparedDevice]

        /// Those that sysfs has in the group.
        mutating func take(_ group: IOMMUGroup, _ prepare: (Device) -> PreparedDevice) {
            before = group.devices[..<group.subject].map(prepare)
            after = group.devices[(group.subject + 1)...].map(prepare)
        }
    }

    /// A device of the same group, under the same conditions: the group is behind one IOMMU.
    private func mate(_ mate: Device, of device: PreparedDevice, on entry: PlatformEntry) -> PreparedDevice {
        platforms.prepared(mate, on: entry, .own, under: device.conditions, adoptsDriver: false)
    }

    private func question(
        _ request: DecisionRequest, _ stated: StatedConditions, _ device: PreparedDevice, _ mates: Mates,
        doorbells: [PhysicalAddress]
    ) -> Question {
        var devices = mates.before
        devices.append(device)
        if !mates.after.isEmpty { devices += mates.after }
        let group = PreparedGroup(devices, subject: mates.before.count)
        var question = Question(
            group: group, consumer: request.consumer, source: request.source,
            conditions: stated.conditions(for: request.consumer), doorbells: doorbells)
        let circumstances = request.circumstances
        question.dmaMask = circumstances.dmaMask
        if !circumstances.history.isEmpty {
            question.history = circumstances.history.map { operation in
                guard case .map(let bytes, let mask, _) = operation else { return operation }
                return .map(bytes: bytes, mask: mask, member: group.subject)
            }
        }
        question.mappings = circumstances.mappings
        question.allowed = circumstances.allowed
        question.mapChecks = circumstances.mapChecks
        if !mates.attached.isEmpty {
            question.earlierGroups = mates.attached.map { AttachedGroup(PreparedGroup([$0])) }
        }
        return question
    }

    private func mates(
        _ request: DecisionRequest, _ stated: StatedConditions, of subject: PreparedDevice?,
        on entry: PlatformEntry?
    ) -> Mates? {
        // Of most questions, whose device would be looked at for nothing.
        if request.namesNoOthers { return Mates(before: [], after: [], attached: []) }
        func devices(_ members: [DecisionRequest.Member], _ share: GroupShare) -> [PreparedDevice]? {
            guard !members.isEmpty else { return [] }
            let found = members.map { member($0, on: entry, share, request, stated) }
            let known = found.compactMap { $0 }
            return known.count == found.count ? known : nil
        }
        let before = devices(request.matesBefore, .own)
        let after = devices(request.matesAfter, .own)
        let attached = devices(request.attached, .whole)
        // All three first, so that the problems of each are noted.
        guard let before, let after, let attached else { return nil }
        var named = NamedDevices(beside: subject?.source, on: entry)
        check(request.matesBefore + request.matesAfter, before + after) { named.join($0) }
        check(request.attached, attached) { named.attach($0) }
        return Mates(before: before, after: after, attached: attached)
    }

    /// Notes the names of devices that are there already.
    private func check(
        _ members: [DecisionRequest.Member], _ devices: [PreparedDevice], _ take: (Device) -> String?
    ) {
        for case (.named(let name, let pointer), let device) in zip(members, devices) {
            guard let why = take(device.source) else { continue }
            problems.add(pointer, "duplicate-id", "\"\(Excerpt.of(name))\" \(why).")
        }
    }

    private func member(
        _ member: DecisionRequest.Member, on entry: PlatformEntry?, _ share: GroupShare,
        _ request: DecisionRequest, _ stated: StatedConditions
    ) -> PreparedDevice? {
        switch member {
        case .inline(let device): return PreparedDevice(device, under: stated.conditions)
        case .named(let name, let pointer):
            guard let entry else {
                problems.add(
                    pointer, "conflict", "A device name needs \"platform\"; send an object here.")
                return nil
            }
            // The group is behind one IOMMU, so the driver is the subject's.
            return device(name, at: pointer, on: entry, share, request, stated, adoptsDriver: false)
        }
    }

    private func device(
        _ name: String, at pointer: String, on entry: PlatformEntry, _ share: GroupShare,
        _ request: DecisionRequest, _ stated: StatedConditions, adoptsDriver: Bool
    ) -> PreparedDevice? {
        let device = platforms.prepared(
            name, on: entry, share, under: stated.conditions, adoptsDriver: adoptsDriver,
            including: request.consumer == .dmaAPI ? .domain : .window)
        if device == nil { problems.add(pointer, "unknown-device", entry.unknownDevice(name)) }
        return device
    }
}
