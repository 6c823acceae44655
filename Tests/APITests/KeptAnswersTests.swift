// A finished answer is given again only to the same question about the same platform: what was replaced,
// withdrawn or never answered is computed, and whatever is asked the bound holds.

import API
import HTTP
import Testing

@Suite struct KeptAnswersTests {
    private static func upload(_ start: String) -> String {
        #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
            + #""reserved_regions":[{"start":"\#(start)","size":"0x100000"}]}]}"#
    }

    private static func client(_ start: String = "0x8000000") -> ServiceClient {
        let client = ServiceClient()
        put(upload(start), on: client)
        return client
    }

    private static func put(_ upload: String, on client: ServiceClient) {
        let answer = client.ask(.put, "/v1/platforms/p", Array(upload.utf8), type: "application/json")
        #expect(answer.status == 200 || answer.status == 201, "\(answer.text)")
    }

    private static let question = #"{"platform":"p","device":"d","consumer":"vfio_type1"}"#

    private static func ask(
        _ client: ServiceClient, _ question: String = question, explain: String = "none"
    ) -> ServiceClient.Answer {
        client.post("/v1/decisions?explain=\(explain)", json: question)
    }

    @Test func sameQuestionIsAnsweredFromWhatIsKept() {
        let client = Self.client()
        let first = Self.ask(client)
        #expect(first.status == 200, "\(first.text)")
        let before = client.service.keptAnswersFigures
        #expect(before.answers == 1 && before.given == 0)
        let again = Self.ask(client)
        #expect(again.text == first.text)
        #expect(again.response.headers["Content-Type"] == first.response.headers["Content-Type"])
        #expect(again.response.headers["X-Request-ID"] != first.response.headers["X-Request-ID"])
        let after = client.service.keptAnswersFigures
        #expect(after.answers == 1 && after.bytes == before.bytes && after.given == 1)
        // The levels of explanation are answers of their own, each as a fresh service gives it.
        for explain in ["summary", "full", "none"] {
            #expect(Self.ask(client, explain: explain).text == Self.ask(Self.client(), explain: explain).text)
            #expect(Self.ask(client, explain: explain).text == Self.ask(Self.client(), explain: explain).text)
        }
        // Of the six, the first of two levels were computed; "none" was there.
        #expect(client.service.keptAnswersFigures.answers == 3)
        #expect(client.service.keptAnswersFigures.given == 5)
    }

    @Test func replacedPlatformIsAnsweredAnew() {
        let client = Self.client()
        #expect(Self.ask(client).text.contains(#""reachable":false"#))
        Self.put(Self.upload("0x9000000"), on: client)
        #expect(Self.ask(client).text.contains(#""reachable":true"#))
        #expect(Self.ask(client).text == Self.ask(Self.client("0x9000000")).text)
        // What was there before has another serial when it comes back.
        Self.put(Self.upload("0x8000000"), on: client)
        #expect(Self.ask(client).text.contains(#""reachable":false"#))
        #expect(client.ask(.delete, "/v1/platforms/p").status == 204)
        #expect(Self.ask(client).status == 422)
        // Only the second question about the same platform had its answer from there.
        #expect(client.service.keptAnswersFigures.given == 1)
    }

    @Test func problemsAndInlineQuestionsAreNotKept() {
        let client = Self.client()
        #expect(Self.ask(client, #"{"platform":"p","device":"x","consumer":"vfio_type1"}"#).status == 422)
        #expect(Self.ask(client, #"{"platform":"q","device":"d","consumer":"vfio_type1"}"#).status == 422)
        #expect(Self.ask(client, #"{"reserved_regions":[],"consumer":"vfio_type1"}"#).status == 200)
        let long = Self.question + String(repeating: " ", count: 16 << 10)
        #expect(Self.ask(client, long).status == 200)
        #expect(client.service.keptAnswersFigures.answers == 0)
    }

    @Test func bytesStayWithinTheLimit() {
        let client = Self.client()
        var most = 0
        for number in 0..<4_000 {
            let blanks = String(repeating: " ", count: 8_000 + number)
            _ = Self.ask(client, Self.question + blanks)
            most = max(most, client.service.keptAnswersFigures.bytes)
        }
        #expect(most <= Limits.keptAnswerBytesMax)
        #expect(most > Limits.keptAnswerBytesMax / 2, "nothing was dropped")
    }

    /// A platform that is replaced all the time, and asked about by others: each answer is that of one of the
    /// two, and the last is that of the last.
    @Test func answersOfRacingReplacementsAreTheirs() async {
        let client = Self.client()
        let service = client.service
        let expected = Set(["0x8000000", "0x9000000"].map { Self.ask(Self.client($0)).text })
        await withTaskGroup(of: Set<String>.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    var seen: Set<String> = []
                    for _ in 0..<400 { seen.insert(Self.ask(ServiceClient(service: service)).text) }
                    return seen
                }
            }
            for round in 0..<200 {
                Self.put(Self.upload(round % 2 == 0 ? "0x9000000" : "0x8000000"), on: client)
            }
            for await seen in group { #expect(seen.isSubset(of: expected)) }
        }
        #expect(Self.ask(client).text == Self.ask(Self.client()).text)
    }
}
