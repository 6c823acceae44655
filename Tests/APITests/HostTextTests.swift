// What pasted texts say of a running host: a boot log's release and command line, and the command line as a
// part of its own. They count as a collection's facts do, with their source, at every entrance; what the
// running kernel said counts more, and contradictions are told.

import HTTP
import TestSupport
import Testing

@Suite struct HostTextTests {
    private let client = ServiceClient()
    private static let release = "6.8.0-124-generic"
    private static let regions = (
        "regions", "==> /sys/kernel/iommu_groups/0/reserved_regions <==\n0x08000000 0x080fffff msi\n"
    )

    private static func log(_ words: String, release: String = release) -> (String, String) {
        (
            "dmesg",
            """
            [    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd0c1]
            [    0.000000] Linux version \(release) (buildd@bos03) (gcc) #1 SMP
            [    0.000000] Kernel command line: root=/dev/sda1 \(words)
            [    2.100001] pci 0000:01:00.0: Adding to iommu group 0

            """
        )
    }

    /// A device of the group, and nothing of its host.
    private static let member = (
        "log", "PCI host bridge to bus 0000:00\npci 0000:01:00.0: Adding to iommu group 0\n"
    )

    /// A name "part0/cmdline" is of a field and its file.
    private func upload(_ parts: [(name: String, text: String)]) -> ServiceClient.Answer {
        let body =
            parts.map { part in
                let names = part.name.split(separator: "/")
                let file = names.count > 1 ? "; filename=\"\(names[1])\"" : ""
                let head = "--B\r\nContent-Disposition: form-data; name=\"\(names[0])\"\(file)"
                return "\(head)\r\n\r\n\(part.text)\r\n"
            }.joined() + "--B--\r\n"
        return client.ask(
            .put, "/v1/platforms/h", Array(body.utf8), type: "multipart/form-data; boundary=B")
    }

    private func decided(_ members: String = "") -> ServiceClient.Answer {
        client.decide(
            #"{"platform":"h","device":"0000:01:00.0","consumer":"dma_api","doorbells":["0x8090040"]\#(members)}"#
        )
    }

    private func contradictions(_ answer: ServiceClient.Answer) -> [String] {
        answer.list("findings").filter { $0["code"] as? String == "host-options-contradict" }
            .compactMap { $0["detail"] as? String }
    }

