// A folder below another that may not be read: the command says so, and does not call the rest the whole.

import Foundation
import TestSupport
import Testing

@Suite struct UnreadableFolderTests {
    /// Root reads everything, so that the command runs as nobody, from a place that nobody may read.
    @Test func surveysTellAndFail() throws {
        let folder = try Folder()
        let tree = folder.url.appendingPathComponent("tree")
        for name in ["good", "bad"] {
            let machine = tree.appendingPathComponent(name)
            try FileManager.default.createDirectory(at: machine, withIntermediateDirectories: true)
            try "0x0000000008000000 0x00000000080fffff msi\n".write(
                to: machine.appendingPathComponent("regions.txt"), atomically: true, encoding: .utf8)
        }
        let words = """
            chmod 755 "$1"; cp "$0" "$1/iovad"; chmod 0 "$1/tree/bad"
            as=; [ "$(id -u)" -ne 0 ] || as='setpriv --reuid=65534 --regid=65534 --clear-groups'
            $as "$1/iovad" survey "$1/tree" 2>&1; echo "status $?"; chmod 700 "$1/tree/bad"
            """
        let said = try run("sh", "-c", words, Command.executable.path, folder.url.path).output
        #expect(said.contains("\(tree.path)/bad: Permission denied"), "\(said)")
        #expect(said.contains("1 machines") && said.hasSuffix("status 1\n"), "\(said)")
    }
}
