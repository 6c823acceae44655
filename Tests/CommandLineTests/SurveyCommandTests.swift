// `iovad survey` and `iovad place` as a person runs them, on machines in the native model.

import Foundation
import TestSupport
import Testing

@testable import iovad

@Suite struct SurveyCommandTests {
    private static let machine = """
        {"smmus":[{"id":"s","version":"v3"}],
         "devices":[{"id":"rc<0>","kind":"pci_host","smmus":["s"],
           "pci_windows":[{"bus":"0x8000000","size":"0x1000000"}]}]}
        """

    private func run(_ arguments: [String]) throws -> DecideTests.Run {
        let process = Process()
        process.executableURL = DecideTests.executable
        process.arguments = arguments
        let (stdout, stderr) = (Pipe(), Pipe())
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        let errors = stderr.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return DecideTests.Run(
            status: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
            errors: String(decoding: errors, as: UTF8.self))
    }

    /// A folder with two machines, one of them below another folder, and one file that is not a machine.
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("iovad-survey-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let inner = folder.appendingPathComponent("vendor")
        try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
        try Self.machine.write(
            to: folder.appendingPathComponent("a.json"), atomically: true, encoding: .utf8)
        try Self.machine.replacingOccurrences(of: "0x8000000", with: "0x40000000").write(
            to: inner.appendingPathComponent("b.json"), atomically: true, encoding: .utf8)
        try "no tree".write(to: folder.appendingPathComponent("c.dtb"), atomically: true, encoding: .utf8)
        try body(folder.path)
    }

    @Test func everyFormatSaysTheSame() throws {
        try withFolder { folder in
            let json = try run(["survey", "--format", "json", "--constant", "0xe000000", folder])
            #expect(json.status == 1 && json.errors.contains("c.dtb: The bytes of \"c.dtb\""))
            let survey = try #require(
                try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
            #expect(survey["platforms"] as? Int == 2 && survey["devices"] as? Int == 2)
            let policies = survey["policies"] as! [[String: Any]]
            #expect(policies[0]["conflicting_platforms"] as? [String] == ["a"])
            let text = try run(["survey", folder]).output
            #expect(text.contains("  a        rc<0>   fixed   0x8000000  pci_window"))
            #expect(text.contains("^ 0xa0000000") && text.contains("2 machines"))
            let markdown = try run(["survey", "--format", "markdown", folder]).output
            #expect(markdown.contains("| a | rc&lt;0&gt; | fixed | 0x8000000 | pci_window |"))
            let html = try run(["survey", "--format", "html", folder]).output
            #expect(html.contains("<td>rc&lt;0&gt;</td>") && !html.contains("rc<0>"))
            #expect(html.contains("<svg") && html.hasSuffix("</html>\n"))
            let lines = try run(["survey", "--format", "ndjson", folder]).output.split(separator: "\n")
            #expect(lines.count == 3 && lines[1].contains(#""platform":"vendor/b""#))
        }
    }

    /// Names come from elsewhere; in a report they are text.
    @Test func namesAreNoMarkup() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("iovad-survey-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let name = #"<img src=x>\u{301} [a](http://e) ![b](c) `d` **e** _f_ g_h | ~i~ $j$ \ &lt;"#
        try Self.machine.write(
            to: folder.appendingPathComponent("\(name.replacingOccurrences(of: "/", with: "")).json"),
            atomically: true, encoding: .utf8)
        let markdown = try run(["survey", "--format", "markdown", folder.path]).output
        let row = try #require(markdown.split(separator: "\n").first { $0.contains("img src") })
        #expect(
            row.contains(
                #"&lt;img src=x&gt;\\u{301} \[a\](http:e) !\[b\](c) \`d\` \*\*e\*\* \_f\_ g_h \| \~i\~ \$j\$ \\ &amp;lt; |"#
            ), "\(row)")
        // A combining character after a mark hides nothing.
        #expect(Report.escaped("<\u{301}b") == "&lt;\u{301}b" && Report.markdown("|\u{301}") == "\\|\u{301}")
        for (text, shown) in [
            ("# a", "\\# a"), ("1. a", "1\\. a"), ("- a", "\\- a"), ("1.5 a", "1\\.5 a"),
            ("a\nb\u{2028}c", "a b c"),
            ("=", "\\="), ("0x1f", "0x1f"), ("", ""),
        ] {
            #expect(Report.markdown(text) == shown, "\(text)")
        }
    }

    /// A machine of every kind of file, recognised by its bytes, with the APIC table beside its IORT.
    /// Pipes in a folder are passed by, wherever they stand: nothing would ever come out of them.
    @Test func passesByPipes() throws {
        try withFolder { folder in
            for name in ["pipe.json", "IORT", "vendor/APIC", "vendor/iomem.txt"] {
                #expect(mkfifo("\(folder)/\(name)", 0o600) == 0)
            }
            try Data(IORTBuilder().table()).write(to: URL(fileURLWithPath: "\(folder)/vendor/IORT"))
            let run = try run(["survey", "--format", "json", folder])
            #expect(run.status == 1 && run.output.contains("\"platforms\":3"), "\(run.output)\(run.errors)")
        }
    }

