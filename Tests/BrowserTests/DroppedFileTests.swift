// What people drop on the page besides device trees: ACPI tables together, sysfs text, a collected host.

import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct DroppedFileTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
            try browser.openView(server)
        }

        /// HiSilicon's hi161x reserves the ITSs' frames, whose addresses are in the other table.
        @Test func tablesThatBelongTogether() throws {
            var table = IORTBuilder()
            let its = table.itsGroup([0])
            let smmu = table.smmuV3(base: 0x1000, model: 1, [.init(0, 0xffff, 0, to: its)])
            table.rootComplex(segment: 0, limit: 64, [.init(0, 0xffff, 0, to: smmu)])
            try browser.drop([
                ("IORT.aml", table.table()), ("APIC.aml", ACPITableBuilder.madt(its: [(0, 0x4000_0000)])),
            ])
            try browser.wait(for: "h1", contains: "rc:0")
            #expect(try browser.string("return document.querySelector('#platform').value") == "IORT")
            try browser.wait(for: ".regions", contains: "0x40010000")
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func sysfsText() throws {
            let text = """
                /sys/kernel/iommu_groups/7/reserved_regions:0x0000000008000000 0x00000000080fffff msi
                /sys/kernel/iommu_groups/7/reserved_regions:0x000000000a000000 0x000000000affffff reserved

                """
            try browser.drop(Array(text.utf8), named: "regions of host.txt")
            try browser.wait(for: "h1", contains: "group:7")
            try browser.wait(for: ".regions", contains: "0xa000000")
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "0x8000000")
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func collectedHost() throws {
            let collected =
                #"{"collected":{"format":1,"kernel_release":"6.12.9","groups":[{"id":"3","type":"DMA-FQ","#
                + #""devices":["0000:01:00.0"],"reserved_regions":"0x0000000008000000 0x00000000080fffff msi\n"#
                + #"0x0000000020000000 0x000000002fffffff reserved\n"}]}}"#
            try browser.drop(Array(collected.utf8), named: "host.json")
            try browser.wait(for: "h1", contains: "group:3")
            try browser.wait(for: ".regions", contains: "0x20000000")
            #expect(try browser.text(".devices").contains("0000:01:00.0"))
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func logGoesToFaults() throws {
            let line =
                "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, "
                + "fsynr=0x2f0013, cbfrsynra=0x102, cb=15\n"
            try browser.drop(Array(line.utf8), named: "dmesg.txt")
            let answer = try server.ask("POST", "/v1/fault-explanations", text: line).json
            let because = (answer["items"] as? [[String: Any]])?.first?["because"] as? String
            try browser.wait(for: "#log-answer .because", contains: try #require(because))
            #expect(try browser.string("return location.hash") == "#/faults")
            #expect(try browser.string("return document.querySelector('#log').value") == line)
            // A machine that is dropped there is the one of the log: the same lines are explained again.
            try browser.drop(AddressSpaceViewTests.gapTree(), named: "board.dtb")
            try browser.wait("the machine of the log") {
                try browser.string("return location.hash") == "#/faults?platform=board"
            }
            try browser.wait(for: "#log-answer", contains: "Address space of")
            let messages = try browser.console()
            #expect(messages == [])
        }

        private static let fault =
            "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, "
            + "fsynr=0x2f0013, cbfrsynra=0x102, cb=15\n"

        private func stored() throws -> Int {
            let items = try server.ask("GET", "/v1/platforms").json["items"] as? [[String: Any]]
            return try #require(items).filter { $0["built_in"] as? Bool == false }.count
        }

        /// Who chooses a log where machines are chosen is told what it is, and stays.
        @Test(arguments: ["#file", "#welcome-file"]) func logWhereMachinesAreChosen(input: String) throws {
            try browser.choose(Array(Self.fault.utf8), named: "dmesg.txt", in: input)
            try browser.wait(for: "#intake .told", contains: "dmesg.txt is a log that describes no machine.")
            #expect(try browser.count("main.view-space") == 1)
            #expect(try stored() == 0)
            try browser.press(button: "Explain it", in: "#intake")
            try browser.wait("the answer") { try browser.count("#log-verdict") == 1 }
            #expect(try browser.string("return location.hash") == "#/faults")
            #expect(try browser.count("#intake .told") == 0)
            // Whether it describes a machine is the server's to say.
            let messages = try browser.console()
            #expect(messages.count == 1 && messages[0].contains("/v1/platforms?id=dmesg"), "\(messages)")
        }

        /// A boot log describes a machine: it becomes one there, and can where it was taken for a log.
        @Test func bootLogBecomesAMachine() throws {
            let boot = """
                [    0.000000] Linux version 6.8.0-31-generic (buildd@bos03) (gcc 13.2.0) #31-Ubuntu SMP
                [    0.000000] ITS [mem 0x100100040000-0x10010005ffff]
                [    0.140000] PCI host bridge to bus 0002:00
                [    0.140003] pci_bus 0002:00: root bus resource [mem 0x08000000-0x0fffffff window]
                [    0.160000] arm-smmu-v3 arm-smmu-v3.0.auto: ias 48-bit, oas 44-bit (features 0x00001fef)
                [    0.200000] pci 0002:00:01.0: Adding to iommu group 3

                """
            try browser.choose(Array(boot.utf8), named: "boot.txt", in: "#file")
            try browser.wait(for: "#intake .told", contains: "was read as the boot log of a machine, boot.")
            try browser.wait("the machine") {
                try browser.string("return document.querySelector('#platform').value") == "boot"
            }
            try browser.drop(Array(boot.utf8), named: "again.txt")
            try browser.wait(for: ".shown-message .problem", contains: "Found no fault")
            try browser.press(button: "Read it as a machine")
            try browser.wait("the other machine") { try stored() == 2 }
            #expect(try browser.count("main.view-faults") == 1)
            try browser.wait(for: ".log-machine", contains: "taken to be of again: the file that you brought")
        }

        /// JSON of the API that describes no machine is called what it is, and nothing is stored.
        @Test(arguments: [
            (
                #"{"hosts":[{"platform":"p","devices":["d"]}],"vm":{"vmm":"qemu-virt","ram":"1G"}}"#,
                "a question for Placement"
            ),
            (
                #"{"platform":"p","device":"d","consumer":"vfio_type1"}"#,
                "a question about one device (a decision)"
            ),
            (
                #"{"platform":"p","text":"arm-smmu 1.iommu: Unhandled context fault"}"#,
                "a question about a log"
            ),
        ])
        func requestsAreNoMachines(json: String, what: String) throws {
            try browser.drop(Array(json.utf8), named: "request.json")
            try browser.wait(
                for: "#intake .told", contains: "request.json is \(what). It describes no machine")
            #expect(try stored() == 0)
            #expect(try browser.string("return location.hash") == "#/space")
        }

        /// What the server answers is recognised as well, also where it has members of a machine.
        @Test(arguments: [
            ("GET", "/v1/platforms/example-arm-juno", "what the server says of a machine"),
            ("POST", "/v1/decisions", "an answer about one device (a decision)"),
        ])
        func answersAreNoMachines(method: String, path: String, what: String) throws {
            let question =
                #"{"platform":"example-arm-juno","device":"/pcie@40000000","consumer":"vfio_type1"}"#
            let answer = try server.ask(method, path, json: method == "POST" ? question : nil)
            #expect(answer.status == 200)
            // However long it is.
            let long = answer.body.dropLast() + Array(repeating: 0x20, count: 300_000) + [0x7d]
            try browser.drop(Array(long), named: "answer.json")
            try browser.wait(for: "#intake .told", contains: "answer.json is \(what)")
            #expect(try stored() == 0)
        }
    }
}
