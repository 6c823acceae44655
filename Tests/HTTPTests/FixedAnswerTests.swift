// Answers that are the same for every request but for its id.

import HTTP
import Testing

struct FixedAnswerTests {
    private var answer: FixedAnswer {
        var answer = Response(status: 200, headers: HeaderFields([.init("ETag", "\"e\"")]), body: [1, 2])
        answer.dress(requestID: "", HeaderFields([.init("Server", "s")]))
        return FixedAnswer(answer)
    }

    @Test func fieldsHaveTheRequestsID() {
        let answer = answer
        for id in ["r-1", "r-2"] {
            let response = answer.response(requestID: id)
            #expect(response.status == 200 && response.body == [1, 2] && response.requestID == id)
            #expect(
                response.headers.fields
                    == [.init("ETag", "\"e\""), .init("X-Request-ID", id), .init("Server", "s")])
            #expect(response.fixed === answer)
        }
    }

    /// Whoever changes a field has an answer of one request.
    @Test func changedFieldsAreNotFixed() {
        var response = answer.response(requestID: "r-1")
        response.headers.set("ETag", "\"f\"")
        #expect(response.fixed == nil)
        #expect(response.headers["ETag"] == "\"f\"" && response.headers["X-Request-ID"] == "r-1")
        var dressed = answer.response(requestID: "r-1")
        dressed.dress(requestID: "r-2", HeaderFields())
        #expect(dressed.fixed == nil && dressed.headers.all("X-Request-ID") == ["r-1", "r-2"])
    }

    @Test func keepsWhatTheServerMade() {
        final class Made: Sendable {}
        let answer = answer
        let first = answer.keeping { Made() }
        #expect(answer.keeping { Made() } === first)
    }

    @Test func idsHaveOneLength() {
        #expect(RequestID.text(of: 0) == "r-0000000000000")
        #expect(RequestID.text(of: 0xfff0_1234_5678_9abc) == "r-0123456789abc")
        #expect(RequestID.text(of: .max).utf8.count == RequestID.byteCount)
    }
}