    @Test func readsWhatPlatformsAreMadeOf() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("iovad-survey-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let server = folder.appendingPathComponent("server")
        try FileManager.default.createDirectory(at: server, withIntermediateDirectories: true)
        // HiSilicon's hi161x reserves the frames of the ITSs, whose addresses are in the APIC table.
        var table = IORTBuilder()
        let its = table.itsGroup([0])
        let smmu = table.smmuV3(base: 0x1000, model: 1, [.init(0, 0xffff, 0, to: its)])
        table.rootComplex(segment: 0, limit: 64, [.init(0, 0xffff, 0, to: smmu)])
        try Data(table.table()).write(to: server.appendingPathComponent("IORT"))
        try Data(ACPITableBuilder.madt(its: [(0, 0x7ff_8000)])).write(
            to: server.appendingPathComponent("APIC"))
        try Data([1, 2, 3]).write(to: server.appendingPathComponent("FACP.aml"))
        try Data(ACPITableBuilder.table("DSDT", revision: 2, [])).write(
            to: server.appendingPathComponent("DSDT.aml"))
        for name in ["SSDT2", "ssdt10.dat"] {
            try Data(ACPITableBuilder.table("SSDT", revision: 2, [])).write(
                to: server.appendingPathComponent(name))
        }
        try Data("30000000-3fffffff : PCI Bus 0000:00\n".utf8).write(
            to: server.appendingPathComponent("iomem.txt"))
        try Data(table.table()).write(to: folder.appendingPathComponent("alone.aml"))
        let regions = """
            /sys/kernel/iommu_groups/0/reserved_regions:0x0000000008000000 0x00000000080fffff msi
            /sys/kernel/iommu_groups/0/reserved_regions:0x000000000a000000 0x000000000affffff reserved

            """
        try Data(regions.utf8).write(to: folder.appendingPathComponent("groups.txt"))
        let collected =
            #"{"collected":{"format":1,"kernel_release":"6.8.0-124-generic","page_size":65536,"#
            + #""groups":[{"id":"0","devices":["0000:01:00.0"],"#
            + #""reserved_regions":"0x0000000008000000 0x0000000008ffffff reserved\n"}]}}"#
        try Data(collected.utf8).write(to: folder.appendingPathComponent("host.json"))
        try Data("Linux version 6.1".utf8).write(to: folder.appendingPathComponent("notes.txt"))

        let json = try run(["survey", "--format", "json", "--constant", "0xa000000", folder.path])
        #expect(json.status == 1)
        #expect(json.errors.split(separator: "\n").count == 2, "\(json.errors)")
        #expect(json.errors.contains("notes.txt: The bytes of \"notes.txt\" are of no known kind"))
        let survey = try #require(
            try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        #expect(survey["platforms"] as? Int == 4 && survey["devices"] as? Int == 4)
        // What the collected host says counts for it, and is told.
        let hosts = survey["hosts"] as? [[String: Any]] ?? []
        #expect(hosts.map { $0["host"] as? String } == ["host"])
        let facts = hosts.first?["host_facts"] as? [String: String]
        #expect(facts == ["kernel_release": "6.8.0-124-generic", "page_size": "0x10000"])
        let policies = survey["policies"] as! [[String: Any]]
        // The page of GITS_TRANSLATER, 0x8008000...0x8017fff, only where the APIC table is.
        #expect(policies[0]["policy"] as? String == "fixed")
        #expect(policies[0]["conflicting_platforms"] as? [String] == ["host", "server/IORT"])
        #expect(policies[1]["conflicting_platforms"] as? [String] == [])
        #expect(policies.last?["conflicting_platforms"] as? [String] == ["groups"])
    }

    @Test func placesOffline() throws {
        let table = try run(["place", "--vmm", "openvmm-uefi", "--ram", "4G"])
        #expect(table.status == 0)
        #expect(table.output.hasPrefix("verdict             movable\n"))
        #expect(
            table.output.contains(
                "remedy              Give the VM at most 0x8000000 bytes of RAM (128 MiB).\n"))
        #expect(!table.output.contains("SW_MSI_START"))
        let able = try run([
            "place", "--vmm", "openvmm-uefi", "--ram", "4G", "--capability", "iommufd_sw_msi_options",
        ])
        #expect(able.output.contains("SW_MSI_START        0xc0000000\n") && able.status == 0)
        let fixed = try run(["place", "--vmm", "openvmm-uefi", "--ram", "4G", "--not-movable", "--json"])
        #expect(fixed.output.hasPrefix(#"{"kind":"placement","verdict":"none""#))
        #expect(try run(["place", "--vmm", "list"]).output.contains("openvmm-uefi-split"))
        let wrong = try run(["place", "--vmm", "nothing", "--ram", "4G"])
        #expect(wrong.status == 64 && wrong.errors.contains("--vmm: \"nothing\" is not one of"))
        #expect(try run(["place", "--vmm", "crosvm", "--ram", "4 GiB?"]).status == 64)
        let unable = try run(["place", "--vmm", "crosvm", "--ram", "4G", "--capability", "wings"])
        #expect(unable.status == 64 && unable.errors.contains("--capability: \"wings\" is not one of"))
        let nothing = try run(["survey", "/nonexistent.dtb"])
        #expect(nothing.status == 1 && nothing.output.isEmpty)
        #expect(
            nothing.errors
                == "/nonexistent.dtb: No such file or directory\nError: 1 input cannot be read\n")
    }
}
