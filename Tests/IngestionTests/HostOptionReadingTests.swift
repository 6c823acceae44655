// Words of command lines and configurations: cut at every byte they give nothing but words that are taken,
// and flags are what the kernel takes for flags.

import Ingestion
import Machines
import Testing

@Suite struct HostOptionReadingTests {
    private static let line = Array(
        #"quiet iommu.passthrough=1 a="iommu.strict=0 b" vfio-pci.ids=1:2 pci=noaer "arm-smmu.x=1" -- pci=z"#
            .utf8)
    private static let config = Array("CONFIG_NET=y\nCONFIG_VFIO=m\n# CONFIG_VFIO_PCI is not set\n".utf8)

    private static func lines(_ text: [UInt8]) -> [String] {
        text.split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func cutAnywhere() {
        let whole = Self.lines(HostOptions.words(of: Self.line).text)
        #expect(whole == ["iommu.passthrough=1", "vfio-pci.ids=1:2", "pci=noaer", "arm-smmu.x=1"])
        for end in 0...Self.line.count {
            let found = Self.lines(HostOptions.words(of: Array(Self.line[..<end])).text)
            for (word, expected) in zip(found, whole) { #expect(expected.hasPrefix(word), "\(end)") }
            #expect(found.count <= whole.count, "\(end): \(found)")
        }
        for end in 0...Self.config.count {
            let found = Self.lines(HostOptions.config(of: Array(Self.config[..<end])).text)
            #expect(found.allSatisfy { "CONFIG_VFIO=m".hasPrefix($0) } && found.count <= 1, "\(end)")
        }
    }

    @Test(
        arguments: [
            ("1", true), ("y", true), ("Y", true), ("true", true), ("on", true), ("ON", true), ("0", false),
            ("n", false), ("off", false), ("oFf", false), ("F", false), ("o", nil), ("", nil), ("2", nil),
            ("maybe", nil),
        ] as [(String, Bool?)])
    func flags(text: String, value: Bool?) {
        var host = RunningHost()
        host.options = [HostOption(.commandLine, place: "/proc/cmdline", word: "iommu.passthrough=\(text)")]
        #expect(host.passesThrough?.value == value)
        // What is no flag leaves the one before it.
        host.options.insert(
            HostOption(.commandLine, place: "/proc/cmdline", word: "iommu.passthrough=1"), at: 0)
        #expect(host.passesThrough?.value == (value ?? true))
    }

    /// A dash in a name is an underscore; a parameter of a module may stand alone, an early one may not.
    @Test func names() {
        func option(_ word: String) -> HostOption { HostOption(.commandLine, place: "p", word: word) }
        var host = RunningHost()
        host.options = [option("vfio-iommu-type1.allow_unsafe-interrupts"), option("iommu.forcedac")]
        #expect(host.allowsUnsafeInterrupts("vfio_iommu_type1")?.value == true)
        #expect(host.allowsUnsafeInterrupts("iommufd") == nil && host.forcesDAC == nil)
        #expect(host.idleOptions.isEmpty)
        host.options = [option("arm-smmu.disable_bypass=0")]
        #expect(host.idleOptions.map(\.word) == ["arm-smmu.disable_bypass=0"])
    }
}
