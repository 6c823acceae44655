// Placements and VMMs as a client sees them: platforms as hosts, mistakes told at once, large pools.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct PlacementServiceTests {
    let client = ServiceClient()

    @Test func catalogueIsListed() {
        let items = client.get("/v1/vmms").list("items")
        #expect(items.count == 12)
        for item in items {
            let id = item["id"] as! String
            #expect((item["versions"] as? [String])?.isEmpty == false, "\(id)")
            #expect((item["sources"] as? [String])?.isEmpty == false, "\(id)")
            let map = client.get("/v1/vmms/\(id)?ram=64G")
            #expect(map.status == 200 && map.json["outcome"] as? String == "map", "\(id)")
            #expect(client.get("/v1/vmms/\(id)").json["occupied"] == nil)
        }
        #expect(client.get("/v1/vmms/nothing").status == 404)
        let plug = client.get("/v1/vmms/qemu-virt?ram=0x80000000&maxmem=128G&slots=4")
        let region = plug.list("occupied").first { $0["name"] as? String == "DEVICE_MEMORY" }
        #expect(region?["last"] as? String == "0x213fffffff")
        // A machine before virt-7.2 asks KVM for the gap of the window that is off, too.
        for (vmm, bits) in [("qemu-virt", 39), ("qemu-virt-legacy-highmem", 40)] {
            let off = client.get("/v1/vmms/\(vmm)?ram=2G&highmem_mmio=false")
            #expect(off.json["ipa_bits_needed"] as? Int == bits)
        }
        #expect(client.get("/v1/vmms/qemu-virt-3.1?ram=512G").json["outcome"] as? String == "refused")
        let wrong = client.get("/v1/vmms/qemu-virt?ram=0&maxmem=x&slots=-1&cxl=2")
        #expect(wrong.status == 400 && wrong.pointers == ["?ram", "?maxmem", "?slots", "?cxl"])
        let more = client.get("/v1/vmms/qemu-virt?ram=1G&maxmem=x&slots=-1&cxl=2")
        #expect(Set(more.pointers) == ["?maxmem", "?slots", "?cxl"])
        let said = (more.json["errors"] as? [[String: Any]])?.compactMap { $0["detail"] as? String }
        #expect(
            said?.contains("\"x\" is not a size; send bytes like 0x40000000 or a size like 64G.") == true)
        #expect(client.get("/v1/vmms/qemu-virt?slots=1").pointers == ["?slots"])
    }

    @Test func platformsAreHosts() {
        let body = """
            {"hosts":[{"name":"juno","platform":"example-arm-juno","devices":["/pcie@40000000"]},
                      {"name":"virt","platform":"example-qemu-virt"}],
             "vm":{"vmm":"qemu-virt","ram":"0x80000000"}}
            """
        let answer = client.post("/v1/placements", json: body)
        #expect(answer.json["verdict"] as? String == "movable")
        let blockers = answer.object("default")["blockers"] as! [[String: Any]]
        #expect(blockers.map { $0["kind"] as! String } == ["dma_ranges_gap"])
        // Above the gap and its lost page, above guest RAM, below 4 GiB.
        #expect(answer.object("picks")["nearest_default"] as? String == "0xc0000000")
        let codes = answer.list("warnings").map { $0["code"] as! String }
        #expect(codes.contains("ram_unreachable"))
        #expect(
            answer.list("per_host").map { $0["verdict"] as! String } == ["movable", "default_works"])
    }

    private func place(_ regions: String, _ vm: String, _ rest: String = "") -> ServiceClient.Answer {
        client.post(
            "/v1/placements",
            json: #"{"hosts":[{"name":"a","reserved_regions":[\#(regions)]}],"vm":{\#(vm)}\#(rest)}"#)
    }

    /// kvmtool reads lines in the order of sysfs and stops in the first relaxable one, which counts still.
    @Test func kvmtoolSeesOneRelaxableLine() {
        let vm = #""vmm":"kvmtool","ram":"0x40000000""#
        let first = #"{"start":"0x9000000","size":"0x1000","type":"direct_relaxable"}"#
        let inRAM = #"{"start":"0x90000000","size":"0x1000","type":"direct_relaxable"}"#
        #expect(place(inRAM, vm).json["verdict"] as? String == "ram_unmappable")
        #expect(place("\(inRAM),\(first)", vm).json["verdict"] as? String == "default_works")
        // Touching regions of a type are one line.
        let touching = #"{"start":"0x90001000","size":"0x1000","type":"direct_relaxable"}"#
        let merged = place("\(touching),\(inRAM)", vm).list("unmappable")
        #expect(merged.map { $0["last"] as! String } == ["0x90001fff"])
    }

    /// A host is the same host by its regions and by its text: VFIO withholds regions to the byte.
    @Test func unmappableIsExactForPlatformsToo() {
        let text =
            "0x0000000008000000 0x00000000080fffff msi\n0x0000000050000800 0x00000000500017ff reserved\n"
        #expect(client.ask(.put, "/v1/platforms/a", Array(text.utf8), type: "text/plain").status / 100 == 2)
        let vm = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"},"page_size":"0x10000""#
        let byText = client.post("/v1/placements", json: #"{"hosts":[{"platform":"a"}],\#(vm)}"#)
        #expect(byText.list("unmappable").map { $0["start"] as! String } == ["0x50000800"])
        #expect(byText.list("unmappable").map { $0["last"] as! String } == ["0x500017ff"])
        #expect(byText.json["max_ram"] as? String == "0x10000800")
        let regions =
            #"{"start":"0x8000000","size":"0x100000","type":"msi"},{"start":"0x50000800","size":"0x1000"}"#
        let byRegions = client.post(
            "/v1/placements", json: #"{"hosts":[{"reserved_regions":[\#(regions)]}],\#(vm)}"#)
        #expect(byRegions.json["unmappable"] as? NSArray == byText.json["unmappable"] as? NSArray)
        #expect(byRegions.json["max_ram"] as? String == byText.json["max_ram"] as? String)
    }

    /// QEMU's page for KVM's steal time is RAM: a reservation over it stops the VM, and no window helps;
    /// without steal time the window is what it was. A VM that fails anyway fails for its own reason.
    @Test func stealTimeIsInTheVerdict() throws {
        let page = #"{"start":"0x90a0000","size":"0x1000"}"#
        let vm = #""vmm":"qemu-virt","ram":"0x40000000""#
        let placed = place(page, vm)
        #expect(placed.json["verdict"] as? String == "works_with_steal_time_off", "\(placed.text)")
        #expect(placed.json["verdict_with_steal_time_off"] as? String == "default_works")
        #expect((placed.json["because"] as? String)?.contains("works with steal time off") == true)
        let host = try #require(placed.list("per_host").first)
        #expect(host["verdict"] as? String == "works_with_steal_time_off")
        #expect(host["verdict_with_steal_time_off"] as? String == "default_works")
        let moved = place(#"\#(page),{"start":"0x8000000","size":"0x1000"}"#, vm)
        #expect(moved.json["verdict_with_steal_time_off"] as? String == "movable", "\(moved.text)")
        #expect(moved.object("iommufd_options")["needed"] as? Bool == true)
        let inRAM = place(#"\#(page),{"start":"0x50000000","size":"0x1000"}"#, vm)
        #expect(inRAM.json["verdict"] as? String == "ram_unmappable")
        #expect(inRAM.json["verdict_with_steal_time_off"] == nil)
        // The page is QEMU's.
        #expect(
            place(page, #""vmm":"kvmtool","ram":"0x40000000""#).json["verdict"] as? String == "default_works")
    }

    /// What cannot be done is not offered.
    @Test func noOptionsWhereNoneHelp() {
        let software = #"{"start":"0x8000000","size":"0x100000","type":"msi"}"#
        let hardware = #"{"start":"0x8090000","size":"0x10000","type":"msi"}"#
        let both = place("\(software),\(hardware)", #""vmm":"qemu-virt","ram":"0x40000000""#)
        #expect(both.json["verdict"] as? String == "none")
        #expect(both.json["iommufd_options"] is NSNull && both.list("per_host")[0]["start"] is NSNull)
        // Type1 cannot move the window, so another one than the default does not work either.
        let far = #"{"start":"0xc6010000","size":"0x10000","type":"msi"}"#
        let forced = place(
            "\(software),\(far)", #""vmm":"qemu-virt","ram":"0x40000000""#,
            #","window":{"requested":"0x8100000"}"#)
        #expect(forced.json["verdict"] as? String == "default_works")
        #expect(forced.object("requested")["works"] as? Bool == false)
        #expect(forced.object("iommufd_options")["sw_msi_start"] as? String == "0x8000000")
        let refused = place(software, #""vmm":"qemu-virt-3.1","ram":"0x8000000000""#)
        #expect(refused.object("default")["works"] as? Bool == false)
        #expect(refused.json["iommufd_options"] is NSNull)
        let nested = place(
            software, #""vmm":"cloud-hypervisor","ram":"0x40000000","viommu":"nested_smmuv3""#)
        #expect(nested.json["verdict"] as? String == "guest_contract_violation")
        #expect((nested.json["because"] as! String).contains("no accelerated SMMUv3"))
    }

    @Test func mistakesAreToldAtOnce() {
        let answer = client.post(
            "/v1/placements",
            json: """
                {"hosts":[{"platform":"nowhere"},{"platform":"example-arm-juno","devices":["/x"]},{},
                          {"iova_ranges":[],"devices":["a"]}],
                 "vm":{"vmm":"qemu","ram":"12X","slots":300},"window":{"alignment":"0x3"},"page_size":4096.5}
                """)
        #expect(answer.status == 422)
        #expect(
            Set(answer.pointers) == [
                "/hosts/0/platform", "/hosts/1/devices/0", "/hosts/2/platform", "/hosts/3/devices",
                "/vm/vmm", "/vm/ram", "/vm/slots", "/window/alignment", "/page_size",
            ])
        for body in [
            #"{"hosts":[],"vm":{"vmm":"crosvm","ram":1}}"#, #"{"vm":{"vmm":"crosvm","ram":1}}"#,
            #"{"hosts":[{"reserved_regions":[]}]}"#,
            #"{"hosts":[{"reserved_regions":[]}],"vm":{"vmm":"crosvm","ram":1,"memory_map":[]}}"#,
            #"{"hosts":[{"reserved_regions":[]}],"vm":{"vmm":"crosvm","ram":2,"maxmem":1}}"#,
            #"{"hosts":[{"reserved_regions":[]}],"vm":{"vmm":"crosvm","ram":"0xffffffffffffffff"}}"#,
        ] {
            #expect(client.post("/v1/placements", json: body).status == 422, "\(body)")
        }
    }

    @Test func extremesAreAnswered() {
        for window in [
            #"{"size":"0x1000000000000"}"#, #"{"alignment":"0x8000000000000000"}"#,
            #"{"requested":"0xffffffffffffffff"}"#, #"{"size":1,"alignment":1}"#,
        ] {
            let body = #"""
                {"hosts":[{"iova_ranges":[{"start":"0x0","last":"0xffffffffffffffff"}]}],
                 "vm":{"memory_map":[{"start":"0x0","last":"0xffffffffffffffff","kind":"bar_window"}],"p2p":false},
                 "window":\#(window),"page_size":"0x10000","doorbell_count":65536}
                """#
            #expect(client.post("/v1/placements", json: body).status == 200, "\(window)")
        }
        let refused = client.post(
            "/v1/placements",
            json: #"{"hosts":[{"reserved_regions":[]}],"vm":{"vmm":"qemu-virt-3.1","ram":"0x8000000000"}}"#)
        #expect(refused.json["verdict"] as? String == "none")
        #expect(refused.json["max_ram"] as? String == "0x3fc0000000")
    }

    /// A thousand hosts that differ, and a fourth of them, so that quadratic work would show.
    @Test func aThousandHosts() {
        Growth.expectLinear(from: 250, "hosts of one placement") { count in
            let hosts = (0..<count).map { index in
                let start = 0x900_0000 + UInt64(index) * 0x1_0000
                return
                    #"{"name":"h\#(index)","reserved_regions":[{"start":"0x8000000","size":"0x100000","type":"msi"},"#
                    + #"{"start":\#(start),"size":4096,"type":"reserved"}],"iova_ranges":[{"start":0,"last":134217727},"#
                    + #"{"start":135266304,"last":281474976710655}]}"#
            }
            let answer = client.post(
                "/v1/placements",
                json:
                    #"{"hosts":[\#(hosts.joined(separator: ","))],"vm":{"vmm":"crosvm","ram":"0x1000000000"}}"#
            )
            #expect(answer.list("per_host").count == count)
            #expect(answer.json["verdict"] as? String == "default_works")
            // The reserved pages are 64 KiB apart: no 1 MiB window fits between them.
            #expect(answer.list("candidates").first?["last"] as? String == "0x8ffffff")
        }
    }

    /// A caller's map of `count` RAM ranges, 2 MiB in every 4 MiB.
    private func memoryMap(_ count: Int) -> String {
        let entries = (0..<count).map {
            #"{"start":\#($0 * 0x40_0000),"size":2097152,"kind":"ram"}"#
        }
        return #""vm":{"memory_map":[\#(entries.joined(separator: ","))]}"#
    }

    /// 10,000 kinds of host times 4,096 ranges once took minutes and gigabytes.
    @Test func hostsTimesRangesOfTheGuestAreBounded() {
        let hosts = (0..<1_000).map { #"{"name":"h\#($0)","reserved_regions":[]}"# }
        let answer = client.post(
            "/v1/placements", json: #"{"hosts":[\#(hosts.joined(separator: ","))],\#(memoryMap(4_096))}"#)
        #expect(answer.status == 422)
        let errors = answer.list("errors")
        #expect(errors.first?["code"] as? String == "too-many")
        // 4,096 ranges of RAM, that are occupied too: 2,000,000 are passed at host 244.
        #expect(errors.first?["pointer"] as? String == "/hosts/\(Limits.placementObstaclesMax / 8_192)")
        #expect(answer.text.utf8.count < 100_000)
    }

    /// Thousands of BAR windows over a host with thousands of holes: each looks for its first hole only.
    @Test func barWindowsOverManyHoles() {
        Growth.expectLinear(from: 512, "BAR windows over twice as many holes") { count in
            let ranges = (0..<2 * count).map { #"{"start":\#($0 << 16),"size":4096}"# }
            let windows = (0..<count).map {
                #"{"start":\#($0 << 12),"last":1099511627775,"kind":"bar_window"}"#
            }
            let answer = client.post(
                "/v1/placements",
                json: #"{"hosts":[{"iova_ranges":[\#(ranges.joined(separator: ","))]}],"#
                    + #""vm":{"memory_map":[\#(windows.joined(separator: ","))]}}"#)
            let holes = answer.list("warnings").filter { $0["code"] as? String == "bar_outside_mappable" }
            #expect(holes.count == count)
            #expect((holes.first?["range"] as? [String: Any])?["start"] as? String == "0x1000")
            #expect((holes.first?["range"] as? [String: Any])?["last"] as? String == "0xffff")
            let last = (count - 1) << 12
            #expect(
                (holes.last?["range"] as? [String: Any])?["start"] as? String
                    == "0x" + String(last % 0x1_0000 == 0 ? last + 0x1000 : last, radix: 16))
        }
    }

    /// Hosts that share a platform share the work; what each lists is bounded by what all list.
    @Test func unmappableRangesOfLargePoolsAreCounted() {
        func perHost(_ count: Int) -> (status: Int, hosts: [[String: Any]], total: Int) {
            let host = #"{"platform":"example-arm-juno","aperture_bits":30}"#
            let hosts = Array(repeating: host, count: count).joined(separator: ",")
            let answer = client.post("/v1/placements", json: #"{"hosts":[\#(hosts)],\#(memoryMap(512))}"#)
            return (answer.status, answer.list("per_host"), answer.list("unmappable").count)
        }
        // 512 ranges in 2 GiB, of which 1 GiB is translated: half of them do not map.
        let one = perHost(1)
        #expect(one.status == 200 && one.total == 256)
        #expect((one.hosts[0]["unmappable"] as? [Any])?.count == 256)
        #expect(one.hosts[0]["unmappable_dropped"] == nil)
        let many = perHost(1_024)
        #expect(many.status == 200 && many.total == 256)
        #expect(many.hosts.allSatisfy { ($0["unmappable"] as? [Any])?.count == 64 })
        #expect(many.hosts.allSatisfy { $0["unmappable_dropped"] as? Int == 192 })
    }
}
