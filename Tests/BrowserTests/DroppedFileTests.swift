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
    }
}
