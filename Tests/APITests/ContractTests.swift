// openapi.yaml and the code's own tables, held against each other both ways: operations, path variables,
// parameters, media types and problems.

import API
import Fleet
import Foundation
import HTTP
import OpenAPI
import TestSupport
import Testing

@Suite struct ContractTests {
    private static let document = Contract.document

    private static func published(_ operation: Route) throws -> PublishedOperation {
        try #require(document.operations.first { $0.id == operation.id }, "\(operation)")
    }

    @Test func operationsAgree() {
        let table = Set(Route.all.map { "\($0.path) \($0.id) \($0.method.name)" })
        let published = Self.document.operations.map { "\($0.path) \($0.id) \($0.method)" }
        #expect(Set(published) == table)
        #expect(published.count == table.count)
    }

    @Test(arguments: Route.all) func parametersAgree(operation: Route) throws {
        let published = try Self.published(operation)
        let inPath = published.parameters(in: "path")
        #expect(inPath.map(\.name).sorted() == published.pathVariables.sorted())
        #expect(!inPath.contains { !$0.isRequired })
        let inQuery = published.parameters(in: "query").map(\.name)
        #expect(inQuery.sorted() == operation.query.sorted())
    }

    @Test(arguments: Route.all) func mediaTypesAgree(operation: Route) throws {
        let published = try Self.published(operation)
        #expect((published.request?.content.keys.sorted() ?? []) == operation.consumes.sorted())
        #expect(published.request?.isRequired ?? true)
        let good = published.responses.filter { $0.key < 300 }.values.flatMap(\.content.keys)
        // What only answers 204 has no media type; a file has its own.
        let answersWithout = published.responses[204] != nil
        if operation.id == "staticFile" {
            #expect(good == ["*/*"])
        } else {
            #expect(Set(good) == (answersWithout ? [] : Set(operation.produces)))
        }
    }

    /// What fails is a problem, of a status that some kind of problem has; but for the probe of readiness.
    @Test func everyFailureIsAProblem() throws {
        let statuses = Set(ProblemKind.allCases.map(\.status))
        for operation in Self.document.operations {
            // 414 is libmicrohttpd's own.
            for (status, response) in operation.responses where status >= 400 && status != 414 {
                #expect(statuses.contains(status), "\(operation.id) \(status)")
                let type = operation.id == "ready" && status == 503 ? MediaType.plain : MediaType.problem
                #expect(response.content.keys.sorted() == [type], "\(operation.id) \(status)")
            }
        }
        // Every status of a problem is an operation's; 405 answers a method that the path lacks.
        let published = Set(Self.document.operations.flatMap(\.responses.keys))
        #expect(statuses.subtracting(published) == [405])
    }

    /// What the server may answer to any request stands at each operation.
    @Test(arguments: Route.all) func everyStatusIsPublished(operation: Route) throws {
        let published = try Self.published(operation)
        let server = Set(ProblemKind.allCases.map(\.status))
            .intersection([400, 406, 408, 413, 431, 500, 503])
        #expect(server.subtracting(published.responses.keys).isEmpty, "\(operation.id)")
        // libmicrohttpd's own, without a type.
        #expect(published.responses[414]?.content.isEmpty == true, "\(operation.id)")
        // Probes and pages need no token, and answer whoever asks under whatever name.
        for status in [401, 403] {
            #expect((operation.scope != nil) == (published.responses[status] != nil), "\(operation.id)")
        }
    }

