// Files that nobody writes, in place of a store that is slow: pipes where token file, certificate or the
// host's files were. Requests and SIGTERM wait for none of them.

import Foundation
import Glibc
import TestSupport
import Testing

extension InjectedFaultTests {
    @Suite struct SlowFiles {
        private let token = "Authorization: Bearer 0123456789abcdef-token"

        private func pipe(at path: String) {
            unlink(path)
            #expect(mkfifo(path, 0o600) == 0)
        }

        /// The signal after the first, too; and what comes late is used.
        @Test func aTokenFileThatNobodyWrites() throws {
            let folder = try Folder()
            let file = try folder.file("tokens", "0123456789abcdef-token\n")
            let server = try RunningServer(InjectedFaultTests.quiet + ["--token-file", file])
            pipe(at: file)
            kill(server.identifier, SIGHUP)
            usleep(100_000)
            #expect(try server.get("/v1", [token])?.status == 200)
            server.hangUp(until: "what an earlier signal asked for is still being read")
            #expect(server.rests())
            let writing = try #require(FileHandle(forWritingAtPath: file))
            unlink(file)
            _ = try folder.file("tokens", "another-0123456789abcdef\n")
            try writing.write(contentsOf: Data("fedcba9876543210-token\n".utf8))
            try writing.close()
            // First what the pipe gave, then what the second signal asked for.
            let again = "read again: tokens of \(file)\n"
            #expect(eventually { server.said.components(separatedBy: again).count == 3 })
            #expect(try server.get("/v1", ["Authorization: Bearer another-0123456789abcdef"])?.status == 200)
            #expect(try server.get("/v1", [token])?.status == 401)
            #expect(server.stop() == 0)
        }

        @Test func signalsEndItMeanwhile() throws {
            let folder = try Folder()
            let file = try folder.file("tokens", "0123456789abcdef-token\n")
            let server = try RunningServer(InjectedFaultTests.quiet + ["--token-file", file])
            pipe(at: file)
            kill(server.identifier, SIGHUP)
            usleep(100_000)
            #expect(server.stop() == 0 && server.said.hasSuffix("stopped\n"))
        }

        /// While it reads, at whatever point.
        @Test func signalsEndItAnywhere() throws {
            let tree = try FileTree()
            try tree.addHost("host")
            let root = tree.folder.appendingPathComponent("host").path
            for round in 0..<12 {
                let server = try RunningServer(InjectedFaultTests.quiet + ["--host-root", root])
                for _ in 0..<3 { kill(server.identifier, SIGHUP) }
                usleep(UInt32(round) * 1_000)
                #expect(server.stop() == 0 && server.said.contains("\nstopped\n"), "\(server.said)")
            }
        }

        @Test func aCertificateThatNobodyWrites() throws {
            let folder = try Folder()
            let (certificate, key) = (folder.url.path + "/c.pem", folder.url.path + "/k.pem")
            let made = try run(
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=localhost")
            #expect(made.status == 0)
            let server = try RunningServer(
                InjectedFaultTests.quiet + ["--tls-cert", certificate, "--tls-key", key])
            pipe(at: certificate)
            kill(server.identifier, SIGHUP)
            usleep(100_000)
            let asked = try run("curl", "-sk", "https://127.0.0.1:\(server.port)/livez")
            #expect(asked.output == "alive\n")
            #expect(server.stop() == 0)
        }

        /// Before it serves, it waits for what it needs, and the signal ends it as it would any program.
        @Test(arguments: ["--token-file", "--tls-cert"]) func signalsEndTheStart(flag: String) throws {
            let folder = try Folder()
            let file = folder.url.path + "/pipe"
            pipe(at: file)
            let key = flag == "--tls-cert" ? ["--tls-key", file] : []
            let server = try RunningServer(InjectedFaultTests.quiet + [flag, file] + key, placeCount: 0)
            usleep(300_000)
            #expect(server.isRunning)
            // A hang-up ends it at no time.
            kill(server.identifier, SIGHUP)
            usleep(100_000)
            #expect(server.isRunning)
            #expect(server.stop() == SIGTERM && server.wasEndedBySignal)
        }

        private static let hostFiles = [
            "sys/kernel/iommu_groups/0/type", "sys/kernel/iommu_groups/0/reserved_regions",
            "sys/firmware/fdt", "sys/firmware/acpi/tables/IORT", "proc/self/smaps", "proc/iomem",
            "proc/cmdline", "proc/config.gz", "var/log/dmesg", "sys/module/vfio/parameters/x",
        ]

        /// The host's files are read when they are files.
        @Test(arguments: hostFiles) func aHostFileThatNobodyWrites(file: String) throws {
            let tree = try FileTree()
            try tree.addHost("host")
            let root = tree.folder.appendingPathComponent("host")
            let path = root.appendingPathComponent(file)
            try FileManager.default.createDirectory(
                at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
            pipe(at: path.path)
            let server = try RunningServer(InjectedFaultTests.quiet + ["--host-root", root.path])
            #expect(try server.get("/v1/platforms/this-host")?.status == 200)
            kill(server.identifier, SIGHUP)
            let offered = "clients can read this host as platform this-host"
            #expect(eventually { server.said.components(separatedBy: offered).count == 3 })
            #expect(try server.get("/livez")?.status == 200)
            #expect(server.stop() == 0, "\(server.said)")
        }
    }
}
