// `iovad survey` and `iovad place` as a person runs them, on machines in the native model.

import Foundation
import TestSupport
import Testing

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

    /// A folder with two machines, one of them below another folder, and one file that is none.
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
            #expect(json.status == 0 && json.errors.contains("c.dtb: neither a device tree nor JSON"))
            let survey = try #require(
                try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
            #expect(survey["platforms"] as? Int == 2 && survey["devices"] as? Int == 2)
            let policies = survey["policies"] as! [[String: Any]]
            #expect(policies[0]["conflicting_platforms"] as? [String] == ["a"])
            let text = try run(["survey", folder]).output
            #expect(text.contains("  a        rc<0>   fixed   0x8000000  pci_window"))
            #expect(text.contains("^ 0xa0000000") && text.contains("2 machines"))
            let markdown = try run(["survey", "--format", "markdown", folder]).output
            #expect(markdown.contains("| a | rc<0> | fixed | 0x8000000 | pci_window |"))
            let html = try run(["survey", "--format", "html", folder]).output
            #expect(html.contains("<td>rc&lt;0&gt;</td>") && !html.contains("rc<0>"))
            #expect(html.contains("<svg") && html.hasSuffix("</html>\n"))
            let lines = try run(["survey", "--format", "ndjson", folder]).output.split(separator: "\n")
            #expect(lines.count == 3 && lines[1].contains(#""platform":"vendor/b""#))
        }
    }

    @Test func placesOffline() throws {
        let table = try run(["place", "--vmm", "openvmm-uefi", "--ram", "4G"])
        #expect(table.status == 0)
        #expect(table.output.hasPrefix("verdict             movable\n"))
        #expect(table.output.contains("SW_MSI_START        0xc0000000\n"))
        let fixed = try run(["place", "--vmm", "openvmm-uefi", "--ram", "4G", "--not-movable", "--json"])
        #expect(fixed.output.hasPrefix(#"{"kind":"placement","verdict":"none""#))
        #expect(try run(["place", "--vmm", "list"]).output.contains("openvmm-uefi-split"))
        let wrong = try run(["place", "--vmm", "nothing", "--ram", "4G"])
        #expect(wrong.status == 2 && wrong.errors.contains("/vm/vmm"))
        #expect(try run(["place", "--vmm", "crosvm", "--ram", "4 GiB?"]).status == 64)
        #expect(try run(["survey", "/nonexistent.dtb"]).status == 2)
    }
}
