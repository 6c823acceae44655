// Of a kernel that was named, what the answer for it leaves open.

import LinuxReleases
import MSIWindows
import Testing

@Suite struct KernelDoubtTests {
    private func profile(_ text: String, _ overrides: [Behaviour: Behaviour.Value] = [:]) throws
        -> KernelProfile
    {
        var profile = try #require(KernelProfile(releaseString: text))
        for (behaviour, value) in overrides {
            let isTaken = profile.override(behaviour, with: value)
            #expect(isTaken, "\(behaviour)")
        }
        return profile
    }

    /// A release that another stands for closes no gap: 5.11 to 5.14 are as open as 5.15.
    @Test(arguments: ["5.11.0-49-generic", "5.13.0-52-generic", "5.14.0", "5.15.0-97-generic"])
    func aGapReachesToTheNextModelledRelease(text: String) throws {
        let uncertain = try profile(text).uncertain
        #expect(try uncertain == profile("5.15").uncertain)
        #expect(uncertain?.contains(.iortRMR) == true && uncertain?.contains(.notViableGroup) == true)
        #expect(try profile(text).remark?.contains("that of 5.10") == true)
    }

    /// Where nothing is known to have changed, the answer is that of another release all the same.
    @Test(arguments: ["6.19", "6.19.2-arm64", "7.0.0-1-generic", "7.1"])
    func aReleaseThatIsNotModelledIsSaidWithoutADifference(text: String) throws {
        #expect(try profile(text).uncertain == [])
        let remark = try #require(try profile(text).remark)
        for words in [text, "not modelled", "that of 6.18", "between 6.18 and 7.2"] {
            #expect(remark.contains(words), "\(remark)")
        }
    }

    @Test(arguments: [
        ("6.12.0-160000.5-default", "enterprise"), ("5.14.21-150500.55.136-64kb", "enterprise"),
        ("6.4.0-150600.23.17-default", "SUSE"), ("5.10.0-153.12.0.92.oe2203sp2.aarch64", "openEuler"),
        ("6.6.0-28.0.0.34.oe2403.aarch64", "openEuler"), ("5.10.134-16.3.an8.aarch64", "Anolis"),
        ("6.1.102-108.177.amzn2023.aarch64", "Amazon"), ("5.10.216-tegra", "NVIDIA"),
        ("6.8.12-tegra", "NVIDIA"), ("6.1.75-android14-11-gdeadbeef", "Android"),
        ("6.8.0-1015-nvidia-lowlatency", "NVIDIA"), ("5.15.0-206.153.7.el8uek.aarch64", "enterprise"),
    ])
    func makersThatTakeOverChangesAreKnown(text: String, maker: String) throws {
        let remark = try #require(try profile(text).remark, "\(text)")
        #expect(remark.contains(maker) && remark.contains("takes over later changes"), "\(remark)")
        #expect(try profile(text).uncertain?.contains(.iommufdOwnMSIMap) == true)
    }

    /// A mark is a word of its own, and of the release only.
    @Test(arguments: [
        "6.8.0-124-generic", "5.10.0-160-generic", "6.12.0-061200-generic", "6.12.9-channel9", "6.1.0-elan",
        "Linux nvidia 6.8.0-124-generic #1 SMP",
    ])
    func otherBuildsAreExact(text: String) throws {
        #expect(try profile(text).remark == nil)
    }

    /// What a request states does not differ, the same as the release or otherwise.
    @Test func whatIsOverriddenIsNotInDoubt() throws {
        let all = try #require(try profile("5.15").uncertain)
        for flag in [false, true] {
            let one = try profile("5.15", [.iortRMR: .flag(flag)])
            #expect(one.uncertain == all.filter { $0 != .iortRMR } && one.overrides == [.iortRMR])
            #expect(one.remark?.contains("iort_rmr") == false && one.remark?.contains("forcedac") == true)
        }
        var every = try profile("5.15")
        for behaviour in all {
            let isTaken = every.override(behaviour, with: behaviour.values[0])
            #expect(isTaken)
        }
        #expect(every.uncertain == nil && every.remark == nil && every.overrides == all)
        // A newer kernel stays unknown.
        #expect(try profile("9.1", [.iommufd: .flag(true)]).remark != nil)
    }

