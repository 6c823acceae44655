// `iovad collect`: what this host's kernel exposes, as the JSON that POST /v1/platforms takes. It understands
// none of it: bytes and texts go up as they are. The script that `--script` prints gives the same bytes.

import ArgumentParser
import JSON

struct Collect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gather what this host's kernel exposes, as JSON for POST /v1/platforms.",
        discussion: """
            Needs no privileges for groups and their regions; firmware's tables and the addresses of
            /proc/iomem are readable for root only, and what is missing is noted.

              iovad collect | curl --data-binary @- -H 'Content-Type: application/json' \\
                'http://127.0.0.1:8080/v1/platforms?id=this-host'
              iovad collect --script | ssh host sh -s
            """)

    @Option(help: "Read a copied tree (with sys/ and proc/ below it) instead of this host.")
    var root: String = ""
    @Flag(help: "Print a POSIX shell script that does the same where iovad is not installed.")
    var script = false

    func validate() throws {
        if script, !root.isEmpty {
            throw ValidationError("--root goes to the script itself: sh collect.sh DIR")
        }
        if !root.isEmpty, !Files.isFolder(root) { throw ValidationError("no folder \(root)") }
    }

    func run() throws {
        if script {
            print(CollectScript.text, terminator: "")
            return
        }
        var collection = HostCollection(root: root)
        print(String(decoding: collection.json, as: UTF8.self), terminator: "")
        for note in collection.notes { Console.say("iovad collect: \(note)") }
    }
}
