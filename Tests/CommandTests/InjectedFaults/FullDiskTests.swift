// ENOSPC: a log that cannot be written costs nothing but its lines, which are counted and told; a command
// whose output is incomplete says so and fails.

import Foundation
import Glibc
import TestSupport
import Testing

extension InjectedFaultTests {
    @Suite struct FullDisk {
        @Test(arguments: ["text", "json"]) func aLogOnAFullDiskStopsNothing(form: String) throws {
            let path = "/tmp/iovad-test-\(UUID().uuidString).sock"
            // Nothing that it says can be read, the place of its socket neither.
            let server = try RunningServer(
                ["--unix", path, "--log", form], placeCount: 0,
                shell: "exec \"$0\" serve \"$@\" >/dev/full 2>&1")
            // The socket's file is there before anybody listens at it.
            #expect(eventually { (try? RawClient(.unix(path))) != nil })
            let client = try RawClient(.unix(path))
            for _ in 0..<100 { #expect(try client.get("/livez").status == 200) }
            #expect(try eventually { try client.metric("iovad_log_lines_dropped_total") > 100 })
            #expect(server.rests())
            #expect(server.stop() == 0 && !server.wasEndedBySignal)
        }

        /// Each line is written whole or counted, and the count is told once there is room.
        @Test func lostLinesAreToldLater() throws {
            let server = try RunningServer(["--listen", "127.0.0.1:0"])
            try server.set("fsize=4099:unlimited")
            let client = try server.client()
            for _ in 0..<200 { #expect(try client.get("/livez").status == 200) }
            #expect(try eventually { try client.metric("iovad_log_lines_dropped_total") > 100 })
            try server.set("fsize=unlimited:unlimited")
            #expect(try client.get("/readyz").status == 200)
            server.waits(until: " GET /readyz 200 ")
            let lines = server.said.split(separator: "\n")
            let told = lines.compactMap { line in
                line.hasSuffix(" lines were dropped: they could not be written")
                    ? Int(line.prefix { $0.isNumber }) : nil
            }
            #expect(told.count == 1)
            let dropped = try client.metric("iovad_log_lines_dropped_total")
            #expect(told.first == dropped)
            // One line may have been cut.
            let whole = lines.count { $0.contains(" GET /livez 200 ") && $0.contains("us r-") }
            #expect(whole < 200 && (200 - dropped...200).contains(whole))
            #expect(server.stop() == 0)
        }

        private static let commands = [
            ["--version"], ["--help"], ["decide", "--help"], ["serve", "--help"], ["machines"],
            ["decide", "--platform", "example-arm-juno"],
            ["decide", "--platform", "example-arm-juno", "--device", "/pcie@40000000", "--json"],
            ["survey", "example-arm-juno", "--help"], ["collect"], ["collect", "--script"],
            ["packaging", "systemd"], ["sbom"], ["--generate-completion-script", "bash"],
        ]

        @Test(arguments: commands) func commandsSayWhatIsMissing(arguments: [String]) throws {
            let good = try Command(arguments, output: "/dev/null")
            // An answer may be no.
            #expect(good.status == 0 || good.status == 3, "\(good.errors)")
            let full = try Command(arguments, output: "/dev/full")
            #expect(full.status == 1)
            #expect(full.errors.contains("Error: standard output did not take everything"), "\(full.errors)")
        }

        /// What fails by itself keeps its status and its words.
        @Test func otherFailuresAreAsBefore() throws {
            let wrong = try Command(["decide", "--nope"], output: "/dev/full")
            #expect(wrong.status == 64 && !wrong.errors.contains("standard output"))
        }

        /// A file that may not grow is written whole or not at all.
        @Test func filesAreWrittenWholeOrNotAtAll() throws {
            let folder = try Folder()
            let unit = try folder.file("iovad.socket", "as it was\n")
            let said = try run(
                "sh", "-c", "ulimit -f 0; \"$0\" packaging systemd --write-to \"$1\" 2>&1; echo $?",
                Command.executable.path, folder.url.path
            ).output
            #expect(
                said.contains("--write-to \(unit): File too large") && said.hasSuffix("\n1\n"), "\(said)")
            #expect(try String(contentsOfFile: unit, encoding: .utf8) == "as it was\n")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["iovad.socket"])
        }
    }
}
