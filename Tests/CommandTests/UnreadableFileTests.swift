// Files and folders that the user may not read: the command says which and why, and does not call the rest
// all. Root reads everything, so that the command runs as nobody, from a place that nobody may read.

import Foundation
import TestSupport
import Testing

@Suite struct UnreadableFileTests {
    /// What the command prints on either output, with its status in a line of its own. `closed` is below the
    /// folder, and may not be read meanwhile.
    private func said(_ folder: Folder, closed: String, _ arguments: String...) throws -> String {
        let words = """
            chmod 755 "$1"; cp "$0" "$1/iovad"; chmod 0 "$1/$2"; folder=$1; closed=$2; shift 2
            as=; [ "$(id -u)" -ne 0 ] || as='setpriv --reuid=65534 --regid=65534 --clear-groups'
            $as "$folder/iovad" "$@" 2>&1; echo "status $?"; chmod 700 "$folder/$closed"
            """
        let all = ["sh", "-c", words, Command.executable.path, folder.url.path, closed] + arguments
        return try run(all).output
    }

    private static let regions = "0x0000000008000000 0x00000000080fffff msi\n"

    @Test func surveysTellAndFail() throws {
        let folder = try Folder()
        let tree = folder.url.appendingPathComponent("tree")
        for name in ["good", "bad"] {
            let machine = tree.appendingPathComponent(name)
            try FileManager.default.createDirectory(at: machine, withIntermediateDirectories: true)
            try Self.regions.write(
                to: machine.appendingPathComponent("regions.txt"), atomically: true, encoding: .utf8)
        }
        let said = try said(folder, closed: "tree/bad", "survey", tree.path)
        #expect(said.contains("\(tree.path)/bad: Permission denied"), "\(said)")
        #expect(said.contains("1 machines") && said.hasSuffix("status 1\n"), "\(said)")
    }

    /// A host that cannot be read is not one without an IOMMU.
    @Test(arguments: ["", "/sys", "/sys/kernel"]) func hostsTrees(closed: String) throws {
        let folder = try Folder()
        let host = folder.url.appendingPathComponent("host")
        try FileManager.default.createDirectory(
            at: host.appendingPathComponent("sys/kernel"), withIntermediateDirectories: true)
        for command in ["decide", "collect", "explain"] {
            let said = try said(folder, closed: "host\(closed)", command, "--root", host.path)
            #expect(
                said == "Error: --root \(host.path)\(closed): Permission denied\nstatus 1\n",
                "\(command): \(said)")
        }
    }

    @Test func filesAreNamedWithTheirFlag() throws {
        let folder = try Folder()
        let file = try folder.file("regions.txt", Self.regions)
        let said = try said(folder, closed: "regions.txt", "decide", "--machine", file)
        #expect(said.hasSuffix("--machine \(file): Permission denied\nstatus 1\n"), "\(said)")
    }
}
