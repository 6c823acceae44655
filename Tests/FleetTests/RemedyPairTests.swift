// Where no single change helps: pairs of them, and all that stands against Linux's own window in words.

import AddressSpaces
import MSIWindows
import Machines
import Testing

@testable import Fleet

@Suite struct RemedyPairTests {
    private static let mainline = WindowSource.mainlineWindow

    private func host(_ regions: [ReservedRegion] = []) -> HostFacts {
        HostFacts(regions: regions, ranges: nil, aperture: Conditions().aperture)
    }

    private func region(_ kind: ReservedRegion.Kind, _ start: UInt64, _ length: UInt64 = 0x10_0000)
        -> ReservedRegion
    {
        ReservedRegion(
            kind: kind, start: start, length: length, provenance: .caller("given with the request"))
    }

    private func decide(
        _ hosts: [HostFacts], _ guest: GuestDemand, _ demand: WindowDemand = WindowDemand(),
        iommufd: IOMMUFDSupport = .byContext
    ) -> Placement {
        let named = hosts.indices.map {
            PlacementQuestion.Host(name: "h\($0)", facts: $0, iommufd: iommufd)
        }
        return Placement.decide(
            PlacementQuestion(hosts: named, facts: hosts, guest: guest, window: demand), checkpoint: {})
    }

    private func facts(_ devices: [Device]) -> HostFacts {
        HostFacts(
            devices: devices.map { PreparedDevice($0, under: Conditions()) },
            aperture: Conditions().aperture)
    }