    /// What came with a known release is there in every later one, whoever built it; what did not may be, and
    /// what was only seen first in a release may have come before.
    @Test func whatHasComeIsThere() throws {
        for (text, has, lacks) in [
            ("6.0.9", [.iortRMR], [.iommufd, .secondSearchPass]),
            ("6.1.99", [.secondSearchPass], [.iommufd]),
            ("6.2.0-39-generic", [.iommufd], [.dtIOMMUAddresses, .refusesBlockingDirect]),
            (
                "6.4.0-150600.23.17-default", [.iommufd, .dtIOMMUAddresses, .remembersFailureBelow4G],
                [.depot]
            ),
            ("6.5.0-45-generic", [.iommufd, .isolationPerGroup], [.refusesBlockingDirect]),
            ("6.7", [.depot], [.iommufdOwnMSIMap]),
            ("6.14.0-37-generic", [.iommufd], [.iommufdOwnMSIMap, .groupOrder]),
            ("6.15.3", [.iommufdOwnMSIMap, .noCookieRefused], [.groupOrder, .mapOverflowErrno]),
            ("6.17.0-8-generic", [.iommufdOwnMSIMap], [.iommufdNoIOMMU]),
        ] as [(String, [Behaviour], [Behaviour])] {
            let profile = try profile(text)
            for behaviour in has {
                #expect(profile.value(of: behaviour) == behaviour.values[1], "\(text) \(behaviour)")
                #expect(!profile.isInDoubt(behaviour), "\(text) \(behaviour)")
            }
            for behaviour in lacks {
                #expect(profile.value(of: behaviour) == behaviour.values[0], "\(text) \(behaviour)")
            }
            #expect(profile.overrides.isEmpty && profile.name == text, "\(text)")
        }
        let remark = try #require(try profile("6.5.0-45-generic").remark)
        #expect(remark.contains("that of 6.1,") && remark.contains("with what came by then: "), "\(remark)")
        #expect(remark.contains("differ: refuses_blocking_direct."), "\(remark)")
        // Caches know it by what it does, and do not take it for the release.
        let one = try profile("6.5.0-45-generic")
        #expect(one.unstated != KernelProfile(.v6_1) && one.unstated.hasIOMMUFD)
        #expect(one.unstated.doer(of: .iommufd) == "this kernel")
        #expect(one.doer(of: .iommufd) == "Linux 6.5.0-45-generic")
    }

    /// That the release which answers has no iommufd says nothing certain of one that came with it.
    @Test func iommufdIsDeniedOnlyWhereThatIsKnown() throws {
        func because(_ kernel: KernelProfile) -> String {
            Worked.ask(.iommufd, Worked.pci(), .fixed, Conditions(kernel: kernel)).because
        }
        let fact = "has no iommufd: /dev/iommu does not exist"
        for text in ["6.1.0-39-tegra", "5.14.0-570.el9.aarch64"] {
            let because = because(try profile(text))
            #expect(!because.contains(fact) && because.contains("\(text) has it is not known"), "\(because)")
        }
        for text in ["6.2", "6.2.0-39-generic", "6.5.0-45-generic", "6.4.0-150600.23.17-default"] {
            #expect(try !because(profile(text)).contains("iommufd has"), "\(text)")
            #expect(try !because(profile(text)).contains(fact), "\(text)")
        }
        #expect(try because(profile("6.5.0-45", [.iommufd: .flag(false)])).contains("This kernel \(fact)"))
        for kernel in try [profile("6.1"), profile("5.15")] {
            #expect(because(kernel).contains("\(kernel.name) \(fact)"), "\(because(kernel))")
        }
    }
}
