// GET /v1/vmms and /v1/vmms/{vmm}: whose memory maps are known, and one of them laid out.

import APIContract
import FleetQueries
import HTTPMessages
import IOVAAllocation
import WireJSON

extension Service {
    func listVMMs(_ context: RequestContext) throws(Problem) -> Response {
        json(200) { writer in
            writer.array("items") { writer in
                for vmm in VMM.allCases { writer.object { $0.vmmMembers(vmm) } }
            }
        }
    }

    func readVMM(_ context: RequestContext) throws(Problem) -> Response {
        let id = context.variable("vmm")
        guard let vmm = VMM(rawValue: id) else {
            throw Problem(.notFound, "No VMM \"\(shown(id))\"; GET /v1/vmms lists them.")
        }
        var errors: [JSONProblem] = []
        let shape = shape(context, &errors)
        guard errors.isEmpty else { throw .parameters(errors) }
        return json(200) { writer in
            writer.vmmMembers(vmm)
            if let shape { writer.guestMapMembers(vmm, shape) }
            writer.model(.newest, engine: configuration.version)
        }
    }

    /// The guest's shape; nil when no parameter asks for one.
    private func shape(_ context: RequestContext, _ errors: inout [JSONProblem]) -> VMShape? {
        let others = VMParameter.all.filter { context.parameter($0.name) != nil }
        guard context.parameter("ram") != nil else {
            for parameter in others {
                errors.append(self.parameter(parameter.name, "Send \"ram\" with it."))
            }
            return nil
        }
        guard let ram = memorySize("ram", context, &errors) else { return nil }
        guard (1...VMShape.sizeMax).contains(ram) else {
            errors.append(parameter("ram", "Send 1 to \(VMShape.sizeMax) bytes."))
            return nil
        }
        var shape = VMShape(ram: ram)
        for parameter in others {
            guard let value = value(parameter, context, &errors) else { continue }
            if let fault = parameter.set(value, in: &shape) {
                errors.append(self.parameter(parameter.name, fault))
            }
        }
        return shape
    }

    /// A size as VMMs take it on their command lines: `64G`, or a number.
    private func memorySize(
        _ name: String, _ context: RequestContext, _ errors: inout [JSONProblem]
    ) -> UInt64? {
        if let text = context.parameter(name), let size = MemorySize.parse(text) { return size }
        return number(name, context, &errors)
    }

    private func value(
        _ parameter: VMParameter, _ context: RequestContext, _ errors: inout [JSONProblem]
    ) -> VMParameter.Value? {
        let text = context.parameter(parameter.name) ?? ""
        switch parameter.bounds {
        case .size: return memorySize(parameter.name, context, &errors).map { .size($0) }
        case .flag:
            if let flag = ["true": true, "false": false][text] { return .flag(flag) }
            errors.append(self.parameter(parameter.name, "Send true or false."))
            return nil
        case .count(let bounds):
            if let count = Int(text), bounds.contains(count) { return .count(count) }
            errors.append(
                self.parameter(parameter.name, "Send \(bounds.lowerBound) to \(bounds.upperBound)."))
            return nil
        }
    }
}