    /// RAM in the window of a guest that cannot nest: both are told, and both have to change.
    @Test func memoryAndNesting() {
        let guest = GuestDemand(.openVMMUEFI, VMShape(ram: 4 << 30), viommu: .nestedSMMUv3)
        let placement = decide([host()], guest, iommufd: .absent)
        #expect(
            placement.remedies == [
                .both(.otherMode(.openVMMLinux), .withoutNesting),
                .both(.ramAtMost(0x800_0000), .withoutNesting),
            ], "\(placement.remedies)")
        let because = placement.mechanism.because
        #expect(because.contains("The kernel has no iommufd."), "\(because)")
        #expect(because.contains("0x8000000...0x80fffff is not free: RAM"), "\(because)")
        #expect(placement.mechanism.kind == .none)
    }

    /// RAM in the window, and a device that does not reach it.
    @Test func memoryAndADevice() {
        let devices = [
            Device(id: "good", kind: .platform, firmwareRegions: []),
            Device(id: "bad", kind: .platform, firmwareRegions: [region(.reserved, 0x800_0000)]),
        ]
        let placement = decide([facts(devices)], GuestDemand(.openVMMUEFI, VMShape(ram: 64 << 20)))
        #expect(placement.remedies == [.withoutDevices([.init(host: "h0", device: "bad")])])
        let large = decide([facts(devices)], GuestDemand(.openVMMUEFI, VMShape(ram: 4 << 30)))
        #expect(large.remedies.count == 2, "\(large.remedies)")
        for remedy in large.remedies {
            #expect(remedy.includes(.withoutDevices([.init(host: "h0", device: "bad")])), "\(remedy)")
        }
        #expect(large.remedies.contains { $0.includes(.ramAtMost(0x800_0000)) })
        #expect(large.mechanism.because.contains("of host h0"), "\(large.mechanism.because)")
    }

    /// Doorbells are as many as fit once the other change is made.
    @Test func amountsAreThoseOfThePair() {
        let guest = GuestDemand(.qemuVirt, VMShape(ram: 1 << 30), viommu: .nestedSMMUv3)
        let placement = decide([host()], guest, WindowDemand(doorbells: 300), iommufd: .byCookie)
        #expect(placement.remedies == [.both(.doorbells(256), .withoutNesting)], "\(placement.remedies)")
    }

    /// A map of the caller's own: BARs in the window need not be mapped, and what no host maps is to move.
    @Test func mapsOfTheCallersOwn() {
        let bars = GuestDemand.MapEntry(range: IOVARange(proven: 0x700_0000, 0x8ff_ffff), kind: .barWindow)
        let ram = GuestDemand.MapEntry(range: IOVARange(proven: 0x4000_0000, 0x7fff_ffff), kind: .ram)
        let bar = decide([host()], GuestDemand(map: [bars, ram]))
        #expect(bar.remedies == [.peerToPeerOff, .leaveFree(Self.mainline)], "\(bar.remedies)")
        #expect(bar.mechanism.kind == .vmmLayout)
        #expect(decide([host()], GuestDemand(map: [bars, ram], peerToPeer: false)).worksToday)
        let taken = region(.reserved, 0x5000_0000)
        let reserved = IOVARange(proven: 0x5000_0000, 0x500f_ffff)
        let memory = decide([host([taken])], GuestDemand(map: [ram]))
        #expect(memory.remedies == [.leaveFree(reserved)], "\(memory.remedies)")
        let low = GuestDemand.MapEntry(range: IOVARange(proven: 0x10_0000, 0x7fff_ffff), kind: .ram)
        let both = decide([host([taken])], GuestDemand(map: [low]))
        #expect(both.remedies == [.both(.leaveFree(Self.mainline), .leaveFree(reserved))], "\(both.remedies)")
        #expect(both.mechanism.kind == .vmmLayout)
    }

    /// What a group's list withholds is named by the device, not by both.
    @Test func aGroupIsNotNamedBesideItsDevice() {
        var member = Device(
            id: "0000:01:00.0", kind: .pciFunction, firmwareRegions: [region(.reserved, 0x800_0000)])
        member.groupNumber = 0
        var group = Device(id: "group:0", kind: .group, firmwareRegions: [region(.reserved, 0x800_0000)])
        group.groupNumber = 0
        var other = Device(id: "group:1", kind: .group, firmwareRegions: [region(.reserved, 0x800_0000)])
        other.groupNumber = 1
        let free = Device(id: "free", kind: .platform, firmwareRegions: [])
        let guest = GuestDemand(.qemuVirt, VMShape(ram: 1 << 30))
        func named(_ devices: [Device]) -> [String] {
            for case .withoutDevices(let named) in decide([facts(devices)], guest).remedies {
                return named.map(\.device)
            }
            return []
        }
        #expect(named([group, member, free]) == ["0000:01:00.0"])
        #expect(named([group, free]) == ["group:0"])
        #expect(named([other, group, member, free]) == ["group:1", "0000:01:00.0"])
    }

    /// Sentences about a refused device say what is refused, and not that a host withholds the window.
    @Test func refusedDevices() {
        let elsewhere = host([region(.direct, 0x1_0000_0000)])
        let placement = decide([elsewhere], GuestDemand(.qemuVirt, VMShape(ram: 1 << 30)))
        let warning = placement.warnings.first { $0.code == .directRegion }?.detail ?? ""
        #expect(
            warning.hasPrefix("The direct region 0x100000000...0x1000fffff (given with the request) "),
            "\(warning)")
        let layout = placement.mechanism.notAvailable.first { $0.kind == .vmmLayout }?.because ?? ""
        #expect(layout.hasPrefix("Linux hands a device to no VM, however QEMU"), "\(layout)")
        #expect(placement.mechanism.because.contains(warning), "\(placement.mechanism.because)")
        let taken = decide(
            [host(), host([region(.reserved, 0x808_0000, 0x1000)])],
            GuestDemand(.qemuVirt, VMShape(ram: 1 << 30)))
        let own = taken.mechanism.notAvailable.first { $0.kind == .vmmLayout }?.because ?? ""
        #expect(own.hasPrefix("Host h1 withholds 0x8080000...0x8080fff, however"), "\(own)")
    }

    /// Of a VMM that has no nested SMMUv3 that is the reason.
    @Test(arguments: VMM.allCases) func whoDoesNotNest(vmm: VMM) {
        let guest = GuestDemand(vmm, VMShape(ram: 1 << 30), viommu: .nestedSMMUv3)
        guard guest.nestedContract == .unsupported else { return }
        let mechanism = decide([host()], guest).mechanism
        #expect(mechanism.kind == .none)
        #expect(mechanism.because.contains("has no accelerated SMMUv3"), "\(vmm) \(mechanism.because)")
    }
}
