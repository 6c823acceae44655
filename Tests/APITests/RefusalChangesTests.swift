// What a caller could change where Linux refuses: every refusal that an act helps against says the act, in
// decisions and in comparisons, and doing it helps.

import TestSupport
import Testing

@Suite struct RefusalChangesTests {
    private static let tree = #""platform":"example-arm-juno","device":"/pcie@40000000""#

    struct Refused: Sendable, CustomTestStringConvertible {
        var consumer: String
        /// Of the question that is refused.
        var members: String
        /// A part of the act.
        var act: String
        /// Of the question once the act is done, with its consumer.
        var helped: String
        var testDescription: String { "\(consumer) \(act)" }
    }

    static let region = #""reserved_regions":[{"start":"0x20000000","size":"0x1000","type":"direct"}]"#
    static let mapped = #""mappings":[{"start":"0x8000000","size":"0x1000"}]"#
    static let inline = #""reserved_regions":[]"#
    static let both = #""reserved_regions":[{"start":"0xc6010000","size":"0x10000","type":"msi"}]"#

    static let refusals: [Refused] = [
        .init(
            consumer: "vfio_type1",
            members: #"\#(inline),"isolated_msi":false,"allow_unsafe_interrupts":false"#,
            act: "allow_unsafe_interrupts=1",
            helped: #""consumer":"vfio_type1",\#(inline),"isolated_msi":false,"allow_unsafe_interrupts":true"#
        ),
        .init(
            consumer: "iommufd", members: #"\#(inline),"isolated_msi":false,"allow_unsafe_interrupts":false"#,
            act: "interrupt remapping", helped: #""consumer":"iommufd",\#(inline),"isolated_msi":true"#),
        .init(
            consumer: "vfio_type1", members: region, act: "drop the region",
            helped: #""consumer":"vfio_type1",\#(inline)"#),
        .init(
            consumer: "vfio_type1", members: #"\#(inline),"foreign_driver":true"#, act: "to vfio-pci",
            helped: #""consumer":"vfio_type1",\#(inline)"#),
        .init(
            consumer: "vfio_type1", members: #"\#(inline),"default_domain":"no_group""#,
            act: "Have firmware describe the IOMMU", helped: #""consumer":"vfio_type1",\#(inline)"#),
        .init(
            consumer: "vfio_type1", members: "\(inline),\(mapped)", act: "Leave 0x8000000...0x80fffff out",
            helped: #""consumer":"vfio_type1",\#(inline)"#),
        .init(
            consumer: "iommufd", members: "\(inline),\(mapped)", act: "iovad place",
            helped: #""consumer":"iommufd",\#(inline)"#),
        .init(
            consumer: "iommufd", members: #"\#(inline),"kernel":"5.10""#, act: "Linux 6.2 or later",
            helped: #""consumer":"iommufd",\#(inline),"kernel":"6.8""#),
        .init(
            consumer: "iommufd", members: #"\#(inline),"cache_coherent":false"#, act: "Use VFIO type1",
            helped: #""consumer":"vfio_type1",\#(inline)"#),
        .init(
            consumer: "iommufd", members: #"\#(both),"iommu":"v3","kernel":"6.12""#, act: "Use VFIO type1",
            helped: #""consumer":"vfio_type1",\#(both),"iommu":"v3","kernel":"6.12""#),
        .init(
            consumer: "iommufd", members: #"\#(inline),"smmu_page_sizes":[65536]"#, act: "at least 0x10000",
            helped: #""consumer":"iommufd",\#(inline),"smmu_page_sizes":[65536],"page_size":65536"#),
        .init(
            consumer: "vfio_type1",
            members: #"\#(inline),"aperture_bits":32,"mappings":[{"start":"0x100000000","size":"0x1000"}]"#,
            act: "Map only what the group's IOMMU translates",
            helped: #""consumer":"vfio_type1",\#(inline),"aperture_bits":32"#),
    ]

    @Test(arguments: refusals) func theActIsSaidAndHelps(refused: Refused) throws {
        let client = ServiceClient()
        let answer = client.decide(#"{"consumer":"\#(refused.consumer)",\#(refused.members)}"#)
        #expect(answer.json["outcome"] as? String == "refused", "\(answer.text)")
        let changes = try #require(answer.json["changes"] as? [String], "\(answer.text)")
        #expect(changes.contains { $0.contains(refused.act) }, "\(changes)")
        let helped = client.decide("{\(refused.helped)}")
        #expect(helped.status == 200 && helped.json["outcome"] as? String != "refused", "\(helped.text)")
        // A comparison says the same.
        var members = refused.members
        let kernels = [
            #","kernel":"5.10""#: #","kernels":["5.10"]"#, #","kernel":"6.12""#: #","kernels":["6.12"]"#,
        ]
        for (one, several) in kernels { members = members.replacing(one, with: several) }
        let compared = client.post(
            "/v1/comparisons",
            json: #"{\#(members),"policies":[{"window_source":"fixed","consumer":"\#(refused.consumer)"}]}"#)
        #expect(compared.list("items").first?["changes"] as? [String] == changes, "\(compared.text)")
    }

    /// Another base that is named is free.
    @Test func basesThatAreNamedAreFree() throws {
        let client = ServiceClient()
        let regions = #""reserved_regions":[{"start":"0x8000000","size":"0x100000","type":"reserved"}]"#
        func decide(_ base: String) -> ServiceClient.Answer {
            let source = #"{"kind":"user","start":"\#(base)"}"#
            return client.decide(#"{"consumer":"iommufd",\#(regions),"window_source":\#(source)}"#)
        }
        let refused = decide("0x8000000")
        #expect(refused.json["outcome"] as? String == "refused", "\(refused.text)")
        let changes = try #require(refused.json["changes"] as? [String], "\(refused.text)")
        #expect(changes.first?.hasPrefix("Set another base, which is free: 0x") == true, "\(changes)")
        let base = changes.first?.split(separator: " ").first { $0.hasPrefix("0x") }
        let moved = decide(String(try #require(base)))
        #expect(moved.json["outcome"] as? String == "window", "\(moved.text)")
    }

    /// Nothing is said where no act is known to help.
    @Test func noActIsInvented() {
        let regions = #""reserved_regions":[{"start":"0x0","size":"0x1000000000000","type":"reserved"}]"#
        let answer = ServiceClient().decide(#"{"consumer":"vfio_type1",\#(regions)}"#)
        #expect(answer.json["outcome"] as? String == "refused", "\(answer.text)")
        #expect(answer.json["changes"] == nil, "\(answer.text)")
    }
}
