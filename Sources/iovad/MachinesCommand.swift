// `iovad machines`: the built-in machines, as the service lists them, with what is special about each.

import API
import ArgumentParser
import JSON

struct MachinesCommand: CheckedCommand {
    static let configuration = CommandConfiguration(
        commandName: "machines",
        abstract: "List the built-in machines: ids for --platform, and what is special about each.",
        discussion: """
            Other machines are read from files: see --machine of decide, explain, place and survey. The JSON \
            is the answer of GET /v1/platforms.
            """)

    @OptionGroup var output: OutputOption

    func checkArguments() throws { try output.check() }

    func answer() throws {
        let service = OfflineService(version: Iovad.version)
        try output.printer.show(service.get("/v1/platforms?limit=\(Limits.pageItemsMax)")) { answer in
            answer.children("items").map { item in
                "\(item.text("id"))  \(item.text("model"))\n    \(item.text("summary"))\n"
            }.joined()
        }
    }
}
