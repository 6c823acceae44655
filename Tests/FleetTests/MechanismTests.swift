// By what means a VM gets its window, and what helps where it does not: remedies are applied and asked again,
// and one page less of those that have an amount must not help.

import AddressSpaces
import MSIWindows
import Machines
import TestSupport
import Testing

@testable import Fleet

@Suite struct MechanismTests {
    private static let page = Granule.kib4
    private static let mainline = WindowSource.mainlineWindow

    private func decide(
        _ hosts: [HostFacts], _ guest: GuestDemand, _ demand: WindowDemand = WindowDemand(),
        _ capabilities: Set<HostCapability> = [], iommufd: IOMMUFDSupport = .byContext
    ) -> Placement {
        let named = hosts.indices.map {
            PlacementQuestion.Host(
                name: "h\($0)", facts: $0, capabilities: capabilities, iommufd: iommufd)
        }
        return Placement.decide(
            PlacementQuestion(hosts: named, facts: hosts, guest: guest, window: demand), checkpoint: {})
    }

    private func host(_ regions: [ReservedRegion] = [], bits: Int = 48) -> HostFacts {
        HostFacts(
            regions: regions, ranges: nil,
            aperture: IOVARange(proven: 0, (1 << UInt64(bits)) - 1))
    }

    /// Reservations near the window and in what VMMs use for RAM.
    private func host(_ generator: inout SeededGenerator) -> HostFacts {
        let kinds: [ReservedRegion.Kind] = [.reserved, .reserved, .msi, .directRelaxable, .softwareMSI]
        let regions = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
            let base: UInt64 =
                switch Int.random(in: 0..<5, using: &generator) {
                case 0, 1: UInt64.random(in: 0x700...0x900, using: &generator) << 16
                // QEMU's page for steal time.
                case 2: 0x90a_0000
                default: UInt64.random(in: 0x1000...0x2_0000, using: &generator) << 16
                }
            return ReservedRegion(
                kind: kinds.randomElement(using: &generator)!, start: base,
                length: UInt64.random(in: 1...0x40, using: &generator) << 14, provenance: .caller("test"))
        }
        return host(regions, bits: [32, 36, 39, 48].randomElement(using: &generator)!)
    }

    private func shape(_ generator: inout SeededGenerator) -> VMShape {
        var shape = VMShape(
            ram: UInt64.random(in: 1...0x400, using: &generator) << [12, 20, 24, 28].randomElement(
                using: &generator)!)
        shape.peerToPeer = Bool.random(using: &generator)
        if Int.random(in: 0..<4, using: &generator) == 0 { shape.maxmem = shape.ram * 2 }
        if Int.random(in: 0..<4, using: &generator) == 0 {
            shape.ipaBits = [32, 36, 40, 48].randomElement(using: &generator)!
        }
        return shape
    }

    /// The guest after a remedy, and what a page less of it is; nil where a page has no meaning.
    private func applied(
        _ remedy: Remedy, to guest: GuestDemand
    ) -> (guest: GuestDemand, less: GuestDemand?)? {
        guard let vmm = guest.vmm, let shape = guest.shape else { return nil }
        func with(_ vmm: VMM, _ change: (inout VMShape) -> Void) -> GuestDemand {
            var changed = shape
            change(&changed)
            return GuestDemand(vmm, changed, viommu: guest.viommu)
        }
        switch remedy {
        case .peerToPeerOff: return (with(vmm) { $0.peerToPeer = false }, nil)
        case .ramAtMost(let bytes):
            return (with(vmm) { $0.ram = bytes }, with(vmm) { $0.ram = bytes + Self.page.bytes })
        case .ramBase(let base):
            let lowest = vmm.lowestRAMBase! == base
            return (
                with(vmm) { $0.ramBase = base },
                lowest ? nil : with(vmm) { $0.ramBase = base - Self.page.bytes }
            )
        case .otherMode(let mode): return (with(mode) { _ in }, nil)
        case .withoutNesting: return (guest.changed(viommu: .none), nil)
        case .both(let one, let other):
            guard let first = applied(one, to: guest), let second = applied(other, to: first.guest) else {
                return nil
            }
            return second
        case .stealTimeOff, .leaveFree, .windowSize, .doorbells, .withoutDevices, .withoutHosts: return nil
        }
    }

    /// That neither of two changes is enough, and that no one was found.
    private func isPair(_ remedy: Remedy, of hosts: [HostFacts], _ guest: GuestDemand) -> Bool {
        remedy.parts.count == 2
            && remedy.parts.allSatisfy { part in
                switch part {
                case .withoutHosts(let names):
                    let rest = hosts.indices.filter { !names.contains("h\($0)") }.map { hosts[$0] }
                    return !decide(rest, guest).worksToday
                default: return applied(part, to: guest).map { !decide(hosts, $0.guest).worksToday } ?? true
                }
            }
    }

    /// Neither of two changes is enough, and on the hosts that stay both are.
    private func expectPair(_ remedy: Remedy, of hosts: [HostFacts], _ guest: GuestDemand, _ place: String) {
        #expect(isPair(remedy, of: hosts, guest), "\(place) \(remedy)")
        guard let rest = remaining(hosts, after: remedy) else { return }
        let left = remedy.parts.first { $0.kind != .withoutHosts }
        if let changed = left.flatMap({ applied($0, to: guest)?.guest }) {
            #expect(decide(rest, changed).worksToday, "\(place) \(remedy)")
        }
    }

    /// Over all VMMs and 10,000 random hosts.
    @Test func remediesHelpAndAreMinimal() {
        var generator = SeededGenerator.forTest("remediesHelpAndAreMinimal", fallback: 1901)
        var seen: [Remedy.Kind: Int] = [:]
        var windowless = 0
        for round in 0..<10_000 {
            let vmm = VMM.allCases[round % VMM.allCases.count]
            let hosts = (0..<Int.random(in: 1...3, using: &generator)).map { _ in host(&generator) }
            let viommu = GuestDemand.VIOMMU.allCases.randomElement(using: &generator)!
            let guest = GuestDemand(vmm, shape(&generator), viommu: viommu)
            let placement = decide(hosts, guest)
            let mechanism = placement.mechanism
            #expect(placement.remedies.isEmpty || !placement.worksToday, "\(round)")
            if mechanism.kind == .notNeeded {
                windowless += 1
                #expect(placement.remedies.isEmpty && mechanism.notAvailable.isEmpty, "\(round)")
                continue
            }
            #expect(
                placement.worksToday == (mechanism.kind == .default || mechanism.kind == .guestRMR),
                "\(round)")
            #expect(mechanism.kind != .iommufdOptions, "nobody has them")
            for remedy in placement.remedies {
                seen[remedy.kind, default: 0] += 1
                if remedy.kind == .both {
                    #expect(placement.remedies.allSatisfy { $0.kind == .both }, "\(round)")
                    expectPair(remedy, of: hosts, guest, "\(round) \(vmm)")
                }
                if case .withoutHosts(let names) = remedy {
                    let rest = hosts.indices.filter { !names.contains("h\($0)") }.map { hosts[$0] }
                    #expect(decide(rest, guest).verdict == .defaultWorks, "\(round) \(remedy)")
                }
                guard let (changed, less) = applied(remedy, to: guest) else { continue }
                let after = decide(hosts, changed)
                let isServed = after.worksToday || after.mechanism.kind == .notNeeded
                #expect(isServed, "\(round) \(vmm) \(remedy)")
                if let less { #expect(!decide(hosts, less).worksToday, "\(round) \(vmm) \(remedy)") }
            }
            let isLaidOut = placement.remedies.contains(where: \.isOfLayout)
            #expect((mechanism.kind == .vmmLayout) == isLaidOut, "\(round)")
            // Of a layout is spoken only where something lies in the window.
            if mechanism.notAvailable.contains(where: { $0.kind == .vmmLayout }) {
                #expect(mechanism.kind == .none && !placement.defaultBlockers.isEmpty, "\(round)")
            } else {
                // Advice that cannot be given says why; a guest that cannot nest is told that besides.
                let why = mechanism.because
                let isToldBesides = why.contains(Self.mainline.text) || guest.viommu == .nestedSMMUv3
                #expect(
                    mechanism.kind != .none || placement.defaultBlockers.isEmpty || isToldBesides,
                    "\(round) \(why)")
            }
            #expect(!mechanism.because.isEmpty)
        }
        #expect(windowless > 100)
        for kind in [
            Remedy.Kind.stealTimeOff, .peerToPeerOff, .ramBase, .ramAtMost, .otherMode, .withoutHosts,
            .withoutNesting, .both,
        ] {
            #expect(seen[kind, default: 0] > 20, "\(kind): \(seen)")
        }
    }

    /// Those on which the VM still runs; nil where all hosts stay.
    private func remaining(_ hosts: [HostFacts], after remedy: Remedy) -> [HostFacts]? {
        for case .withoutHosts(let names) in remedy.parts {
            return hosts.indices.filter { !names.contains("h\($0)") }.map { hosts[$0] }
        }
        return nil
    }

    /// Only who states it has the options; then they are the means for every window that they can move.
    @Test func optionsAreOfThoseWhoStateThem() throws {
        let uefi = GuestDemand(.openVMMUEFI, VMShape(ram: 4 << 30))
        let without = decide([host()], uefi)
        #expect(without.verdict == .movable && without.mechanism.kind == .vmmLayout)
        #expect(without.mechanism.notAvailable.map(\.kind) == [.iommufdOptions])
        #expect(without.remedies == [.otherMode(.openVMMLinux), .ramAtMost(0x800_0000)])
        // Most of the RAM is a smaller change than another mode.
        let little = decide([host()], GuestDemand(.openVMMUEFI, VMShape(ram: 0xc00_0000)))
        #expect(little.remedies == [.ramAtMost(0x800_0000), .otherMode(.openVMMLinux)])
        #expect(without.warnings.contains { $0.code == .mechanismNotAvailable })
        let with = decide([host(), host()], uefi, WindowDemand(), [.softwareMSIOptions])
        #expect(with.mechanism.kind == .iommufdOptions && with.mechanism.notAvailable.isEmpty)
        #expect(!with.warnings.contains { $0.code == .mechanismNotAvailable })
        // A pool has what each of its hosts has.
        let facts = [host(), host()]
        let mixed = Placement.decide(
            PlacementQuestion(
                hosts: [
                    .init(name: "a", facts: 0, capabilities: [.softwareMSIOptions]),
                    .init(name: "b", facts: 1),
                ], facts: facts, guest: uefi, window: WindowDemand()), checkpoint: {})
        #expect(mixed.mechanism.kind == .vmmLayout)
    }

    @Test func mapsOfTheCallersOwn() {
        let map = GuestDemand(map: [.init(range: IOVARange(proven: 0, 0x7fff_ffff), kind: .ram)])
        let placement = decide([host()], map)
        #expect(placement.remedies == [.leaveFree(Self.mainline)])
        #expect(placement.mechanism.kind == .vmmLayout)
        func around(_ gap: IOVARange) -> Placement {
            decide(
                [host()],
                GuestDemand(map: [
                    .init(range: IOVARange(proven: 0, gap.start.value - 1), kind: .ram),
                    .init(range: IOVARange(proven: gap.last.value + 1, 0x7fff_ffff), kind: .ram),
                ]))
        }
        #expect(around(Self.mainline).worksToday)
        #expect(!around(IOVARange(proven: 0x800_0001, 0x80f_ffff)).worksToday)
        #expect(!around(IOVARange(proven: 0x800_0000, 0x80f_fffe)).worksToday)
    }

    /// Linux's own window has 1 MiB, whatever is asked for.
    @Test func largerWindowsNeedTheOptions() {
        let guest = GuestDemand(.qemuVirt, VMShape(ram: 1 << 30))
        let many = decide([host()], guest, WindowDemand(doorbells: 300))
        #expect(many.verdict == .defaultWorks && many.needsOption)
        #expect(many.mechanism.kind == .none && many.remedies == [.doorbells(256)])
        let large = decide([host()], guest, WindowDemand(size: 4 << 20))
        #expect(large.remedies == [.windowSize(1 << 20)])
        #expect(decide([host()], guest, WindowDemand(doorbells: 256)).worksToday)
        let allowed = decide([host()], guest, WindowDemand(size: 4 << 20), [.softwareMSIOptions])
        #expect(allowed.mechanism.kind == .iommufdOptions)
        // iommufd, whose options they are, maps fewer doorbells than that.
        let refused = decide([host()], guest, WindowDemand(doorbells: 300), [.softwareMSIOptions])
        #expect(refused.mechanism.kind == .none && refused.remedies == [.doorbells(256)])
    }

    /// The default does it, whatever base was asked for; only that one needs the options.
    @Test func anotherBaseIsAWish() {
        let guest = GuestDemand(.qemuVirt, VMShape(ram: 1 << 30))
        let wish = WindowDemand(requested: 0x920_0000)
        let placement = decide([host()], guest, wish)
        #expect(placement.verdict == .defaultWorks && placement.mechanism.kind == .default)
        #expect(placement.remedies.isEmpty && !placement.because.contains("size"))
        let far = decide([host()], guest, WindowDemand(requested: 0x3f00_0000))
        #expect(far.chosen == 0x3f00_0000 && far.mechanism.kind == .default)
        #expect(far.mechanism.notAvailable.map(\.kind) == [.iommufdOptions])
        let able = decide([host()], guest, WindowDemand(requested: 0x3f00_0000), [.softwareMSIOptions])
        #expect(able.mechanism.kind == .iommufdOptions)
    }

    /// Linux takes all of its own window, however little is asked for.
    @Test func aSmallWindowIsLinuxsOwnAllTheSame() {
        let small = WindowDemand(size: 0x1_0000)
        let memory = IOVARange(proven: 0x801_0000, 0x4800_ffff)
        let guest = GuestDemand(map: [.init(range: memory, kind: .ram)])
        let blocked = decide([host()], guest, small)
        #expect(blocked.mechanism.kind != .default, "\(blocked.mechanism)")
        #expect(blocked.remedies == [.leaveFree(Self.mainline)])
        let free = decide([host()], GuestDemand(.qemuVirt, VMShape(ram: 1 << 30)), small)
        #expect(free.mechanism.kind == .default)
        // The posted options take whole MiB.
        let moved = decide(
            [host()], GuestDemand(.openVMMUEFI, VMShape(ram: 4 << 30)), small, [.softwareMSIOptions])
        #expect(moved.mechanism.kind != .iommufdOptions)
        #expect(moved.mechanism.notAvailable.first?.because == Placement.inexpressible)
    }

    /// Options and nested translation are iommufd's: a kernel without it has neither, and it maps so many
    /// doorbells only.
    @Test func iommufdHasToServe() {
        let nested = GuestDemand(.qemuVirt, VMShape(ram: 1 << 30), viommu: .nestedSMMUv3)
        let layOut = GuestDemand(.openVMMUEFI, VMShape(ram: 4 << 30))
        #expect(decide([host()], nested).mechanism.kind == .guestRMR)
        let old = decide([host()], nested, iommufd: .absent)
        #expect(old.mechanism.kind == .none && old.mechanism.notAvailable.map(\.kind) == [.guestRMR])
        #expect(old.mechanism.because.hasSuffix("The kernel has no iommufd."))
        let two = decide([host(), host(bits: 47)], nested, iommufd: .absent)
        #expect(
            two.mechanism.because.hasSuffix(
                "The kernel of h0 has no iommufd. The kernel of h1 has no iommufd."))
        let oldOptions = decide([host()], layOut, WindowDemand(), [.softwareMSIOptions], iommufd: .absent)
        #expect(oldOptions.mechanism.kind == .vmmLayout)
        for (count, isServed) in [(64, true), (65, false)] {
            let many = WindowDemand(doorbells: count)
            #expect((decide([host()], nested, many).mechanism.kind == .guestRMR) == isServed)
            let options = decide([host()], layOut, many, [.softwareMSIOptions]).mechanism.kind
            #expect((options == .iommufdOptions) == isServed, "\(count) \(options)")
        }
    }

    /// Without the devices that a remedy names the default works, and with any one of them it does not.
    @Test func devicesInTheWay() {
        var generator = SeededGenerator.forTest("devicesInTheWay", fallback: 1902)
        let kinds: [ReservedRegion.Kind] = [.reserved, .direct, .directRelaxable, .msi]
        func device(_ number: Int) -> Device {
            let regions = (0..<Int.random(in: 0...2, using: &generator)).map { _ in
                ReservedRegion(
                    kind: kinds.randomElement(using: &generator)!,
                    start: UInt64.random(in: 0x7f0...0x820, using: &generator) << 16,
                    length: UInt64.random(in: 1...0x20, using: &generator) << 14, provenance: .caller("t"))
            }
            return Device(id: "d\(number)", kind: .platform, firmwareRegions: regions)
        }
        func facts(_ devices: [Device]) -> HostFacts {
            HostFacts(
                devices: devices.map { PreparedDevice($0, under: Conditions()) },
                aperture: Conditions().aperture)
        }
        let guest = GuestDemand(.qemuVirt, VMShape(ram: 1 << 30))
        var seen = 0
        for round in 0..<5_000 {
            let hosts = (0..<Int.random(in: 1...2, using: &generator)).map { _ in
                (0..<Int.random(in: 1...4, using: &generator)).map(device)
            }
            let placement = decide(hosts.map(facts), guest)
            for case .withoutDevices(let named) in placement.remedies {
                seen += 1
                func rest(keeping kept: Remedy.HostDevice? = nil) -> [HostFacts] {
                    hosts.enumerated().map { place, devices in
                        facts(
                            devices.filter { device in
                                let name = Remedy.HostDevice(host: "h\(place)", device: device.id)
                                return name == kept || !named.contains(name)
                            })
                    }
                }
                #expect(decide(rest(), guest).verdict == .defaultWorks, "\(round) \(named)")
                for device in named {
                    #expect(
                        decide(rest(keeping: device), guest).verdict != .defaultWorks, "\(round) \(device)")
                }
            }
        }
        #expect(seen > 500, "\(seen)")
    }

    /// Fewer doorbells, and other hosts, where these help.
    @Test func amountsAndHostsAreTried() {
        let nested = GuestDemand(.openVMMLinux, VMShape(ram: 1 << 30), viommu: .nestedSMMUv3)
        for (count, shift) in [(65, UInt8(12)), (300, 12), (17, 16)] {
            let pages = Granule(bytes: 1 << UInt64(shift))!
            let demand = WindowDemand(pageSize: pages, doorbells: count)
            let fitting = shift == 12 ? 64 : 16
            #expect(decide([host()], nested, demand).remedies.contains(.doorbells(fitting)), "\(count)")
        }
        let taken = ReservedRegion(
            kind: .reserved, start: 0x800_0000, length: 0x1000, provenance: .caller("t"))
        // Nothing that a host does: leaving it out does not help.
        let both = decide([host(), host([taken])], nested, WindowDemand(doorbells: 65))
        #expect(!both.remedies.contains { $0.kind == .withoutHosts }, "\(both.remedies)")
        // Linux takes all of its window, also where less was asked for.
        let end = ReservedRegion(
            kind: .reserved, start: 0x808_0000, length: 0x1000, provenance: .caller("t"))
        let small = decide(
            [host([taken]), host([end])], GuestDemand(.qemuVirt, VMShape(ram: 1 << 30)),
            WindowDemand(size: 0x1_0000))
        #expect(!small.remedies.contains { $0.kind == .withoutHosts }, "\(small.remedies)")
    }

    /// No means of iommufd is offered to a VMM that does without, nor where iommufd refuses a device.
    @Test func whoDoesWithoutIOMMUFD() {
        for vmm in VMM.allCases where vmm.has(.lacksIOMMUFD) {
            // In RAM of a VMM that can be told where it starts, or in what the host reserves.
            let taken = ReservedRegion(
                kind: .reserved, start: 0x800_0000, length: 0x10_0000, provenance: .caller("t"))
            let placement = decide(
                [host([taken])], GuestDemand(vmm, VMShape(ram: 1 << 30)), WindowDemand(),
                [.softwareMSIOptions])
            #expect(placement.verdict == .movable && placement.mechanism.kind == .none, "\(vmm)")
            #expect(placement.mechanism.notAvailable.first?.because.contains("type1") == true, "\(vmm)")
        }
    }

    /// Only an SMMUv3 nests, and only through iommufd; without nesting Linux's own window works.
    @Test func whereNothingNests() {
        let guest = GuestDemand(.qemuVirt, VMShape(ram: 1 << 30), viommu: .nestedSMMUv3)
        func behind(_ version: SMMU.Version) -> HostFacts {
            var conditions = Conditions()
            conditions.driver = version
            return HostFacts(
                devices: [PreparedDevice(Device(id: "d", kind: .platform), under: conditions)],
                aperture: conditions.aperture)
        }
        #expect(decide([behind(.v3)], guest).mechanism.kind == .guestRMR)
        for version in [SMMU.Version.v1, .v2, .virtio] {
            let alone = decide([behind(version)], guest)
            #expect(alone.mechanism.kind == .none && alone.remedies == [.withoutNesting], "\(version)")
            let among = decide([behind(.v3), behind(version)], guest)
            #expect(among.mechanism.because.contains("a device of h1 is behind"), "\(among.mechanism)")
            #expect(among.remedies == [.withoutNesting, .withoutHosts(["h1"])], "\(among.remedies)")
        }
        // The posted options move the window, and do not nest.
        let moved = GuestDemand(.openVMMUEFI, VMShape(ram: 4 << 30), viommu: .nestedSMMUv3)
        let options = decide([behind(.v2)], moved, WindowDemand(), [.softwareMSIOptions]).mechanism
        #expect(options.kind == .none, "\(options)")
        #expect(options.notAvailable.map(\.kind) == [.iommufdOptions, .guestRMR], "\(options)")
        let able = decide([behind(.v3)], moved, WindowDemand(), [.softwareMSIOptions]).mechanism
        #expect(able.kind == .iommufdOptions, "\(able)")
        // iommufd refuses it; type1 serves it.
        let both = host([
            ReservedRegion(
                kind: .softwareMSI, start: 0x800_0000, length: 0x10_0000, provenance: .caller("t")),
            ReservedRegion(kind: .msi, start: 0x1_0000_0000, length: 0x1_0000, provenance: .caller("t")),
        ])
        let refused = decide([both], guest)
        #expect(refused.mechanism.because.contains("EINVAL") && refused.remedies == [.withoutNesting])
        #expect(decide([both], guest.changed(viommu: .none)).mechanism.kind == .default)
    }

    /// Doorbells behind hardware MSI regions keep their addresses; Xen has the SMMU to itself.
    @Test func whereNoWindowIsUsed() {
        let hardware = host([
            ReservedRegion(kind: .msi, start: 0x1000_0000, length: 0x1_0000, provenance: .caller("t"))
        ])
        for capabilities in [[], [HostCapability.softwareMSIOptions]] as [Set<HostCapability>] {
            let placement = decide(
                [hardware], GuestDemand(.openVMMUEFI, VMShape(ram: 4 << 30)), WindowDemand(), capabilities)
            #expect(placement.mechanism.kind == .notNeeded && placement.remedies.isEmpty)
        }
        #expect(decide([host()], GuestDemand(.xenGuest, VMShape(ram: 1 << 30))).mechanism.kind == .notNeeded)
        let mixed = decide([hardware, host()], GuestDemand(.qemuVirt, VMShape(ram: 1 << 30)))
        #expect(mixed.mechanism.kind != .notNeeded)
    }

    @Test func nestedGuestsLearnOfTheWindow() {
        func kind(_ vmm: VMM, ram: UInt64 = 1 << 30, _ hosts: [HostFacts]) -> Placement.Mechanism {
            decide(hosts, GuestDemand(vmm, VMShape(ram: ram), viommu: .nestedSMMUv3)).mechanism
        }
        #expect(kind(.qemuVirt, [host()]).kind == .guestRMR)
        #expect(kind(.openVMMLinux, [host()]).kind == .guestRMR)
        #expect(kind(.crosvm, [host()]).notAvailable.map(\.kind) == [.guestRMR])
        let taken = ReservedRegion(
            kind: .reserved, start: 0x800_0000, length: 0x10_0000, provenance: .caller("t"))
        #expect(kind(.qemuVirt, [host([taken])]).kind == .none)
    }

    @Test func amountsAreRead() {
        #expect(ByteCount.text(0) == "0 bytes" && ByteCount.text(1 << 30) == "1 GiB")
        #expect(ByteCount.text(0x800_0000) == "128 MiB" && ByteCount.text(0x1001) == "4097 bytes")
    }
}
