// Lists of x86 hosts: no entrance answers them as those of Arm SMMUs. The interrupt hardware takes MSIs
// there, and there is no window; who says that an SMMU's driver is meant gets its answer.

import HTTP
import TestSupport
import Testing

@Suite struct X86HostTests {
    private static let lists = """
        ==> /sys/kernel/iommu_groups/7/reserved_regions <==
        0x00000000fee00000 0x00000000feefffff msi
        0x000000fd00000000 0x000000ffffffffff reserved

        """
    private static let named = #""platform":"x","device":"group:7""#
    private static let inline =
        #""reserved_regions":[{"start":"0xfee00000","last":"0xfeefffff","type":"msi"}]"#
    private static let vm = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"}"#

    private func client() -> ServiceClient {
        let client = ServiceClient()
        let upload = client.ask(.post, "/v1/platforms?id=x", Array(Self.lists.utf8), type: "text/plain")
        #expect(upload.status == 201, "\(upload.text)")
        #expect(upload.list("findings").contains { $0["code"] as? String == "x86-host" }, "\(upload.text)")
        return client
    }

    private func codes(_ answer: [String: Any]) -> [String] {
        (answer["warnings"] as? [[String: Any]] ?? []).compactMap { $0["code"] as? String }
    }

    @Test(arguments: ["dma_api", "vfio_type1", "iommufd"]) func decisionsHaveNoWindow(consumer: String) {
        let client = client()
        for subject in [Self.named, Self.inline] {
            for members in [
                subject, #"\#(subject),"kernel":"6.1""#, #"\#(subject),"doorbells":["0xfee00000"]"#,
            ] {
                let absent = consumer == "iommufd" && members.contains("6.1")
                let answer = client.decide(#"{"consumer":"\#(consumer)",\#(members)}"#)
                #expect(
                    answer.json["outcome"] as? String == (absent ? "refused" : "hardware"), "\(answer.text)")
                guard !absent else { continue }
                #expect(answer.json["window"] == nil && answer.json["errno"] == nil, "\(answer.text)")
                #expect(answer.json["reachable"] as? Bool == true && codes(answer.json) == ["x86_host"])
                #expect((answer.json["because"] as? String)?.contains("no software window") == true)
                #expect(!answer.text.contains("virtio-iommu reports the MSI region"), "\(answer.text)")
            }
            // The caller's word counts more than the list.
            let arm = client.decide(#"{"consumer":"\#(consumer)",\#(subject),"iommu":"v3"}"#)
            #expect(!codes(arm.json).contains("x86_host"), "\(arm.text)")
        }
        let compared = client.post("/v1/comparisons", json: "{\(Self.named),\"kernels\":[\"7.3\",\"6.12\"]}")
        for item in compared.list("items") {
            #expect(item["outcome"] as? String == "hardware" && codes(item) == ["x86_host"], "\(item)")
        }
    }

    @Test func everyEntranceSaysIt() {
        let client = client()
        for host in [#"{"platform":"x"}"#, "{\(Self.inline)}"] {
            let placed = client.post("/v1/placements", json: #"{"hosts":[\#(host)],\#(Self.vm)}"#)
            #expect(codes(placed.json).contains("x86_host"), "\(placed.text)")
            let surveyed = client.post("/v1/surveys", json: #"{"hosts":[\#(host)]}"#)
            #expect(codes(surveyed.json) == ["x86_host"], "\(surveyed.text)")
        }
        let failed = client.post(
            "/v1/map-failures",
            json: #"{"text":"vfio_dma_map(0x1, 0xfee00000, 0x1000, 0x7000) = -22",\#(Self.named)}"#)
        #expect(codes(failed.json) == ["x86_host"], "\(failed.text)")
        #expect(failed.list("items").first?["verdict"] as? String == "reserved_region", "\(failed.text)")
        let fault = "arm-smmu a.iommu: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x13, cb=1"
        let explained = client.post(
            "/v1/fault-explanations", json: #"{"platform":"x","text":"\#(fault)"}"#)
        #expect(explained.list("items").map { codes($0) } == [["x86_host"]], "\(explained.text)")
        let trace = "a-1 [0] .... 1.0: map: IOMMU: iova=0xfffff000 - 0x100000000 paddr=0x8090000 size=4096\n"
        let replayed = client.ask(
            .post, "/v1/replays?platform=x&device=group:7", Array(trace.utf8), type: "text/plain")
        #expect(
            replayed.list("findings").contains { $0["code"] as? String == "x86-host" }, "\(replayed.text)")
        _ = client.post("/v1/sessions", json: #"{"id":"s"}"#)
        let made = client.post(
            "/v1/sessions/s/domains", json: #"{"consumer":"vfio_type1","devices":[{\#(Self.named)}]}"#)
        #expect(made.status == 201 && made.json["window"] == nil, "\(made.text)")
        #expect(codes(made.json) == ["x86_host"], "\(made.text)")
    }

    /// crosvm's virtio-iommu reports the region to guests on arm64 too: a described IOMMU is not x86's.
    @Test func guestsOnArmAreNot() {
        let client = ServiceClient()
        let machine =
            #"{"smmus":[{"id":"v","version":"virtio"}],"devices":[{"id":"d","kind":"pci_function","smmus":["v"],"#
            + #"\#(Self.inline)}]}"#
        #expect(client.post("/v1/platforms?id=g", json: machine).status == 201)
        let answer = client.decide(
            #"{"platform":"g","device":"d","consumer":"dma_api","doorbells":["0x8090040"]}"#)
        #expect(!codes(answer.json).contains("x86_host"), "\(answer.text)")
    }

    private static let log = """
        [    0.000000] Linux version 6.1.0-18-generic (b@c) (x86_64-linux-gnu-gcc-12 (D) 12.2.0) #1 SMP
        [    0.010000] DMAR: IOMMU enabled
        [    0.500000] PCI host bridge to bus 0000:00
        [    0.600000] pci 0000:00:02.0: Adding to iommu group 3

        """

    /// A log, or the kernel's name, tells without a list.
    @Test(arguments: ["dma_api", "vfio_type1", "iommufd"]) func logsAndNamesTell(consumer: String) {
        let amd = Self.log.replacing("DMAR: IOMMU enabled", with: "AMD-Vi: Interrupt remapping enabled")
            .replacing("(x86_64-linux-gnu-gcc-12 (D) 12.2.0)", with: "(gcc 12)")
        let named = amd.replacing("AMD-Vi: Interrupt remapping enabled", with: "-").replacing(
            "generic", with: "amd64")
        for log in [Self.log, amd, named] {
            let client = ServiceClient()
            let upload = client.ask(.put, "/v1/platforms/x", Array(log.utf8), type: "text/plain")
            #expect(
                upload.list("findings").contains { $0["code"] as? String == "x86-host" }, "\(upload.text)")
            for device in ["0000:00:02.0", "rc:0"] {
                let answer = client.decide(
                    #"{"platform":"x","device":"\#(device)","consumer":"\#(consumer)","kernel":"6.12"}"#)
                #expect(answer.json["outcome"] as? String == "hardware", "\(log): \(answer.text)")
                #expect(codes(answer.json) == ["x86_host"] && answer.json["window"] == nil, "\(answer.text)")
                let view = client.get("/v1/platforms/x/available-windows?device=\(device)")
                #expect(view.json["x86_host"] is String, "\(view.text)")
            }
        }
    }

    @Test func identityGroupsSayItToo() {
        let client = client()
        let answer = client.decide(#"{\#(Self.named),"consumer":"dma_api","default_domain":"identity"}"#)
        #expect(
            answer.json["outcome"] as? String == "identity" && codes(answer.json) == ["x86_host"],
            "\(answer.text)")
    }

    /// A virtio-iommu that reports that region on a host that is known to be Arm's.
    @Test(arguments: ["6.12.9-arm64", "6.12.9"]) func armHostsAreNot(release: String) {
        let client = ServiceClient()
        let region = "0x00000000fee00000 0x00000000feefffff msi"
        let host =
            #"{"collected":{"format":1,"kernel_release":"\#(release)","groups":[{"id":"0","type":"DMA","#
            + #""devices":["0000:00:01.0"],"reserved_regions":"\#(region)\n"}]}}"#
        let stored = client.ask(.put, "/v1/platforms/a", Array(host.utf8), type: "application/json")
        let isOpen = release == "6.12.9"
        #expect(
            stored.list("findings").contains { $0["code"] as? String == "x86-host" } == isOpen,
            "\(stored.text)")
        let answer = client.decide(#"{"platform":"a","device":"0000:00:01.0","consumer":"dma_api"}"#)
        #expect(answer.json["outcome"] as? String == "hardware", "\(answer.text)")
        #expect(codes(answer.json) == [isOpen ? "x86_host" : "doorbell_unknown"], "\(answer.text)")
        // Where nothing tells, both are said.
        #expect(!isOpen || answer.text.contains("guest on arm64"), "\(answer.text)")
    }

    /// Two machines' words in one description, and a build for x86 that a request names for another host.
    @Test func wordsOfTwoMachines() {
        let smmu = "[    0.020000] arm-smmu-v3 arm-smmu-v3.0.auto: ias 44-bit, oas 44-bit (features 0x0)\n"
        let tree = DeviceTreeBuilder.board { $0.pciHost("pcie@40000000") }
        let host =
            #"{"collected":{"format":1,"kernel_release":"6.1.0-18-amd64","groups":[],"#
            + #""device_tree":"\#(tree.hexDigits)"}}"#
        for (body, type, isFound) in [
            (Self.log, "text/plain", false), (Self.log + smmu, "text/plain", true),
            (Self.log.replacing("6.1.0-18-generic", with: "6.1.0-18-arm64"), "text/plain", true),
            (host, "application/json", true),
            (host.replacing("amd64", with: "arm64"), "application/json", false),
        ] {
            let stored = ServiceClient().ask(.put, "/v1/platforms/x", Array(body.utf8), type: type)
            let found = stored.list("findings").filter { $0["code"] as? String == "processor-contradicts" }
            #expect(found.count == (isFound ? 1 : 0), "\(body): \(stored.text)")
        }
    }

    @Test func buildsForX86OfOtherHosts() {
        let code = "kernel_not_modelled_exactly"
        let client = client()
        let kernel = #""kernel":"6.12.0-1-amd64""#
        let arm = #""reserved_regions":[{"start":"0x8000000","last":"0x80fffff","type":"software_msi"}]"#
        for (subject, host, isTold) in [(arm, arm, true), (Self.inline, Self.inline, false)] {
            let decided = client.decide(#"{\#(subject),"consumer":"vfio_type1",\#(kernel)}"#)
            #expect(codes(decided.json).contains(code) == isTold, "\(decided.text)")
            #expect((decided.object("model")["remark"] != nil) == isTold, "\(decided.text)")
            let placed = client.post(
                "/v1/placements", json: #"{"hosts":[{\#(host)}],\#(Self.vm),\#(kernel)}"#)
            #expect(codes(placed.json).contains(code) == isTold, "\(placed.text)")
            #expect((placed.object("model")["remark"] != nil) == isTold, "\(placed.text)")
            let compared = client.post(
                "/v1/comparisons", json: #"{\#(subject),"kernels":["6.12.0-1-amd64","6.12"]}"#)
            #expect(
                compared.list("items").map { codes($0).contains(code) }.contains(true) == isTold,
                "\(compared.text)")
            #expect(compared.text.contains("that are no x86 hosts") == isTold, "\(compared.text)")
        }
        let juno = #""platform":"example-arm-juno""#
        let surveyed = client.post(
            "/v1/surveys", json: #"{"platforms":["example-arm-juno"],"active_only":false,\#(kernel)}"#)
        #expect(surveyed.status == 200 && codes(surveyed.json).contains(code), "\(surveyed.text)")
        let placed = client.post("/v1/placements", json: #"{"hosts":[{\#(juno)}],\#(Self.vm),\#(kernel)}"#)
        #expect(placed.text.contains("6.12.0-1-amd64 is a build for x86"), "\(placed.text)")
        _ = client.post("/v1/sessions", json: #"{"id":"k",\#(kernel)}"#)
        let made = client.post(
            "/v1/sessions/k/domains",
            json: #"{"consumer":"vfio_type1","devices":[{\#(juno),"device":"/pcie@40000000"}]}"#)
        #expect(codes(made.json).contains(code), "\(made.text)")
    }

    /// A list that no x86 host prints, under the name of a kernel for x86: the list counts everywhere.
    @Test func listsThatContradictTheKernel() throws {
        let client = ServiceClient()
        let list = "0x0000000008000000 0x00000000080fffff msi"
        let host =
            #"{"collected":{"format":1,"kernel_release":"6.1.0-18-amd64","groups":[{"id":"1","type":"DMA","#
            + #""devices":["0000:00:02.0"],"reserved_regions":"\#(list)\n"}]}}"#
        let stored = client.ask(.put, "/v1/platforms/c", Array(host.utf8), type: "application/json")
        let findings = stored.list("findings").compactMap { $0["code"] as? String }
        #expect(
            findings.contains("processor-contradicts") && !findings.contains("x86-host"), "\(stored.text)")
        for device in ["0000:00:02.0", "group:1"] {
            for consumer in ["dma_api", "vfio_type1", "iommufd"] {
                let answer = client.decide(
                    #"{"platform":"c","device":"\#(device)","consumer":"\#(consumer)","kernel":"6.12"}"#)
                #expect(answer.json["outcome"] as? String == "window", "\(answer.text)")
                #expect(!codes(answer.json).contains("x86_host"), "\(answer.text)")
            }
            let view = client.get("/v1/platforms/c/available-windows?device=\(device)")
            #expect(view.json["x86_host"] == nil, "\(view.text)")
        }
        let placed = client.post(
            "/v1/placements", json: #"{"hosts":[{"platform":"c"}],"vm":{"memory_map":[]}}"#)
        let survey = client.post("/v1/surveys", json: #"{"platforms":["c"]}"#)
        for answer in [placed, survey] {
            #expect(answer.status == 200 && !codes(answer.json).contains("x86_host"), "\(answer.text)")
        }
    }

    /// Tables of an x86 host are refused with the reason.
    @Test func tablesAreRefused() {
        var table = Array("DMAR".utf8) + [48, 0, 0, 0, 1, 0]
        table += Array("VENDORDEVICE  ".utf8) + Array(repeating: 0, count: 48 - 24)
        table[9] = 0 &- table.reduce(0, &+)
        let answer = ServiceClient().ask(
            .post, "/v1/platforms?id=x", table, type: "application/octet-stream")
        #expect(answer.status == 422 && answer.text.contains("x86 host"), "\(answer.text)")
    }
}
