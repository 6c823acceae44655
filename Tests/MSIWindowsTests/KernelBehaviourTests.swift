// Each behaviour of kernels makes a difference: one minimal question for each, asked under every value. The
// switch is exhaustive, so a new behaviour does not compile without its question.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import Testing

@Suite struct KernelBehaviourTests {
    private typealias W = Worked

    @Test(arguments: Behaviour.allCases)
    func aQuestionDependsOnIt(behaviour: Behaviour) throws {
        var answers: [String] = []
        for value in behaviour.values {
            var kernel = KernelProfile.newest
            let isTaken = kernel.override(behaviour, with: value)
            #expect(isTaken)
            #expect(kernel.value(of: behaviour) == value)
            answers.append(try Self.answer(to: behaviour, kernel))
        }
        #expect(Set(answers).count == behaviour.values.count, "\(behaviour): \(answers)")
    }

    private static func answer(to behaviour: Behaviour, _ kernel: KernelProfile) throws -> String {
        let conditions = Conditions(kernel: kernel)
        switch behaviour {
        case .iortRMR: return sysfs(region(.rmr(offset: 0x80)), conditions)
        case .dtIOMMUAddresses: return sysfs(region(.deviceTreeNode(path: "/reserved-memory/x")), conditions)
        case .untranslatableIOMMUAddresses:
            var device = W.pci()
            device.unappliedRegions = [
                UnappliedRegion(reason: .crashesKernel, region: nil, location: "/reserved-memory/x")
            ]
            return W.ask(.vfioType1, device, .fixed, conditions).warnings.map(\.detail).joined()
        case .secondSearchPass: return try secondPass(kernel)
        case .startsAtInboundWindow:
            let device = W.pci(inbound: [W.inbound(0x8000_0000, 0x8000_0000)], limit: 0xffff_ffff)
            let domain = PreparedDevice(device, under: conditions.ofDevice).freshDomain(under: conditions)
            return String(domain.iova.startPFN)
        case .magazineSize: return try magazine(kernel)
        case .depot: return try depot(kernel)
        case .forcedac:
            return addresses(.dmaAPI, W.pci(), conditions) { $0.conditions.forcesDAC = true }
        case .remembersFailureBelow4G:
            return addresses(.dmaAPI, W.pci(), conditions) {
                $0.history = [.map(bytes: 1 << 32, mask: .max, member: 0)]
            }
        case .groupOrder:
            return W.ask(.dmaAPI, W.pci(), .fixed, conditions) { question in
                let mate = W.pci([W.region(0xffff_f000, 0x1000)])
                question.group = IOMMUGroup([W.pci(), mate])
            }.warnings.map(\.code.rawValue).joined()
        case .notViableGroup:
            return W.ask(.vfioType1, W.pci(), .fixed, conditions) {
                $0.conditions.hasForeignDriver = true
            }.errno?.rawValue ?? ""
        case .refusesBlockingDirect:
            return W.ask(.vfioType1, W.pci([W.region(0x900_0000, 0x1000, .direct)]), .fixed, conditions)
                .errno?.rawValue ?? ""
        case .isolationPerGroup: return isolation(kernel)
        case .noCookieRefused:
            return W.ask(.vfioType1, W.pci(), .none, conditions).errno?.rawValue ?? ""
        case .iommufd: return W.ask(.iommufd, W.pci(), .fixed, conditions).errno?.rawValue ?? ""
        case .iommufdOwnMSIMap:
            let doorbells = (0...256).map { 0x1000_0040 + $0 * 0x1_0000 as UInt64 }
            let decision = W.ask(.iommufd, W.pci(), .fixed, conditions, doorbells: doorbells)
            return "\(decision.doorbells.last?.iova.hex ?? "none") \(decision.errno?.rawValue ?? "")"
        case .iommufdNoIOMMU:
            return W.ask(.iommufd, W.pci(), .fixed, conditions) {
                $0.conditions.defaultDomain = .none
            }.errno?.rawValue ?? ""
        case .mapOverflowErrno:
            return W.ask(.vfioType1, W.pci(), .fixed, conditions) {
                $0.mapChecks = [.fixed(iova: 0xffff_ffff_ffff_f000, bytes: 0x2000)]
            }.mapResults.map { $0.errno?.rawValue ?? "" }.joined()
        }
    }

    private static func region(_ provenance: ReservedRegion.Provenance) -> Device {
        W.pci([ReservedRegion(kind: .direct, start: 0x900_0000, length: 0x1_0000, provenance: provenance)])
    }

    private static func sysfs(_ device: Device, _ conditions: Conditions) -> String {
        PreparedGroup(IOMMUGroup(device), under: conditions).advertised(.fixed).sysfsText(pageBytes: 4096)
    }

