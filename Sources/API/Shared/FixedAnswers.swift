// Answers of a service that are the same for every request but for its id: probes, and files as they are and
// packed. Each is put together when it is asked for first, with the fields that every answer of the service
// has.

import HTTP
import Locking

/// One fixed answer of a service, put together when it is asked for first.
final class FixedSlot: Sendable {
    private let answer = Locked<FixedAnswer?>(nil)

    /// The answer to a request. `make` puts it together without what every answer has.
    func response(of service: Service, _ requestID: String, _ make: () -> Response) -> Response {
        let fixed = answer.withLock { answer in
            if let answer { return answer }
            var response = make()
            service.dress(&response, requestID)
            let made = FixedAnswer(response)
            answer = made
            return made
        }
        return fixed.response(requestID: requestID)
    }
}

/// Those of one service.
final class FixedAnswers: Sendable {
    /// What a file is sent as.
    enum Form: Int, CaseIterable { case plain, unvarying, packed }

    let alive = FixedSlot()
    let ready = FixedSlot()
    /// Of each file that was asked for, its forms.
    private let files = Locked<[ObjectIdentifier: [FixedSlot]]>([:])

    /// The slot of a file of the service's site, which lives as long as the service.
    func slot(of file: Site.File, as form: Form) -> FixedSlot {
        files.withLock { files in
            let key = ObjectIdentifier(file)
            if let slots = files[key] { return slots[form.rawValue] }
            let slots = Form.allCases.map { _ in FixedSlot() }
            files[key] = slots
            return slots[form.rawValue]
        }
    }
}
