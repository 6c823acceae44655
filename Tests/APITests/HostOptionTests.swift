// How a collected host was built, booted and set up, in answers: an identity domain by the command line or
// the configuration, forcedac, pages, unsafe interrupts; which word of which file it was; what something
// else denies.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct HostOptionTests {
    private let client = ServiceClient()
    private static let device = #""platform":"h","device":"0000:01:00.0""#

    /// A host with one group of a type, and further members of its collection.
    private func store(_ members: String, type: String? = nil, pageSize: String = "4096") -> [String] {
        let type = type.map { "\"\($0)\"" } ?? "null"
        let host =
            #"{"collected":{"format":1,"kernel_release":"6.12.9","page_size":\#(pageSize),"groups":[{"id":"0","#
            + #""type":\#(type),"devices":["0000:01:00.0"],"paths":["../pci0000:00/0000:01:00.0"],"#
            + #""reserved_regions":"0x0000000008000000 0x00000000080fffff msi\n"}],"notes":[]\#(members)}}"#
        let stored = client.ask(.put, "/v1/platforms/h", Array(host.utf8), type: "application/json")
        #expect((200..<300).contains(stored.status), "\(stored.text)")
        return stored.list("findings").compactMap { $0["code"] as? String }
    }

    private func decided(_ members: String) -> ServiceClient.Answer {
        client.decide(#"{\#(Self.device),"doorbells":["0x8090040"]\#(members)}"#)
    }

    private static let passthrough = #","cmdline":"iommu.passthrough=1\n""#
    private static let config =
        #","config_path":"/boot/config-6.12.9","config":"CONFIG_IOMMU_DEFAULT_PASSTHROUGH=y\n""#

    @Test func passthroughIsAnIdentityDomain() {
        for (members, name, word, source) in [
            (Self.passthrough, "command_line", "iommu.passthrough=1", "/proc/cmdline"),
            (Self.config, "kernel_config", "CONFIG_IOMMU_DEFAULT_PASSTHROUGH=y", "/boot/config-6.12.9"),
            (
                #","dmesg":"iommu: Default domain type: Passthrough (set via kernel command line)\n""#,
                "boot_log",
                "default_domain_type=Passthrough", "dmesg"
            ),
        ] {
            _ = store(members)
            let answer = decided(#","consumer":"dma_api""#)
            #expect(answer.json["outcome"] as? String == "identity", "\(answer.text)")
            let facts = answer.object("host_facts")
            #expect(facts[name] as? String == word, "\(answer.text)")
            #expect((facts["sources"] as? [String: Any])?[name] as? String == source, "\(answer.text)")
            // It decides for kernel drivers only, and a request says otherwise.
            #expect(decided(#","consumer":"vfio_type1""#).object("host_facts")[name] == nil)
            let stated = decided(#","consumer":"dma_api","default_domain":"translated""#)
            #expect(stated.object("host_facts")[name] == nil, "\(stated.text)")
            #expect(stated.list("doorbells").first?["iova"] as? String == "0xfffff040", "\(stated.text)")
        }
    }

    /// The command line counts more than the configuration, the last word more than the first, and a group's
    /// type more than both; that they differ is told.
    @Test func whatCountsMore() {
        let off = #","cmdline":"iommu.passthrough=1\niommu.passthrough=off\niommu.passthrough=maybe\n""#
        #expect(!store(off + Self.config).contains("host-options-contradict"))
        let answer = decided(#","consumer":"dma_api""#)
        #expect(answer.json["outcome"] as? String == "window", "\(answer.text)")
        #expect(answer.object("host_facts")["command_line"] as? String == "iommu.passthrough=off")
        for (members, type, outcome, isDenied) in [
            (Self.passthrough, "DMA", "window", true), (Self.passthrough, "identity", "identity", false),
            (Self.config, "DMA-FQ", "window", true), (off, "identity", "identity", true),
            (Self.passthrough, "unmanaged", "refused", false),
        ] {
            #expect(store(members, type: type).contains("host-options-contradict") == isDenied, "\(type)")
            let answer = decided(#","consumer":"dma_api""#)
            #expect(answer.json["outcome"] as? String == outcome, "\(type): \(answer.text)")
            #expect(answer.object("host_facts")["group_type"] as? String == type)
            #expect(answer.object("host_facts")["command_line"] == nil, "\(answer.text)")
        }
    }

    /// A kernel whose name has a page size, on a host that was collected with another.
    @Test func pagesOfTheName() {
        for (pages, isDenied) in [("16384", true), ("65536", false), ("null", false)] {
            let host =
                #"{"collected":{"format":1,"kernel_release":"6.8.0-1007-nvidia-64k","page_size":\#(pages),"groups":[]}}"#
            let stored = client.ask(.put, "/v1/platforms/n", Array(host.utf8), type: "application/json")
            let codes = stored.list("findings").compactMap { $0["code"] as? String }
            #expect(codes.contains("host-options-contradict") == isDenied, "\(stored.text)")
        }
    }

    /// The words of a tree count where nothing else says how the kernel was booted.
    @Test func bootArgumentsOfATree() {
        let tree = DeviceTreeBuilder.board { root in
            root.child("chosen") { $0.strings("bootargs", "console=ttyAMA0 iommu.passthrough=1 pci=noaer") }
            root.pciHost("pcie@40000000")
        }
        for (more, outcome, place) in [
            ("", "identity", "/chosen:bootargs"), ("root=/dev/vda\n", "window", nil),
            ("iommu.passthrough=0\n", "window", "cmdline"),
        ] {
            let words = more.isEmpty ? [] : [("cmdline", "text/plain", Array(more.utf8))]
            let stored = client.ask(
                .put, "/v1/platforms/t", form([("dtb", "application/vnd.devicetree.blob", tree)] + words),
                type: "multipart/form-data; boundary=B")
            #expect((200..<300).contains(stored.status), "\(stored.text)")
            let answer = client.decide(
                #"{"platform":"t","device":"/pcie@40000000","consumer":"dma_api","doorbells":["0x8090040"]}"#)
            #expect(answer.json["outcome"] as? String == outcome, "\(more): \(answer.text)")
            let sources = answer.object("host_facts")["sources"] as? [String: Any]
            #expect(sources?["command_line"] as? String == place, "\(more): \(answer.text)")
        }
    }

    @Test func forcedac() {
        _ = store(#","cmdline":"iommu.forcedac=1\n""#, type: "DMA")
        let answer = decided(#","consumer":"dma_api""#)
        #expect(answer.list("doorbells").first?["iova"] as? String == "0xfffffffff040", "\(answer.text)")
        #expect(answer.object("host_facts")["command_line"] as? String == "iommu.forcedac=1")
        let stated = decided(#","consumer":"dma_api","forcedac":false"#)
        #expect(stated.list("doorbells").first?["iova"] as? String == "0xfffff040", "\(stated.text)")
    }

    @Test func pagesOfTheBuild() {
        let config = #","config":"CONFIG_ARM64_64K_PAGES=y\n""#
        _ = store(config, type: "DMA", pageSize: "null")
        let answer = decided(#","consumer":"dma_api""#)
        #expect(answer.list("doorbells").first?["iova"] as? String == "0xffff0040", "\(answer.text)")
        #expect(answer.object("host_facts")["kernel_config"] as? String == "CONFIG_ARM64_64K_PAGES=y")
        #expect(answer.object("host_facts")["page_size"] == nil)
        #expect(store(config, pageSize: "4096").contains("host-options-contradict"))
        #expect(store(config, pageSize: "65536").filter { $0 == "host-options-contradict" }.isEmpty)
    }

    /// A machine with a doorbell that isolates nothing, under a kernel that asks the whole machine. The
    /// running module's parameter counts more than the command line.
    @Test func unsafeInterrupts() {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000)
        builder.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: smmu)])
        let madt = ACPITableBuilder.madt(frames: [(0, 0x802_0000)])
        let acpi = #","acpi":{"IORT":"\#(builder.table().hexDigits)","APIC":"\#(madt.hexDigits)"}"#
        let kernel = #"{"release":"6.12","overrides":{"isolation_per_group":false}}"#
        let words =
            #","cmdline":"vfio_iommu_type1.allow_unsafe_interrupts\niommufd.allow-unsafe-interrupts=0\n""#
        let policies = ["vfio_type1", "iommufd"].map {
            #"{"name":"\#($0)","window_source":"fixed","consumer":"\#($0)"}"#
        }.joined(separator: ",")
        for (parameters, errno) in [
            ("", nil), (#","parameters":"vfio_iommu_type1.allow_unsafe_interrupts=N\n""#, "EPERM"),
        ] {
            _ = store(acpi + words + parameters)
            let name = parameters.isEmpty ? "command_line" : "module_parameters"
            let answer = decided(#","consumer":"vfio_type1","kernel":\#(kernel)"#)
            #expect(answer.json["errno"] as? String == errno, "\(answer.text)")
            let word = answer.object("host_facts")[name] as? String
            #expect(word?.hasPrefix("vfio_iommu_type1.allow_unsafe_interrupts") == true, "\(answer.text)")
            // The other module has its own.
            let other = decided(#","consumer":"iommufd","kernel":\#(kernel)"#)
            let compared = client.post(
                "/v1/comparisons",
                json: #"{\#(Self.device),"policies":[\#(policies)],"kernels":[\#(kernel)]}"#
            )
            let errnos = compared.list("items").map { $0["errno"] as? String }
            #expect(errnos == [errno, other.json["errno"] as? String], "\(compared.text)")
            #expect(other.json["errno"] as? String == "EPERM", "\(other.text)")
            // So it has where only the text says whose call failed.
            let failure =
                "qemu-system-aarch64: IOMMU_IOAS_MAP failed: Invalid argument, 0x8000000, 0x1000, 0x7f0000000000"
            let failed = client.post(
                "/v1/map-failures", json: #"{\#(Self.device),"text":"\#(failure)","kernel":\#(kernel)}"#)
            let told = failed.object("host_facts")["command_line"] as? String
            #expect(told == "iommufd.allow-unsafe-interrupts=0", "\(failed.text)")
            let stated = decided(
                #","consumer":"vfio_type1","kernel":\#(kernel),"allow_unsafe_interrupts":true"#)
            #expect(stated.json["errno"] == nil && stated.object("host_facts")[name] == nil, "\(stated.text)")
        }
        // Where MSIs are isolated, nobody asks.
        let isolated = decided(#","consumer":"vfio_type1","isolated_msi":true"#)
        #expect(isolated.object("host_facts")["module_parameters"] == nil, "\(isolated.text)")
    }

    /// Words that decide nothing are read and named.
    @Test func idleWords() {
        #expect(store(#","cmdline":"iommu.strict=0\npci=noaer\n""#).contains("host-options-idle"))
        #expect(!store(Self.passthrough).contains("host-options-idle"))
    }

    /// A pasted boot log says the same with its own line.
    @Test func aLogsCommandLine() {
        let log = """
            [    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd0c1]
            [    0.000000] Kernel command line: root=/dev/sda1 dyndbg="iommu.passthrough=0 +p" iommu.passthrough=on -- iommu.passthrough=0
            [    1.400000] PCI host bridge to bus 0000:00
            [    1.400001] pci_bus 0000:00: root bus resource [mem 0x10000000-0x3efeffff window]
            [    2.100001] pci 0000:00:01.0: Adding to iommu group 3

            """
        let stored = client.ask(.put, "/v1/platforms/h", Array(log.utf8), type: "text/plain")
        #expect(stored.status == 201, "\(stored.text)")
        let answer = client.decide(
            #"{"platform":"h","device":"rc:0","consumer":"dma_api","doorbells":["0x8090040"]}"#)
        #expect(answer.json["outcome"] as? String == "identity", "\(answer.text)")
        let facts = answer.object("host_facts")
        #expect(facts["command_line"] as? String == "iommu.passthrough=on", "\(answer.text)")
        #expect((facts["sources"] as? [String: Any])?["command_line"] as? String == "dmesg")
    }
}
