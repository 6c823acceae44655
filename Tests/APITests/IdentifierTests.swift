// Every entrance that takes an id agrees on which texts are ids, and whatever it accepts can be read and
// removed again under the Location that the answer names.

import API
import Foundation
import HTTP
import Testing

@Suite struct IdentifierTests {
    /// A place where a client names what it makes.
    enum Entrance: CaseIterable, Sendable {
        case postedPlatform, putPlatform, renamedPlatform, sessionQuery, sessionBody, domain
    }

    private static let alphabet = ["a", "Z", "0", ".", "-", "_", "%", "/", " ", "\u{1}", "ä"]
    private static let bare = #"{"devices":[]}"#

    /// Every text of up to three letters, and some about the longest.
    static let texts: [String] = {
        var texts = [""]
        var last = [""]
        for _ in 0..<3 {
            last = last.flatMap { head in alphabet.map { head + $0 } }
            texts += last
        }
        return texts + [WireID.bytesMax, WireID.bytesMax + 1].map { String(repeating: "x", count: $0) }
    }()

    static func isID(_ text: String) -> Bool {
        text.range(of: "^[A-Za-z0-9._-]{1,64}$", options: .regularExpression) != nil
            && text != "." && text != ".."
    }

    private func json(_ value: [String: Any]) -> String {
        let data = try? JSONSerialization.data(withJSONObject: value)
        return String(decoding: data ?? Data(), as: UTF8.self)
    }

    private func ask(_ client: ServiceClient, _ entrance: Entrance, _ id: String) -> ServiceClient.Answer {
        let encoded = RequestTarget.encoded(id)
        return switch entrance {
        case .postedPlatform: client.post("/v1/platforms?id=\(encoded)", json: Self.bare)
        case .putPlatform:
            client.ask(.put, "/v1/platforms/\(encoded)", Array(Self.bare.utf8), type: "application/json")
        case .renamedPlatform:
            client.ask(
                .patch, "/v1/platforms/before", Array(json(["id": id]).utf8), type: "application/json")
        case .sessionQuery: client.post("/v1/sessions?id=\(encoded)", json: "{}")
        case .sessionBody: client.post("/v1/sessions", json: json(["id": id]))
        case .domain: client.post("/v1/sessions/home/domains", json: json(["id": id]))
        }
    }

    @Test(arguments: Entrance.allCases)
    func whatIsAcceptedCanBeReadAndDeleted(entrance: Entrance) throws {
        let client = ServiceClient()
        #expect(client.post("/v1/sessions?id=home", json: "{}").status == 201)
        for text in Self.texts {
            if entrance == .renamedPlatform { _ = client.post("/v1/platforms?id=before", json: Self.bare) }
            let made = ask(client, entrance, text)
            guard Self.isID(text) else {
                #expect((400...422).contains(made.status), "\(entrance) \"\(text)\": \(made.status)")
                continue
            }
            #expect(made.status == (entrance == .renamedPlatform ? 200 : 201), "\(entrance) \"\(text)\"")
            let location = try #require(
                entrance == .renamedPlatform
                    ? "/v1/platforms/\(RequestTarget.encoded(text))" : made.response.headers["Location"],
                "\(entrance) \"\(text)\"")
            #expect(client.get(location).json["id"] as? String == text)
            #expect(client.ask(.delete, location).status == 204)
            #expect(client.get(location).status == 404)
        }
    }

    /// A path cannot hold a dot segment; everything else says the same sentence.
    @Test(arguments: [".", "..", "a b", "ä"])
    func refusalsAreWordedAlike(id: String) {
        let client = ServiceClient()
        #expect(client.post("/v1/sessions?id=home", json: "{}").status == 201)
        for entrance in Entrance.allCases {
            let answer = ask(client, entrance, id)
            if entrance == .putPlatform, id.hasPrefix(".") {
                #expect(answer.status == 404)
            } else {
                #expect(answer.list("errors").first?["detail"] as? String == WireID.sentence, "\(entrance)")
            }
        }
    }

    @Test func nothingIsStoredByValidatingAnID() {
        let client = ServiceClient()
        for id in [".", ".."] {
            let target = "/v1/platforms?id=\(id)&validate_only=true"
            #expect(client.post(target, json: Self.bare).pointers == ["?id"])
        }
        #expect(client.post("/v1/platforms?id=p&validate_only=true", json: Self.bare).status == 200)
        #expect(client.get("/v1/platforms/p").status == 404)
    }

    /// Attached devices are called as their machines call them: the weaker rule is that a path names them.
    @Test func attachedDevicesCanBeDetached() {
        let client = ServiceClient()
        #expect(client.post("/v1/sessions?id=home", json: "{}").status == 201)
        let domain = "/v1/sessions/home/domains/d"
        for text in Self.texts {
            #expect(client.post("/v1/sessions/home/domains", json: #"{"id":"d"}"#).status == 201)
            for device in [
                ["id": text, "description": [String: Any]()], ["description": ["id": text]],
            ] as [[String: Any]] {
                let attached = client.post(domain + "/devices", json: json(device))
                let isReachable = text != "" && text != "." && text != ".." && !text.contains("\u{1}")
                #expect(attached.status == (isReachable ? 201 : 422), "\"\(text)\"")
                guard isReachable else {
                    #expect(attached.pointers.count == 1, "\"\(text)\"")
                    continue
                }
                let path = domain + "/devices/" + RequestTarget.encoded(text)
                #expect(client.ask(.delete, path).status == 204, "\"\(text)\"")
            }
            #expect(client.ask(.delete, domain).status == 204)
        }
    }
}
