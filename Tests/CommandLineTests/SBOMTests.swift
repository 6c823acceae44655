// `iovad sbom`: an SPDX document that names what is linked, as dpkg and Package.resolved have it, and says
// where nobody knows.

import Foundation
import TestSupport
import Testing

@testable import iovad

@Suite struct SBOMTests {
    @Test func pinsAreThoseOfThePackage() throws {
        struct Resolved: Decodable {
            struct Pin: Decodable {
                struct State: Decodable { let revision: String, version: String }
                let identity: String, location: String, state: State
            }
            let pins: [Pin]
        }
        let file = SharedShelf.packageRoot.appendingPathComponent("Package.resolved")
        let resolved = try JSONDecoder().decode(Resolved.self, from: Data(contentsOf: file))
        // Yams reads openapi.yaml in tests, and is in no binary.
        let pins = resolved.pins.filter { $0.identity != "yams" }
        #expect(pins.map(\.identity) == PinnedPackage.all.map(\.name))
        for (pin, own) in zip(pins, PinnedPackage.all) {
            #expect(pin.location == own.location && pin.state.version == own.version)
            #expect(pin.state.revision == own.revision)
        }
    }

    @Test func mappingsAreLibraries() {
        let maps = """
            55d7d7dc1000-55d7d7dc3000 r--p 00000000 fe:00 254163    /usr/bin/iovad.so-not
            7f54a1600000-7f54a1657000 r--p 00000000 fe:00 323409    /usr/lib/locale/C.utf8/LC_CTYPE
            7f54a1660000-7f54a1663000 rw-p 00000000 00:00 0
            7f54a1663000-7f54a1689000 r--p 00000000 fe:00 333151    /usr/lib/x86_64-linux-gnu/libc.so.6
            7f54a1689000-7f54a17df000 r-xp 00026000 fe:00 333151    /usr/lib/x86_64-linux-gnu/libc.so.6
            7f54a1689000-7f54a17df000 r-xp 00026000 fe:00 333151    /opt/a b/libown.so
            7ffe3a9ee000-7ffe3a9f0000 r-xp 00000000 00:00 0         [vdso]
            """
        #expect(
            LoadedLibrary.all(inMaps: Array(maps.utf8)).map(\.path) == [
                "/usr/lib/x86_64-linux-gnu/libc.so.6", "/opt/a b/libown.so",
            ])
    }

    @Test func packagesOfFiles() throws {
        let tree = try FileTree()
        try tree.add(
            "r/var/lib/dpkg/status",
            """
            Package: libc6
            Status: install ok installed
            Architecture: amd64
            Version: 1:2.36-9+deb12u13

            Package: gone
            Status: deinstall ok config-files
            Architecture: amd64
            Version: 1

            Package: liball
            Status: install ok installed
            Architecture: all
            Version: 3~rc1
            """)
        try tree.add("r/var/lib/dpkg/info/libc6:amd64.list", "/.\n/lib\n/lib/x/libc.so.6\n/lib/x/libd.so.6\n")
        try tree.add("r/var/lib/dpkg/info/liball.list", "/usr/lib/x/liball.so\n")
        try tree.add("r/var/lib/dpkg/info/gone.list", "/usr/lib/x/libgone.so\n")
        let packages = DebianPackages(root: tree.folder.appendingPathComponent("r").path)
        let owners = packages.owners(of: [
            "/usr/lib/x/libc.so.6", "/usr/lib/x/liball.so", "/usr/lib/x/libgone.so", "/opt/libown.so",
        ])
        #expect(owners.count == 2)
        #expect(
            owners["/usr/lib/x/libc.so.6"]?.purl == "pkg:deb/debian/libc6@1%3A2.36-9%2Bdeb12u13?arch=amd64")
        #expect(owners["/usr/lib/x/liball.so"]?.version == "3~rc1")
        #expect(DebianPackages(root: "/nonexistent").owners(of: ["/opt/libown.so"]).isEmpty)
    }

    @Test func documentOfThisBinary() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
            .resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent("iovad")
        process.arguments = ["sbom"]
        process.environment = ["SOURCE_DATE_EPOCH": "1000000000"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let document = try #require(try JSONSerialization.jsonObject(with: output) as? [String: Any])
        #expect(document["spdxVersion"] as? String == "SPDX-2.3")
        let information = document["creationInfo"] as? [String: Any]
        #expect(information?["created"] as? String == "2001-09-09T01:46:40Z")
        let packages = try #require(document["packages"] as? [[String: Any]])
        let ids = packages.compactMap { $0["SPDXID"] as? String }
        #expect(ids.count == packages.count && Set(ids).count == ids.count)
        for id in ids {
            #expect(id.range(of: "^SPDXRef-[A-Za-z0-9.-]+$", options: .regularExpression) != nil, "\(id)")
        }
        for name in ["libmicrohttpd.so.", "libgnutls.so.", "libz.so.", "libsimdjson.so.", "libc.so.6"] {
            let package = packages.first { ($0["name"] as? String)?.hasPrefix(name) == true }
            #expect(package != nil, "\(name) is not named")
            // Only where dpkg knows the system.
            guard FileManager.default.fileExists(atPath: "/var/lib/dpkg/status") else { continue }
            #expect(package?["versionInfo"] as? String != "NOASSERTION", "\(name)")
        }
        let relations = try #require(document["relationships"] as? [[String: Any]])
        #expect(relations.count == packages.count)
        for relation in relations {
            #expect(ids.contains(relation["relatedSpdxElement"] as? String ?? ""))
        }
    }
}