    private static func addresses(
        _ consumer: Consumer, _ device: Device, _ conditions: Conditions,
        _ change: (inout Question) -> Void = { _ in }
    ) -> String {
        W.messages(consumer, device, .fixed, conditions, doorbells: W.its, change).map(HexLiteral.text)
            .joined(separator: " ")
    }

    // MARK: The allocator

    private static let top: UInt64 = 0xf_ffff

    /// Only a second pass sees the room above the hint.
    private static func secondPass(_ kernel: KernelProfile) throws -> String {
        var domain = IOVADomain(granule: .kib4, startPFN: 1, release: kernel)
        _ = try domain.reserve(1, 0xfff00)
        return try [1, 64, 64, 64, 32, 32].map { size in
            try domain.allocate(size: size, limit: top, isAligned: true).map(HexLiteral.text) ?? "none"
        }.joined(separator: " ")
    }

    /// A loaded magazine with one entry, the highest, has none that is low enough; a larger one has.
    private static func magazine(_ kernel: KernelProfile) throws -> String {
        var domain = IOVADomain(granule: .kib4, startPFN: 1, release: kernel)
        var held: [UInt64] = []
        for _ in 0..<129 {
            guard let pfn = try domain.allocateFast(size: 1, limit: top, flushes: false) else {
                return "full"
            }
            held.append(pfn)
        }
        // The lowest stays held, so that the tree has no page at the highest parked one.
        for pfn in held[1...127] { try domain.freeFast(pfn, size: 1) }
        try domain.freeFast(held[0], size: 1)
        let next = try domain.allocateFast(size: 1, limit: held[0] - 1, flushes: false)
        return next.map(HexLiteral.text) ?? "none"
    }

    /// What a bounded depot has no place for goes back to the tree.
    private static func depot(_ kernel: KernelProfile) throws -> String {
        var domain = IOVADomain(granule: .kib4, startPFN: 1, release: kernel)
        var held: [UInt64] = []
        for _ in 0..<4_500 {
            guard let pfn = try domain.allocateFast(size: 1, limit: top, flushes: false) else {
                return "full"
            }
            held.append(pfn)
        }
        for pfn in held { try domain.freeFast(pfn, size: 1) }
        return String(domain.heldCount)
    }

    /// Behind an ITS, on a machine that has a GICv2m too.
    private static func isolation(_ kernel: KernelProfile) -> String {
        var platform = Platform(source: .json)
        platform.msiControllers = [
            MSIController(
                id: "its", kind: .its, compatible: [], doorbell: PhysicalAddress(0x809_0040), enabled: true),
            MSIController(
                id: "v2m", kind: .gicv2m, compatible: [], doorbell: PhysicalAddress(0x802_0040), enabled: true
            ),
        ]
        var device = W.pci()
        device.msiControllers = ["its"]
        let isIsolated = platform.isolatesMSIs(of: device, asksGroup: kernel.asksIsolationOfGroup)
        return W.ask(.vfioType1, device, .fixed, Conditions(kernel: kernel)) {
            $0.conditions.hasIsolatedMSI = isIsolated
            $0.conditions.allowsUnsafeInterrupts = false
        }.errno?.rawValue ?? ""
    }

    /// With ACPI the kernel finds a group's devices in the order of the bus, so nothing is to be warned of.
    @Test func noOrderIsInDoubtWithACPI() {
        func codes(findsDevicesInBusOrder: Bool) -> [Warning.Code] {
            W.ask(.dmaAPI, W.pci(), .fixed, Conditions(kernel: .v6_12)) { question in
                question.group = IOMMUGroup([W.pci(), W.pci([W.region(0xffff_f000, 0x1000)])])
                question.findsDevicesInBusOrder = findsDevicesInBusOrder
            }.warnings.map(\.code)
        }
        #expect(
            codes(findsDevicesInBusOrder: false).contains(.groupOrder)
                && !codes(findsDevicesInBusOrder: true).contains(.groupOrder))
    }
}

@Suite struct KernelProfileTests {
    @Test(arguments: [
        ("6.8.0-124-generic", "6.8"), ("6.1.0-13-arm64", "6.1"), ("5.10.0-32-arm64", "5.10"),
        ("6.18.4-200.fc43", "6.18"), ("7.3.4", "7.3"), ("v7.2-rc3", "7.2"), ("6.12", "6.12"),
        ("5.14.0-570.12.1.el9_6.aarch64+64k", "5.10"), ("6.14.0-1007-nvidia-64k", "6.12"),
        ("6.17.0-5-generic", "6.12"), ("8.0.1", "7.3"), ("4.19.0-27-arm64", "5.10"),
        ("5.15.0-97-generic", "5.15"),
        ("Linux host 6.6.31 #1 SMP aarch64", "6.6"),
    ])
    func aStringSelects(text: String, release: String) throws {
        let profile = try #require(KernelProfile(releaseString: text))
        #expect(profile.release.rawValue == release)
        #expect(profile.overrides.isEmpty)
        #expect((profile.stated == nil) == (text == release))
    }

