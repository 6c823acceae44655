// openapi.yaml and the operation table name the same routes, both ways, and the same problems' statuses.

import APIContract
import APIService
import Foundation
import HTTPMessages
import TestSupport
import Testing

@Suite struct ContractTests {
    private func contract() throws -> [String] {
        let file = SharedShelf.packageRoot.appendingPathComponent("openapi.yaml")
        return try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
    }

    /// Operations of the contract as "path operationId method", read from its layout: paths stand at two
    /// blanks, methods at four.
    private func published() throws -> Set<String> {
        var found: Set<String> = []
        var path = ""
        var method = ""
        for line in try contract() {
            let words = line.split(separator: " ").map(String.init)
            if line.hasPrefix("  /"), let word = words.first { path = String(word.dropLast()) }
            if line.hasPrefix("    "), !line.hasPrefix("     "), let word = words.first,
                ["get:", "put:", "post:", "patch:", "delete:"].contains(word)
            {
                method = word.dropLast().uppercased()
            }
            if let place = words.firstIndex(of: "operationId:") {
                let name = words[place + 1].filter { $0.isLetter }
                found.insert("\(path) \(name) \(method)")
            }
        }
        return found
    }

    @Test func contractAndTableAgree() throws {
        let table = Set(Route.all.map { "\($0.path) \($0.id) \($0.method.name)" })
        #expect(try published() == table)
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

    @Test func everyQueryParameterIsPublished() throws {
        let text = try contract().joined(separator: "\n")
        for route in Route.all {
            for name in route.query {
                #expect(text.contains("name: \(name), in: query"), "\(route.id) \(name)")
            }
        }
    }
}
