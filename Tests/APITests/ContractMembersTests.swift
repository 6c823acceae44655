// Every member that openapi.yaml describes for a request is read by the code: one request at least has it and
// is accepted. That the code reads no other is held by every exchange of the service tests.

import API
import Foundation
import HTTP
import LinuxReleases
import OpenAPI
import Testing

@Suite struct ContractMembersTests {
    private typealias Asked = (operation: Operation, target: String, body: String)

    @Test func everyMemberOfARequestIsRead() throws {
        let fixture = ContractFixture()
        var described: Set<SchemaMember> = []
        var seen: Set<SchemaMember> = []
        let book = Contract.document.book
        func schema(_ operation: Operation) -> Int? {
            Contract.document.operations.first { $0.id == operation.rawValue }?
                .request?.content[MediaType.json]?.schema
        }
        for operation in Operation.allCases {
            if let schema = schema(operation) { described.formUnion(book.describedMembers(from: schema)) }
        }
        // Of several domains in one session.
        for body in Self.domains { _ = fixture.client.post("/v1/sessions/s/domains", json: body) }
        var asked = Self.decisions + Self.replays + Self.fleets + Self.platforms + Self.sessions
        asked += ExampleTests.examples.filter {
            $0.type == MediaType.json && $0.operation == "createPlatform"
        }
        .map { (.createPlatform, "/v1/platforms?id=\($0.name)", $0.body.text) }
        for (operation, target, body) in asked {
            let answer = fixture.client.ask(
                operation.method, target, Array(body.utf8), type: MediaType.json)
            #expect((200..<300).contains(answer.status), "\(target) \(body): \(answer.text)")
            guard let schema = schema(operation) else { continue }
            seen.formUnion(book.members(of: try JSONValue(parsing: body), against: schema) ?? [])
        }
        for body in Self.domains {
            guard let schema = schema(.createDomain) else { continue }
            seen.formUnion(book.members(of: try JSONValue(parsing: body), against: schema) ?? [])
        }
        // A whole session goes out and comes in again, once with a range spelled by its size.
        let state = fixture.client.get("/v1/sessions/s/state").text
        let sized = state.replacingOccurrences(of: #""last":"0x9000fff""#, with: #""size":"0x1000""#)
        let bits =
            #"{"domains":[{"id":"v","consumer":"vfio_type1","aperture_bits":40,"default_domain":"identity","#
            + #""host_facts":{"kernel_release":"6.8.1","page_size":"0x1000","group_type":"DMA","#
            + #""command_line":"a","module_parameters":"b","kernel_config":"c","boot_log":"d","#
            + #""sources":{"kernel_release":"e","command_line":"a","module_parameters":"b","kernel_config":"c","boot_log":"d"}}}]}"#
        for (number, body) in [state, sized, bits].enumerated() {
            let copy = fixture.client.post("/v1/sessions?id=copy\(number)", json: body)
            #expect(copy.status == 201, "\(copy.text)")
            guard let schema = schema(.createSession) else { continue }
            seen.formUnion(book.members(of: try JSONValue(parsing: body), against: schema) ?? [])
        }
        for member in described.subtracting(seen).sorted(by: { "\($0)" < "\($1)" }) {
            Issue.record("\(member.schema): nobody sent \(member.name)")
        }
    }

    /// What goes beside ACPI tables is a part of a form, which no schema of a body reaches.
    @Test func everyMemberOfPlatformFactsIsRead() throws {
        let facts =
            #"{"preserve_config":true,"pci_windows":[{"segment":0,"kind":"memory","bus":"0x10000000","#
            + #""cpu":"0x10000000","size":4096,"is_64bit":true,"prefetchable":true}],"#
            + #""dma_ranges":[{"segment":0,"bus":0,"cpu":0,"size":"0x100000000"}]}"#
        let table = try #require(ExampleTests.examples.first { $0.name == "acpidump" }?.body.string)
        let body = [("tables", table), ("facts", facts)].map { name, content in
            "--x\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"\(name)\"\r\n\r\n\(content)\r\n"
        }.joined()
        let answer = ContractFixture().client.ask(
            .post, "/v1/platforms?id=f", Array("\(body)--x--\r\n".utf8),
            type: "multipart/form-data; boundary=x")
        #expect(answer.status == 201 && answer.json["preserve_config"] as? Bool == true, "\(answer.text)")
        let book = Contract.document.book
        let schema = try #require(book.place(of: "/components/schemas/PlatformFacts"))
        let seen = book.members(of: try JSONValue(parsing: facts), against: schema)
        #expect(seen == book.describedMembers(from: schema))
        #expect(book.openObjects(from: schema) == [])
    }

    // MARK: Requests

    /// Every behaviour as the newest release has it.
    private static let overrides =
        "{"
        + Behaviour.allCases.map { behaviour in
            let value =
                switch KernelProfile.newest.value(of: behaviour) {
                case .flag(let flag): String(flag)
                case .word(let word): "\"\(word)\""
                case .number(let number): String(number)
                }
            return "\"\(behaviour.rawValue)\":\(value)"
        }.joined(separator: ",") + "}"

    private static let iommuRegions =
        #""iommu_regions":[{"start":0,"size":4096,"type":"msi","provenance":"p"},{"start":"0x2000","last":"0x2fff"}]"#

    private static let decisions: [Asked] = {
        let region = #"{"start":"0x8000000","size":4096,"type":"reserved","provenance":"p"}"#
        let member = #"{"reserved_regions":[\#(region)],"dma_limit":"0xffffffffffff","pci":false}"#
        let inline =
            #""reserved_regions":[{"start":0,"last":"0xfff"}],"iova_ranges":[{"start":"0x1000","last":"0xffffffffffff"}],"#
            + #""dma_limit":"0xffffffffffff","pci":true,"page_size":4096,"aperture_bits":48,"#
            + #""smmu_page_sizes":["0x1000"],"iommu":"v3",\#(iommuRegions),"default_domain":"translated","isolated_msi":true,"#
            + #""allow_unsafe_interrupts":true,"doorbells":["0x8090040"],"#
            + #""kernel":{"release":"6.8.0-124-generic","overrides":\#(overrides)},"#
            + #""group_mates":{"before":[\#(member)],"after":[\#(member)]}"#
        let user =
            #"{"kind":"user","start":"0x9000000","size":"0x100000","reading":"as_intended","attached":false,"#
            + #""driver":{"kind":"candidates","bases":["0x8000000"],"size":4096,"avoid":"everything","#
            + #""if_none":"offers_nothing"}}"#
        let dynamic = #"{"kind":"dynamic","prefer":"lowest","size":"0x100000"}"#
        let mapped =
            #""foreign_driver":false,"attached":[\#(member)],"mappings":[{"start":"0x10000000","size":4096}],"#
            + #""map_checks":[{"iova":"0x20000000","size":4096}]"#
        let automatic =
            #""attached":[],"allowed_iovas":[{"start":"0x1000","last":"0xffffffff"}],"cache_coherent":true,"#
            + #""map_checks":[{"size":4096,"user_address":"0x7f0000000000"}]"#
        let history =
            #""dma_mask":"0xffffffffffffffff","forcedac":true,"#
            + #""earlier_mappings":[{"size":4096,"dma_mask":"0xffffffff"},{"free":0}]"#
        let named = #""platform":"example-arm-juno","device":"/pcie@40000000""#
        let policies = #"["iommufd","i",{"name":"n","window_source":"none","consumer":"iommufd"}]"#
        return [
            (
                .decide, "/v1/decisions",
                "{\(inline),\(mapped),\"consumer\":\"vfio_type1\",\"window_source\":\(dynamic)}"
            ),
            (
                .decide, "/v1/decisions",
                "{\(inline),\(automatic),\"consumer\":\"iommufd\",\"window_source\":\(user)}"
            ),
            (.decide, "/v1/decisions", "{\(inline),\(history),\"consumer\":\"dma_api\"}"),
            (.decide, "/v1/decisions", "{\(named),\"consumer\":\"dma_api\"}"),
            (
                .compare, "/v1/comparisons",
                "{\(named),\"consumer\":\"vfio_type1\",\"policies\":\(policies),\"kernels\":[\"6.1\"]}"
            ),
        ]
    }()

    private static let replays: [Asked] = [
        (
            .replay, "/v1/replays",
            #"{"granule":"0x1000","start_pfn":1,"kernel":"6.1","cpus":2,"name":1,"family":1,"level":1,"#
                + #""description":1,"rcache":{"a":[1]},"uses_tick":true,"differs_on_6.1":false,"final":[],"#
                + #""expect":null,"ops":[{"op":"reserve","lo":"0x10","hi":"0x1f"},"#
                + #"{"op":"alloc","size":1,"limit":"0xfffff","aligned":true,"id":"a","expect":1},"#
                + #"{"op":"alloc_fast","size":1,"limit":"0xfffff","flush":true,"id":"b"},"#
                + #"{"op":"free_pfn","pfn":"0x1"}]}"#
        ),
        (
            .explainFaults, "/v1/fault-explanations",
            #"{"lines":["arm-smmu a.iommu: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x13, cb=1"],"#
                + #""platform":"example-arm-juno","doorbells":["0x8090040"],"#
                + #""windows":[{"start":"0x8000000","size":"0x100000"}],\#(iommuRegions)}"#
        ),
        (.explainFaults, "/v1/fault-explanations", text(of: .explainFaults)),
        (.explainMapFailures, "/v1/map-failures", text(of: .explainMapFailures)),
        (
            .explainMapFailures, "/v1/map-failures",
            #"{"lines":["VFIO_MAP_DMA: -22"],"reserved_regions":[{"start":0,"last":"0xfff"}],"#
                + #""iova_ranges":[{"start":"0x1000","last":"0xffffffffffff"}],"dma_limit":"0xffffffffffff","#
                + #""pci":true,"consumer":"vfio_type1","window_source":"fixed","kernel":"7.2","page_size":4096,"#
                + #""aperture_bits":48,"smmu_page_sizes":["0x1000"],"iommu":"v3",\#(iommuRegions),"#
                + #""isolated_msi":true,"#
                + #""allow_unsafe_interrupts":true,"mappings":[{"start":"0x10000000","size":4096}],"#
                + #""allowed_iovas":[],"attached":[{"reserved_regions":[],"dma_limit":"0xffffffff","pci":false}],"#
                + #""group_mates":{"before":[],"after":[]}}"#
        ),
        (
            .explainMapFailures, "/v1/map-failures",
            #"{"lines":["VFIO_MAP_DMA: -22"],"platform":"example-arm-juno","device":"/pcie@40000000"}"#
        ),
    ]

    private static func text(of operation: Operation) -> String {
        String(decoding: ContractFixture.good(operation).body, as: UTF8.self)
    }

    private static let fleets: [Asked] = {
        let machine =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"]}]}"#
        let reported =
            #"{"name":"h","reserved_regions":[{"start":"0x8000000","size":4096}],"aperture_bits":48,"#
                + #""kernel":"6.12","page_size":4096,"#
            + #""options":[{"device":"a","sw_msi_start":"0x9000000","sw_msi_size_mib":1}],"capabilities":["iommufd_sw_msi_options"]}"#
        let ranged = #"{"iova_ranges":[{"start":0,"last":"0xffffffffffff"}]}"#
        let named = #"{"platform":"example-arm-juno","devices":["/pcie@40000000"],\#(iommuRegions)}"#
        let window =
            #"{"size":"0x100000","alignment":"0x100000","requested":"0x9000000","movable":true,"#
            + #""msi_32bit_only":true}"#
        let vm =
            #"{"vmm":"qemu-virt","ram":"0x40000000","maxmem":"0x80000000","slots":1,"vcpus":2,"p2p":false,"#
            + #""ipa_bits":48,"highmem":true,"highmem_redists":true,"highmem_ecam":true,"highmem_mmio":true,"#
            + #""highmem_mmio_size":"0x8000000000","cxl":false,"ram_base":"0x80000000","protected":false,"#
            + #""viommu":"virtio_iommu","pinned_bars":[{"start":"0x8000000000","size":4096}]}"#
        let map =
            #"{"memory_map":[{"start":"0x40000000","size":"0x1000","kind":"ram"},{"start":0,"last":"0xfff"}]}"#
        return [
            (
                .place, "/v1/placements",
                #"{"hosts":[\#(reported),\#(ranged),\#(named)],"vm":\#(vm),"window":\#(window),"kernel":"7.2","capabilities":[],"#
                    + #""page_size":"0x1000","doorbell_count":2}"#
            ),
            (.place, "/v1/placements", #"{"hosts":[\#(named)],"vm":\#(map)}"#),
            (.createPlatform, "/v1/platforms?id=pooled", machine),
            (.putLabels, "/v1/platforms/pooled/labels", #"{"pool":"members"}"#),
            (.place, "/v1/placements", #"{"pool":"members","vm":\#(map)}"#),
            (.survey, "/v1/surveys", #"{"pool":"members"}"#),
            (
                .createAgreement, "/v1/agreements",
                #"{"id":"rich","ttl_seconds":60,"hosts":[{"reserved_regions":[]}],"vm":\#(map),"window":"#
                    + #"{"size":"0x100000","alignment":"0x100000","requested":"0x8000000","movable":true,"msi_32bit_only":false},"#
                    + #""kernel":"7.2","page_size":4096,"doorbell_count":2,"capabilities":[]}"#
            ),
            (.createAgreement, "/v1/agreements", #"{"pool":"members","vm":\#(map)}"#),
            (.addHost, "/v1/agreements/rich/hosts", #"{"host":{"name":"n","reserved_regions":[]}}"#),
            (.checkHost, "/v1/agreements/rich/checks", #"{"host":\#(named)}"#),
            (
                .patchAgreement, "/v1/agreements/rich", #"{"state":"accepted","ttl_seconds":60}"#
            ),
            (
                .survey, "/v1/surveys",
                #"{"platforms":["example-arm-juno"],"hosts":[\#(ranged)],"constants":["0x9000000"],"#
                    + #""active_only":false,"kernel":"7.2","page_size":4096,"aperture_bits":40}"#
            ),
        ]
    }()

    private static let platforms: [Asked] = {
        let windows =
            #""pci_windows":[{"kind":"memory","bus":"0x10000000","cpu":"0x10000000","size":4096,"#
            + #""is_64bit":true,"prefetchable":true}],"dma_ranges":[{"bus":0,"cpu":0,"size":"0x100000000"}]"#
        let regions =
            #""reserved_regions":[{"start":0,"last":"0xfff","type":"direct","provenance":"p"},"#
            + #"{"start":"0x2000","size":4096}]"#
        let ranges =
            #""iova_ranges":[{"start":0,"end":"0xfff"},{"start":"0x2000","last":"0x2fff"},"#
            + #"{"start":"0x4000","size":4096}],"iova_ranges_read":"after_attach""#
        let body =
            #"{"model":"m","compatible":["c"],"smmus":[{"id":"s","version":"v3","compatible":["c"],"#
            + #""registers":{"start":"0x9050000","size":4096},"enabled":true}],"msi_controllers":"#
            + #"[{"id":"i","kind":"its","compatible":["c"],"doorbell":"0x8090040","enabled":true}],"devices":"#
            + #"[{"id":"d","kind":"pci_function","compatible":["c"],"active":true,"smmus":["s"],"#
            + #""msi_controllers":["i"],"dma_limit":"0xffffffff","dma_coherent":true,\#(windows),\#(regions),"#
            + #"\#(ranges)}]}"#
        let group =
            #"{"id":"4","type":"DMA","devices":["0000:00:01.0"],"paths":["p"],"reserved_regions":"0x0 0xfff direct\n"}"#
        let collected =
            #"{"collected":{"format":1,"kernel_release":"7.2.1","page_size":4096,"device_tree":null,"#
            + #""acpi":{"IORT":null,"VIOT":null,"APIC":null,"MCFG":null},"iomem":null,"dmesg":null,"cmdline":null,"parameters":"a=b\n","#
            + #""config":"CONFIG_IOMMU_DMA=y\n","config_path":"/proc/config.gz","groups":[\#(group)],"notes":["n"]}}"#
        return [
            (.createPlatform, "/v1/platforms?id=rich", body),
            (.putPlatform, "/v1/platforms/collected-host", collected),
            (.patchPlatform, "/v1/platforms/collected-host", #"{"id":"collected-host-2"}"#),
        ]
    }()

    /// The second is described by devices of a platform, the third is iommufd's.
    private static let domains = [
        #"{"id":"rich","consumer":"dma_api","window_source":"fixed","granule":"0x1000","page_size":4096,"#
            + #""aperture":{"start":0,"last":"0xffffffffffff"},"forcedac":true,"isolated_msi":true,"iommu":"v3",\#(iommuRegions),"#
            + #""allow_unsafe_interrupts":true,"cache_coherent":true,"default_domain":"translated"}"#,
        #"{"id":"named","aperture_bits":40,"devices":[{"id":"n","platform":"example-arm-juno","#
            + #""device":"/pcie@40000000"}]}"#,
        #"{"id":"user","consumer":"iommufd","devices":[{"id":"u","description":{"reserved_regions":"#
            + #"[{"start":"0x8000000","size":"0x100000","type":"software_msi"}]}}]}"#,
    ]

    private static let sessions: [Asked] = {
        let rich = "/v1/sessions/s/domains/rich"
        let user = "/v1/sessions/s/domains/user"
        let description =
            #"{"id":"x","kind":"pci_function","dma_limit":"0xffffffff","smmus":["s"],"#
            + #""pci_windows_known":true,"inbound_windows_known":true,"preserve_config_known":true,"firmware_known":true,"#
            + #""group_mates_known":true,"group_joined":true,"reserved_regions_known":true,"#
            + #""pci_windows":[{"kind":"memory","bus":"0x10000000","cpu":"0x10000000","size":4096,"#
            + #""is_64bit":false,"prefetchable":false}],"dma_ranges":[{"bus":0,"cpu":0,"size":"0x100000000"}],"#
            + #""reserved_regions":[{"start":"0x8000000","size":4096,"type":"direct","provenance":"p"},"#
            + #"{"start":"0x8002000","last":"0x8002fff","not_applied":"host_bridge"}],"#
            + #""iova_ranges":[{"start":0,"last":"0xffffffffff"}]}"#
        let batch =
            #"{"operations":[{"op":"reserve","start":"0x11000000","size":4096,"type":"reserved","#
            + #""provenance":"p","grow":false},{"op":"reserve","start":"0x12000000","last":"0x12000fff"},"#
            + #"{"op":"allocate","size":4096,"limit":"0xffff"},{"op":"free","iova":"0xf000"},"#
            + #"{"op":"map_doorbell","physical":"0x8090040"},{"op":"trim"}]}"#
        return [
            (.createSession, "/v1/sessions", #"{"id":"t","kernel":"6.1","ttl_seconds":5}"#),
            (.patchSession, "/v1/sessions/t", #"{"ttl_seconds":6}"#),
            (
                .attachDevice, rich + "/devices",
                #"{"id":"e","platform":"p","group":"group:1","unused_host_facts":{},"description":\#(description)}"#
            ),
            (
                .reserveRange, rich + "/reserved-regions",
                #"{"start":"0x9000000","last":"0x9000fff","type":"reserved","provenance":"p","grow":true}"#
            ),
            (.reserveRange, rich + "/reserved-regions", #"{"start":"0xa000000","size":4096}"#),
            (.allocateIOVA, rich + "/iovas", #"{"size":4096,"limit":"0xffff","size_aligned":true}"#),
            (.allocateIOVA, rich + "/iovas", #"{"size":4096,"cached":true}"#),
            (.allocateIOVA, rich + "/iovas", #"{"size":4096,"dma_mask":"0xffffffff","pci":true}"#),
            (.allocateIOVA, rich + "/iovas", #"{"size":4096,"dma_mask":"0xffffffff","device":"e"}"#),
            (.allocateIOVA, user + "/iovas", #"{"size":4096,"iova":"0x10000"}"#),
            (.allocateIOVA, user + "/iovas", #"{"size":4096,"user_address":"0x7f0000000000"}"#),
            (
                .mapDoorbell, rich + "/doorbells",
                #"{"physical":"0x8091040","dma_mask":"0xffffffff","pci":true}"#
            ),
            (.mapDoorbell, rich + "/doorbells", #"{"physical":"0x8092040","device":"e"}"#),
            (.mapDoorbell, user + "/doorbells", #"{"physical":"0x8090040","device":"u"}"#),
            (.runBatch, rich + "/batches", batch),
        ]
    }()
}
