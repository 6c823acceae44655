// What openapi.yaml says to people and to generators of clients: every operation has a tag, a description and
// examples, every parameter and every member says what it is, and every link leads to an operation. What the
// sentences say, people have to see; that there is one is held here.

import API
import Foundation
import LinuxReleases
import OpenAPI
import Testing

@Suite struct ContractProseTests {
    private static let document = Contract.document

    @Test func operationsAreDescribed() {
        let tags = Self.document.root["tags"]?.array ?? []
        let known = Set(tags.compactMap { $0["name"]?.string })
        #expect(tags.allSatisfy { Self.isText($0["description"]) })
        for operation in Self.document.operations {
            let value = Self.document.root.value(at: operation.pointer)
            #expect(Self.isText(value?["summary"]), "\(operation.id) has no summary")
            #expect(Self.isText(value?["description"]), "\(operation.id) has no description")
            let own = value?["tags"]?.array?.compactMap(\.string) ?? []
            #expect(own.count == 1 && known.isSuperset(of: own), "\(operation.id): \(own)")
        }
    }

    /// Whoever tries an operation finds a value for whatever it demands.
    @Test func operationsHaveExamples() {
        for operation in Self.document.operations {
            for parameter in operation.parameters where parameter.isRequired {
                #expect(parameter.example != nil, "\(operation.id): \(parameter.name) has no example")
            }
            #expect(Self.hasExample(operation), "\(operation.id) has no example")
            guard let request = operation.request else { continue }
            let hasOne = request.content.values.contains { !$0.examples.isEmpty }
            #expect(hasOne, "\(operation.id) has no example of a body")
        }
    }

    /// A value of what it demands, a body, or an answer: this server's own, where nothing has to be sent.
    private static func hasExample(_ operation: PublishedOperation) -> Bool {
        let demands = operation.parameters.contains { $0.isRequired && $0.example != nil }
        if demands || operation.request != nil { return true }
        guard let answer = operation.responses[200].flatMap({ document.root.value(at: $0.pointer) }) else {
            return false
        }
        return (answer["content"]?.object ?? [:]).values.contains {
            $0["examples"]?["answer"]?["externalValue"]?.string == operation.path
        }
    }

    @Test func parametersAreDescribed() {
        for operation in Self.document.operations {
            for parameter in operation.parameters {
                #expect(Self.isText(parameter.description), "\(operation.id): \(parameter.name)")
            }
        }
    }

    /// A member says itself what it is, or the schema that it names does.
    @Test func membersAreDescribed() {
        var count = 0
        Self.visit(Self.document.root.value(at: "/components/schemas"), "") { pointer, member in
            count += 1
            let named = member["$ref"]?.string.flatMap {
                Self.document.root.value(at: String($0.dropFirst()))
            }
            let isDescribed = Self.isText(member["description"]) || Self.isText(named?["description"])
            #expect(isDescribed, "\(pointer) has no description")
        }
        #expect(count > 1_000)
    }

    /// Behaviours of kernels have their sentences in the catalogue, and nowhere else.
    @Test func behavioursAreTheCatalogues() {
        let members = Self.document.root.value(at: "/components/schemas/Behaviours/properties")?.object ?? [:]
        #expect(Set(members.keys) == Set(Behaviour.allCases.map(\.rawValue)))
        for behaviour in Behaviour.allCases {
            #expect(members[behaviour.rawValue]?["description"]?.string == behaviour.sentence)
        }
    }

    /// For which consumer or source a member is, is not yet what it is.
    @Test func conditionsAreNoDescriptions() {
        let words = Set(WireWords.consumers.map(\.word) + ["fixed", "candidates", "dynamic", "user", "none"])
        Self.visit(Self.document.root.value(at: "/components/schemas"), "") { pointer, member in
            guard let text = member["description"]?.string else { return }
            let own = text.split { " ,.:".contains($0) }.map(String.init)
            #expect(!Set(own).isSubset(of: words), "\(pointer): \(text)")
        }
    }

    @Test func headersAreDescribed() {
        for (name, header) in Self.document.root.value(at: "/components/headers")?.object ?? [:] {
            #expect(Self.isText(header["description"]), "\(name)")
        }
    }

    /// A link gives each variable of the path a value, and no other parameter.
    @Test func linksLead() {
        var count = 0
        for operation in Self.document.operations {
            for (status, response) in operation.responses {
                for (name, link) in Self.document.root.value(at: response.pointer)?["links"]?.object ?? [:] {
                    count += 1
                    let target = Self.document.operations.first { $0.id == link["operationId"]?.string }
                    let given = Set((link["parameters"]?.object ?? [:]).keys)
                    let known = Set(target?.parameters.map(\.name) ?? [])
                    let place = "\(operation.id) \(status) \(name)"
                    #expect(given.isSuperset(of: target?.pathVariables ?? ["?"]), "\(place)")
                    #expect(known.isSuperset(of: given), "\(place)")
                }
            }
        }
        #expect(count > 20)
    }

    private static func isText(_ value: JSONValue?) -> Bool { value?.string?.isEmpty == false }
    private static func isText(_ text: String?) -> Bool { text?.isEmpty == false }

    private static func visit(_ value: JSONValue?, _ pointer: String, _ note: (String, JSONValue) -> Void) {
        switch value {
        case .object(let members)?:
            for (name, member) in members where !["example", "examples", "default"].contains(name) {
                // A member may itself be called `properties`: it is an object of the document then, too.
                if name == "properties", let properties = member.object {
                    for (property, schema) in properties { note("\(pointer).\(property)", schema) }
                }
                visit(member, "\(pointer)/\(name)", note)
            }
        case .array(let items)?:
            for (index, item) in items.enumerated() { visit(item, "\(pointer)/\(index)", note) }
        case .null?, .bool?, .integer?, .number?, .string?, nil: break
        }
    }
}
