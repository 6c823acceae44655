// The validator rejects what it should: each keyword with a value that fits and one that does not, members
// that nobody described, and documents that it cannot check.

import OpenAPI
import Testing

@Suite struct SchemaTests {
    private func book(_ schema: String, _ others: String = "{}") throws -> (book: SchemaBook, place: Int) {
        let root = try JSONValue(parsing: #"{"schema":\#(schema),"others":\#(others)}"#)
        var book = SchemaBook(root)
        let place = try book.compile(at: "/schema")
        return (book, place)
    }

    private func isValid(_ value: String, _ schema: String, isClosed: Bool = true) throws -> Bool {
        let (book, place) = try book(schema)
        return book.faults(of: try JSONValue(parsing: value), against: place, isClosed: isClosed).isEmpty
    }

    @Test(arguments: [
        (#"{"type":"string"}"#, #""a""#, "1"),
        (#"{"type":["string","null"]}"#, "null", "true"),
        (#"{"type":"integer"}"#, "1", "1.5"),
        (#"{"type":"number"}"#, "1", #""1""#),
        (#"{"type":"boolean"}"#, "true", "0"),
        (#"{"enum":["a",null,1]}"#, "null", #""b""#),
        (#"{"const":1}"#, "1", "2"),
        (#"{"type":"string","pattern":"^0x[0-9a-f]{1,16}$"}"#, #""0xff""#, #""0xFF""#),
        (#"{"type":"string","minLength":1,"maxLength":2}"#, #""é€""#, #""abc""#),
        (#"{"type":"string","minLength":1}"#, #""a""#, #""""#),
        (#"{"type":"integer","minimum":1,"maximum":3}"#, "3", "4"),
        (#"{"type":"integer","minimum":1,"maximum":3}"#, "1", "0"),
        (#"{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":2}"#, "[1,2]", "[1,2,3]"),
        (#"{"type":"array","items":{"type":"integer"},"minItems":1}"#, "[1]", "[]"),
        (#"{"type":"array","items":{"type":"integer"}}"#, "[1]", #"["a"]"#),
        (#"{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}]}"#, #"[1,"a"]"#, #"["a",1]"#),
        (#"{"type":"array","prefixItems":[{"type":"integer"}]}"#, "[1]", "[1,2]"),
        (#"{"properties":{"a":{"type":"integer"}}}"#, #"{"a":1}"#, #"{"a":"1"}"#),
        (#"{"properties":{"a":{}},"required":["a"]}"#, #"{"a":1}"#, "{}"),
        (#"{"additionalProperties":{"type":"integer"}}"#, #"{"z":1}"#, #"{"z":"1"}"#),
        (#"{"properties":{"a":{}},"additionalProperties":false}"#, #"{"a":1}"#, #"{"b":1}"#),
        (#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#, "null", "1"),
        (#"{"anyOf":[{"type":"integer"},{"minimum":5}]}"#, "7", #"{"a":1}"#),
        (#"{"allOf":[{"type":"integer"},{"minimum":5}]}"#, "7", "4"),
        (#"{"oneOf":[{"type":"integer"},{"minimum":5}]}"#, "4", "7"),
        ("true", "1", #"{"a":1}"#),
    ])
    func keywordsAcceptAndReject(schema: String, good: String, bad: String) throws {
        #expect(try isValid(good, schema), "\(schema) rejects \(good)")
        #expect(try !isValid(bad, schema), "\(schema) accepts \(bad)")
    }

    /// Closed by default, whatever combines the descriptions; open when asked.
    @Test(arguments: [
        (#"{"type":"object","properties":{"a":{}}}"#, #"{"a":1,"b":2}"#),
        (#"{"type":"object"}"#, #"{"a":1}"#),
        ("{}", #"{"a":1}"#),
        (#"{"type":"array"}"#, "[1]"),
        (#"{"allOf":[{"properties":{"a":{}}},{"properties":{"b":{}}}]}"#, #"{"a":1,"b":2,"c":3}"#),
        (#"{"oneOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]}]}"#, #"{"a":1,"c":3}"#),
        (#"{"properties":{"a":{"type":"object","properties":{"b":{}}}}}"#, #"{"a":{"b":1,"c":2}}"#),
        (#"{"items":{"properties":{"b":{}}}}"#, #"[{"b":1},{"c":2}]"#),
    ])
    func undescribedMembersAreRefused(schema: String, value: String) throws {
        #expect(try !isValid(value, schema), "\(schema) accepts \(value)")
        #expect(try isValid(value, schema, isClosed: false), "\(schema) rejects \(value)")
    }

    /// A base and what is added to it speak of one object together.
    @Test func compositionIsSeenWhole() throws {
        let base = #""allOf":[{"properties":{"a":{}}}],"properties":{"b":{}}"#
        let schema = #"{\#(base),"oneOf":[{"properties":{"c":{"type":"null"}}}]}"#
        #expect(try isValid(#"{"a":1,"b":2,"c":null}"#, schema))
        let strict = #"{\#(base),"unevaluatedProperties":false}"#
        #expect(try isValid(#"{"a":1,"b":2}"#, strict, isClosed: false))
        #expect(try !isValid(#"{"a":1,"c":2}"#, strict, isClosed: false))
        #expect(try isValid(#"{"a":1,"z":2}"#, #"{"properties":{"a":{}},"additionalProperties":true}"#))
    }

    @Test func referencesAreFollowedAndMayRecur() throws {
        let (book, place) = try book(
            ##"{"$ref":"#/others/tree"}"##, ##"{"tree":{"properties":{"next":{"$ref":"#/others/tree"}}}}"##)
        #expect(book.faults(of: try JSONValue(parsing: #"{"next":{"next":{}}}"#), against: place).isEmpty)
        let faults = book.faults(of: try JSONValue(parsing: #"{"next":{"net":{}}}"#), against: place)
        #expect(faults.map(\.place) == ["/next"])
    }

    @Test func faultsNamePlaceAndSchema() throws {
        let (book, place) = try book(#"{"properties":{"a/b":{"items":{"type":"integer"}}}}"#)
        let faults = book.faults(of: try JSONValue(parsing: #"{"a/b":[1,"x"]}"#), against: place)
        #expect(faults.count == 1)
        #expect(faults.first?.place == "/a~1b/1")
        #expect(faults.first?.schema == "/schema/properties/a~1b/items")
    }

    /// Members of alternatives that did not fit do not count as described ones that were seen.
    @Test func seenMembersAreThoseOfTheAlternativeThatFits() throws {
        let branches = [1, 2].map { #"{"properties":{"k":{"const":\#($0)},"a":{}},"required":["k"]}"# }
        let (book, place) = try book(#"{"oneOf":[\#(branches.joined(separator: ","))]}"#)
        let seen = book.members(of: try JSONValue(parsing: #"{"k":2,"a":0}"#), against: place)
        #expect(Set(seen?.map(\.schema) ?? []) == ["/schema/oneOf/1"])
        #expect(book.members(of: .object(["k": .integer(3)]), against: place) == nil)
    }

    @Test(arguments: [
        #"{"patternProperties":{}}"#, #"{"not":{}}"#, #"{"type":"text"}"#, #"{"nullable":true}"#,
        #"{"if":{}}"#, #"{"pattern":"[a-z]"}"#, #"{"pattern":"^\\d$"}"#, #"{"enum":[]}"#,
        #"{"enum":["a","a"]}"#, ##"{"$ref":"#/others/none"}"##, ##"{"$ref":"other.yaml#/a"}"##, "1",
        #"{"minItems":3,"maxItems":2}"#, #"{"unevaluatedProperties":true}"#, #"{"oneOf":[]}"#,
        #"{"required":["a","a"]}"#, #"{"multipleOf":2}"#,
    ])
    func whatIsNotCheckedIsRefused(schema: String) {
        #expect(throws: (any Error).self) { try book(schema) }
    }

    @Test(arguments: [
        ("^[a-c]+$", "abc", "abd"), ("^a{2}$", "aa", "aaa"), ("^a?b*$", "bb", "ab "),
        ("^(x|yz)+$", "xyz", "xy"),
        ("^v1\\.[^a]$", "v1.b", "v1.a"), ("^.{1,2}$", "ab", "abc"), ("^x|y$", "y", "xy"),
        ("^[._-]$", "-", "a"),
    ])
    func patterns(pattern: String, good: String, bad: String) throws {
        let schema = JSONValue.object(["pattern": .string(pattern)]).text
        #expect(try isValid(JSONValue.string(good).text, schema))
        #expect(try !isValid(JSONValue.string(bad).text, schema))
    }
}
