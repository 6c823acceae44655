// Fixed answers as responses of libmicrohttpd, kept between requests: putting one together takes 800
// instructions for each of its fields, and taking it apart again half of that (callgrind): 15,000 of a file's
// 76,000. Only the request's id differs, and is written over that of the request before. Each is used for one
// request at a time.

import CMicroHTTPD
import Glibc
import HTTP
import Locking

/// A fixed answer that is kept ready, while one request has it.
struct ReadyAnswer {
    let made: OpaquePointer
    /// Where its request's id stands in it.
    fileprivate let id: UnsafeMutablePointer<CChar>
    private let answers: ReadyAnswers

    fileprivate init(_ made: OpaquePointer, id: UnsafeMutablePointer<CChar>, _ answers: ReadyAnswers) {
        self.made = made
        self.id = id
        self.answers = answers
    }

    /// nil where none is left, or the id is not as long as ours are: the answer is then made for its request.
    static func take(_ answer: FixedAnswer, _ requestID: String?) -> ReadyAnswer? {
        guard let requestID, answer.status != 204, answer.status != 304 else { return nil }
        return answer.keeping { ReadyAnswers(answer) }.take(requestID)
    }

    /// When libmicrohttpd has sent it, or given it up. It reads nothing of it any more, although it may still
    /// count a reference.
    func giveBack() { answers.giveBack(self) }
}

/// One fixed answer as often as it is sent at the same time. `@unchecked Sendable`: `body` is never changed;
/// what a ready answer points to is touched only by the thread whose request has it.
private final class ReadyAnswers: @unchecked Sendable {
    private struct State {
        var idle: [(made: OpaquePointer, id: UnsafeMutablePointer<CChar>)] = []
        var count = 0
    }

    /// More are made for their requests: a thread sends one after the other, unless clients read slowly.
    private static let countMax = 64

    private let answer: FixedAnswer
    /// For all of them.
    private let body: UnsafeMutableRawBufferPointer
    private let state = Locked(State())

    init(_ answer: FixedAnswer) {
        self.answer = answer
        body = .allocate(byteCount: max(answer.body.count, 1), alignment: 1)
        body.copyBytes(from: answer.body)
    }

    /// Each request that has one keeps this object, so that all are idle.
    deinit {
        for (made, _) in state.withLock({ $0.idle }) { MHD_destroy_response(made) }
        body.deallocate()
    }

    func take(_ requestID: String) -> ReadyAnswer? {
        var requestID = requestID
        return requestID.withUTF8 { bytes in
            guard bytes.count == RequestID.byteCount, let ready = idle() ?? made() else { return nil }
            UnsafeMutableRawPointer(ready.id).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
            return ReadyAnswer(ready.made, id: ready.id, self)
        }
    }

    private func idle() -> (made: OpaquePointer, id: UnsafeMutablePointer<CChar>)? {
        state.withLock { $0.idle.popLast() }
    }

    private func made() -> (made: OpaquePointer, id: UnsafeMutablePointer<CChar>)? {
        let hasRoom = state.withLock { state in
            guard state.count < Self.countMax else { return false }
            state.count += 1
            return true
        }
        let bytes = UnsafeRawBufferPointer(rebasing: body[..<answer.body.count])
        let sample = RequestID.text(of: 0)
        guard hasRoom else { return nil }
        guard let made = ResponseQueueing.make(answer, requestID: sample, body: bytes) else {
            state.withLock { $0.count -= 1 }
            return nil
        }
        // libmicrohttpd's own copy of the value. It has no call that changes one: removing the field and
        // adding it again would move it to the end of the head.
        guard let id = MHD_get_response_header(made, FixedAnswer.idField) else {
            preconditionFailure("a fixed answer without \(FixedAnswer.idField)")
        }
        return (made, UnsafeMutablePointer(mutating: id))
    }

    func giveBack(_ ready: ReadyAnswer) {
        state.withLock { $0.idle.append((ready.made, ready.id)) }
    }
}