    @Test(arguments: [
        "", "generic", "6", "six.eight", "-64k", "99999.1", "Debian 13.1", "build 2026.11",
        "#1 SMP Debian 6.1.76-1", "Linux",
        "Linux 10.2 node",
    ])
    func aStringWithoutAVersionSelectsNothing(text: String) {
        #expect(KernelProfile(releaseString: text) == nil)
    }

    @Test(
        arguments: [
            ("6.14.0-1007-nvidia-64k", 0x1_0000), ("5.14.0-570.12.1.el9_6.aarch64+64k", 0x1_0000),
            ("5.14.21-150500.55.136-64kb", 0x1_0000), ("Linux a-64k 6.6.0-16k #1 SMP", 0x4000),
            ("6.6.0-16k", 0x4000), ("6.8.0-124-generic", nil), ("6.8", nil),
        ] as [(String, UInt64?)])
    func aStringTellsThePageSize(text: String, bytes: UInt64?) {
        #expect(KernelProfile(releaseString: text)?.pageBytes == bytes)
    }

    /// What could differ is named where the kernel is not one that was modelled, and only there.
    @Test func whatCouldDifferIsNamed() throws {
        for text in [
            "5.10", "6.1", "6.6", "6.8", "6.12", "6.18", "7.2", "7.3", "6.8.0-124-generic",
            "7.3.1-4.el11.aarch64",
        ] {
            let profile = try #require(KernelProfile(releaseString: text))
            #expect(profile.remark == nil, "\(text)")
        }
        for (text, words) in [
            ("5.15", ["5.10", "second_search_pass", "iort_rmr", "forcedac"]),
            ("5.14.0-570.el9.aarch64", ["enterprise", "iommufd_own_msi_map"]),
            ("6.14.0-37-generic", ["6.12", "iommufd_own_msi_map", "group_order"]),
            ("6.12.0-55.el10.aarch64", ["enterprise", "no_cookie_refused"]),
            ("8.1.0", ["newer", "7.3"]), ("4.19.0", ["older", "5.10"]),
        ] {
            let profile = try #require(KernelProfile(releaseString: text))
            let remark = try #require(profile.remark, "\(text)")
            for word in words { #expect(remark.contains(word), "\(text): \(remark)") }
            #expect(remark.contains(text), "\(remark)")
        }
        let unread = try #require(KernelProfile(releaseString: "6.14.0-37-generic")?.uncertain)
        #expect(!unread.contains(.iommufd) && !unread.contains(.iommufdNoIOMMU))
    }

    @Test func overridesAreThoseThatDiffer() {
        var kernel = KernelProfile.v6_12
        let isTaken = kernel.override(.iommufdOwnMSIMap, with: .flag(true))
        #expect(isTaken && kernel.overrides == [.iommufdOwnMSIMap])
        #expect(kernel.iommufdKeepsOwnMap && !kernel.refusesDomainsWithoutCookie)
        let isWrongKind = kernel.override(.groupOrder, with: .flag(true))
        let isBack = kernel.override(.iommufdOwnMSIMap, with: .flag(false))
        #expect(!isWrongKind && isBack)
        #expect(kernel == .v6_12)
    }

    /// Releases are listed by age, each behaviour's changes too, and both name versions once.
    @Test func theHistoryIsInOrder() {
        let versions = KernelRelease.allCases.map(\.version)
        #expect(versions == versions.sorted() && Set(versions).count == versions.count)
        #expect(KernelRelease.newest == KernelRelease.allCases.last)
        // Each release has the values of its own version.
        for release in KernelRelease.allCases where release.modelledAs == release {
            for behaviour in Behaviour.allCases {
                let last = behaviour.changes.last { $0.since <= release.version }
                let value = last.map { behaviour.value(of: $0) } ?? behaviour.values[0]
                #expect(KernelProfile(release).value(of: behaviour) == value, "\(release) \(behaviour)")
            }
        }
        for behaviour in Behaviour.allCases {
            let changes = behaviour.changes.map(\.since)
            #expect(changes == changes.sorted() && !changes.isEmpty, "\(behaviour)")
            #expect(behaviour.changes.count == behaviour.values.count - 1, "\(behaviour)")
        }
    }
}
