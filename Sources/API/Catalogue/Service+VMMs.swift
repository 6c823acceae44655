// GET /v1/vmms and /v1/vmms/{vmm}: whose memory maps are known, and one of them laid out.

import Fleet
import HTTP
import IOVAAllocation
import JSON
import LinuxReleases

extension Route {
    static let vmms: [Route] = [
        .get("listVMMs", "/v1/vmms", Service.listVMMs),
        .get(
            "readVMM", "/v1/vmms/{vmm}", query: ["ram"] + VMParameter.all.map(\.name), Service.readVMM),
    ]
}

extension Service {
    func listVMMs(_ context: RequestContext) -> Response {
        json(200) { writer in
            writer.array("items") { writer in
                for vmm in VMM.allCases { writer.object { $0.vmmMembers(vmm) } }
            }
        }
    }

    func readVMM(_ context: RequestContext) throws(Problem) -> Response {
        let id = context.variable("vmm")
        guard let vmm = VMM(rawValue: id) else {
            throw Problem(.notFound, "No VMM \"\(Excerpt.of(id))\"; GET /v1/vmms lists them.")
        }
        let query = context.query
        let shape = shape(query)
        try query.check()
        return json(200) { writer in
            writer.vmmMembers(vmm)
            if let shape { writer.guestMapMembers(vmm, shape) }
            writer.model(.newest, engine: configuration.version)
        }
    }

    /// The guest's shape; nil when no parameter asks for one.
    private func shape(_ query: QueryReader) -> VMShape? {
        guard let ram = query.value("ram") else {
            for parameter in VMParameter.all where query.value(parameter.name) != nil {
                query.add(parameter.name, "Send \"ram\" with it.")
            }
            return nil
        }
        var query = query
        return VMShape(ram: ram, &query)
    }
}