    @Test func everyEntranceUsesALogsRelease() {
        #expect(upload([Self.regions, Self.log("")]).status == 201)
        let device = #""platform":"h","device":"0000:01:00.0""#
        let hosts = #""hosts":[{"platform":"h"}]"#
        let failure = "QEMU: vfio_dma_map(0x5, 0x8000000, 0x1000, 0x7f) = -22 (Invalid argument)"
        let fault = "arm-smmu 1.iommu: Unhandled context fault: fsr=0x402, iova=0x40, cb=1\n"
        let trace = "  k-1 [000] d..1. 1.0: map: IOMMU: iova=0xffff0000 paddr=0x8090000 size=4096\n"
        func text(_ path: String, _ body: String) -> ServiceClient.Answer {
            client.ask(.post, "\(path)?platform=h", Array(body.utf8), type: "text/plain")
        }
        _ = client.post("/v1/sessions", json: #"{"id":"s"}"#)
        let answers: [(String, ServiceClient.Answer, list: String?)] = [
            ("decision", decided(), nil),
            (
                "comparison",
                client.post("/v1/comparisons", json: #"{\#(device),"policies":["dma_iommu"]}"#), "items"
            ),
            ("view", client.get("/v1/platforms/h/reserved-regions?device=0000%3A01%3A00.0"), nil),
            ("windows", client.get("/v1/platforms/h/available-windows?device=0000%3A01%3A00.0"), nil),
            ("fault", text("/v1/fault-explanations", fault), nil),
            (
                "map failure", client.post("/v1/map-failures", json: #"{"text":"\#(failure)",\#(device)}"#),
                nil
            ),
            ("trace", text("/v1/replays", trace), nil),
            (
                "placement", client.post("/v1/placements", json: #"{\#(hosts),"vm":{"memory_map":[]}}"#),
                "per_host"
            ),
            ("survey", client.post("/v1/surveys", json: "{\(hosts)}"), "hosts"),
            ("session", client.post("/v1/sessions/s/domains", json: #"{"devices":[{\#(device)}]}"#), nil),
        ]
        for (entrance, answer, list) in answers {
            let facts =
                list.map { answer.list($0).first?["host_facts"] as? [String: Any] ?? [:] }
                ?? answer.object("host_facts")
            #expect(facts["kernel_release"] as? String == Self.release, "\(entrance): \(answer.text)")
            let sources = facts["sources"] as? [String: Any]
            #expect(sources?["kernel_release"] as? String == "dmesg", "\(entrance): \(answer.text)")
            #expect(answer.object("model")["kernel"] as? String == "6.8", "\(entrance): \(answer.text)")
        }
        let stated = decided(#","kernel":"7.2""#)
        #expect(stated.object("host_facts")["kernel_release"] == nil, "\(stated.text)")
    }

    /// The part is known by its name or by how it begins, and is read as a collection's is.
    @Test func aCommandLineIsAPart() {
        let line =
            "BOOT_IMAGE=/vmlinuz root=/dev/sda1 iommu.passthrough=0 iommu.forcedac=1 -- iommu.passthrough=1\n"
        for part in [
            ("cmdline", line), ("cmdline.txt", "ro quiet iommu.forcedac=1"), ("x", line),
            ("x", "$ cat /proc/cmdline\n" + line), ("part0/cmdline", "ro iommu.forcedac=1"),
        ] {
            let made = upload([Self.regions, Self.member, part])
            #expect((200..<300).contains(made.status), "\(made.text)")
            let answer = decided()
            #expect(answer.list("doorbells").first?["iova"] as? String == "0xfffffffff040", "\(answer.text)")
            let facts = answer.object("host_facts")
            #expect(
                (facts["command_line"] as? String)?.contains("iommu.forcedac=1") == true, "\(answer.text)")
            let source = (facts["sources"] as? [String: Any])?["command_line"] as? String
            #expect(source == part.0.split(separator: "/").first.map { String($0) })
            #expect(decided(#","forcedac":false,"default_domain":"translated""#).json["host_facts"] == nil)
        }
        #expect(upload([Self.regions, Self.member, ("cmdline", "\n")]).status == 200)
        #expect(decided().json["host_facts"] == nil)
        // curl takes a file of /proc for an empty one.
        #expect(
            upload([Self.regions, Self.member, ("cmdline", "")]).text.contains("\\\"cmdline\\\" is empty"))
        #expect(upload([("cmdline", line)]).status == 422)
        #expect(
            upload([Self.regions, Self.member, ("cmdline", line), ("x", line)]).text.contains(
                "describe the same thing"))
        let collected =
            #"{"collected":{"format":1,"kernel_release":"6.12","groups":[],"notes":[],"cmdline":\#("null")}}"#
        #expect(upload([("c", collected), ("cmdline", line)]).status == 200)
        let both = collected.replacing("null", with: #""iommu.forcedac=0\n""#)
        #expect(upload([("c", both), ("cmdline", line)]).text.contains("describe the same thing"))
    }

    @Test func theRunningKernelsOwnWordsCountMore() {
        let log = Self.log("iommu.passthrough=1 pci=noaer")
        let made = upload([Self.regions, log, ("cmdline", "ro pci=noaer iommu.forcedac=1")])
        let told = contradictions(made)
        #expect(told.count == 2, "\(made.text)")
        #expect(
            told.contains {
                $0.hasPrefix("The log's command line has iommu.passthrough=1, and cmdline has not")
            })
        #expect(
            told.contains { $0.hasPrefix("cmdline has iommu.forcedac=1, and the log's command line has not") }
        )
        let answer = decided()
        #expect(answer.json["outcome"] as? String == "window", "\(answer.text)")
        #expect(answer.object("host_facts")["command_line"] as? String == "iommu.forcedac=1")
        // Alike, they contradict nothing.
        #expect(
            contradictions(upload([Self.regions, log, ("cmdline", "pci=noaer iommu.passthrough=1")])).isEmpty)
        #expect(decided().json["outcome"] as? String == "identity")
        // A collected release counts more than the log's, which is told; without one, the log's counts.
        for (collected, release, source) in [("6.12.9", "6.12.9", nil), (nil, Self.release, "dmesg")] {
            let text = collected.map { "\"\($0)\"" } ?? "null"
            let host =
                #"{"collected":{"format":1,"kernel_release":\#(text),"groups":[{"id":"0","type":null,"#
                + #""devices":["0000:01:00.0"],"reserved_regions":"0x08000000 0x080fffff msi\n"}],"notes":[]}}"#
            let made = upload([("host", host), Self.log("")])
            let differs = made.list("findings").contains { $0["code"] as? String == "log-kernel-differs" }
            #expect(differs == (collected != nil), "\(made.text)")
            let facts = decided().object("host_facts")
            #expect(facts["kernel_release"] as? String == release, "\(facts)")
            #expect((facts["sources"] as? [String: Any])?["kernel_release"] as? String == source, "\(facts)")
        }
    }
}