    /// Parameters of a VM, in the query and in a body: their names, types, bounds and defaults.
    @Test func parametersOfAVMAgree() throws {
        let route = try #require(Route.all.first { $0.id == "readVMM" })
        let query = try Self.published(route).parameters(in: "query")
        #expect(query.map(\.name) == ["ram"] + VMParameter.all.map(\.name))
        let body = try #require(
            Self.document.root.value(at: "/components/schemas/GuestRequest/properties")?.object)
        let others = ["vmm", "ram", "viommu", "memory_map", "pinned_bars"]
        #expect(Set(body.keys) == Set(others + VMParameter.all.map(\.name)))
        let shape = VMShape(ram: 1)
        let defaults: [String: JSONValue] = [
            "vcpus": .integer(shape.vcpus), "p2p": .bool(shape.peerToPeer), "highmem": .bool(shape.highmem),
            "highmem_redists": .bool(shape.highmemRedists), "highmem_ecam": .bool(shape.highmemECAM),
            "highmem_mmio": .bool(shape.highmemMMIO), "cxl": .bool(shape.cxl),
            "highmem_mmio_size": .string("0x" + String(shape.highmemMMIOSize, radix: 16)),
            "protected": .bool(shape.isProtected),
        ]
        let parameters = try #require(Self.document.root.value(at: "/paths/~1v1~1vmms~1{vmm}/get/parameters"))
        let listed = parameters.array ?? []
        for parameter in VMParameter.all {
            let inQuery = listed.first { $0["name"]?.string == parameter.name }?["schema"]
            for schema in [inQuery, body[parameter.name]] {
                #expect(schema?["default"] == defaults[parameter.name], "\(parameter.name)")
                switch parameter.bounds {
                case .flag: #expect(schema?["type"] == .string("boolean"), "\(parameter.name)")
                case .count(let bounds):
                    #expect(schema?["type"] == .string("integer"), "\(parameter.name)")
                    #expect(schema?["minimum"] == .integer(bounds.lowerBound), "\(parameter.name)")
                    #expect(schema?["maximum"] == .integer(bounds.upperBound), "\(parameter.name)")
                case .size:
                    let name = schema == inQuery ? "MemorySize" : "Size"
                    #expect(schema?["$ref"] == .string("#/components/schemas/\(name)"), "\(parameter.name)")
                }
            }
        }
    }

    /// Every limit of ours must be answered; those of the server in front may be.
    @Test func limitsAgree() throws {
        let schema = try #require(
            Self.document.root.value(at: "/components/schemas/Limits/properties/limits"))
        #expect(
            Set(schema["required"]?.array?.compactMap(\.string) ?? []) == Set(Limits.table.map(\.name)))
        let servers = ServerLimitNames.all
        #expect(Set((schema["properties"]?.object ?? [:]).keys) == Set(Limits.table.map(\.name) + servers))
    }

    /// Unknown members of a request are refused and no answer has any, so that every schema says so.
    @Test func schemasAreClosed() {
        for operation in Self.document.operations {
            let answers = operation.responses.values.map(\.content)
            let bodies = [operation.request?.content].compactMap { $0 } + answers
            for schema in bodies.flatMap(\.values).compactMap(\.schema) {
                for pointer in Self.document.book.openObjects(from: schema) {
                    Issue.record("\(operation.id): \(pointer) does not forbid other members")
                }
            }
        }
    }

    /// What /openapi.json serves is openapi.yaml, value by value.
    @Test func theDocumentAsJSONIsTheSame() throws {
        let file = SharedShelf.packageRoot.appendingPathComponent("Public/openapi.json")
        let served = try JSONValue(parsing: [UInt8](Data(contentsOf: file)))
        #expect(served == Self.document.root, "run make docs")
    }

    /// What the answers name is what the rows say: nothing is served without a row.
    @Test func theRouterKnowsEveryRow() {
        let client = ServiceClient()
        let index = client.get("/v1").object("links")
        for route in Route.all where route.path != "/{file}" {
            let target = route.path.replacingOccurrences(of: "{", with: "x").filter { $0 != "}" }
            let allow = client.ask(.options, target).response.headers["Allow"] ?? ""
            #expect(allow.components(separatedBy: ", ").contains(route.method.name), "\(route.id)")
            let isListed = index[route.id] as? String == "\(route.method.name) \(route.path)"
            #expect(isListed == route.path.hasPrefix("/v1/"), "\(route.id)")
        }
    }
}
