// The text of an exported state, written while its client reads it. Everything but the long lists of numbers
// is written at once; each list stays as it is in the snapshot, half of its text or less, and its numbers are
// spelled or packed in pieces, in the place that was left for them.

import HTTP
import IOVAAllocation
import JSON

/// A list of numbers that may be long.
enum StateNumbers: Sendable {
    case plain([UInt64])
    case ranges([PageFrameRange])

    var count: Int {
        switch self {
        case .plain(let numbers): numbers.count
        case .ranges(let ranges): 2 * ranges.count
        }
    }

    subscript(index: Int) -> UInt64 {
        switch self {
        case .plain(let numbers): numbers[index]
        case .ranges(let ranges):
            index.isMultiple(of: 2) ? ranges[index / 2].lo : ranges[index / 2].hi
        }
    }
}

/// How the lists of a state are written.
enum StateForm: String, CaseIterable, Sendable {
    /// Arrays of numbers in hex, for people.
    case plain
    /// As PackedNumbers reads them, for moving a session: any fits into the body of an import.
    case compact

    static let words = allCases.map { (word: $0.rawValue, value: $0) }
}

/// Where the lists of one document belong: each at a number of bytes from its beginning.
final class StateLists {
    let form: StateForm
    fileprivate private(set) var all: [(place: Int, numbers: StateNumbers)] = []

    init(_ form: StateForm) { self.form = form }

    fileprivate func add(_ numbers: StateNumbers, at place: Int) {
        if numbers.count > 0 { all.append((place, numbers)) }
    }
}

extension JSONWriter {
    /// An empty array or string, which `lists` remembers.
    mutating func numbers(_ numbers: StateNumbers, _ lists: StateLists) {
        switch lists.form {
        case .plain:
            array { lists.add(numbers, at: $0.byteCount) }
        case .compact:
            string("")
            lists.add(numbers, at: byteCount - 1)
        }
    }
}

/// The pieces of one state. `@unchecked Sendable`: its `var`s are touched by `next` only, which the server
/// calls on one thread at a time.
final class StateText: StreamSource, @unchecked Sendable {
    /// A piece ends after the item with which it gets so large.
    private static let pieceBytes = 16 << 10
    /// With their digits and quotes less than two pieces.
    private static let numbersPerItem = 1_024
    /// `"0x0123456789abcdef",`
    private static let numberBytesMax = 21

    private let frame: [UInt8]
    private let form: StateForm
    private let lists: [(place: Int, numbers: StateNumbers)]
    /// How much of the frame was handed over, which list is next, and how many of its numbers were.
    private var taken = 0
    private var list = 0
    private var number = 0
    private var packer = NumberPacker()

    /// - Parameter frame: the document, with its lists empty.
    init(_ frame: [UInt8], _ lists: StateLists) {
        (self.frame, form, self.lists) = (frame, lists.form, lists.all)
    }

    private var numberCount: Int { lists.reduce(0) { $0 + $1.numbers.count } }

    /// Whether all of it may be written at once.
    private var isSmall: Bool { frame.count + numberCount * Self.numberBytesMax <= StreamPiece.bytesMax }

    /// What the document is sent as.
    func response(_ headers: HeaderFields) -> Response {
        guard isSmall else { return Response(status: 200, headers: headers, stream: self) }
        var body: [UInt8] = []
        while case .bytes(let bytes) = next() { body += bytes }
        return Response(status: 200, headers: headers, body: body)
    }

    var endsByItself: Bool { true }

    var bytesHeld: Int { frame.count + numberCount * MemoryLayout<UInt64>.size + StreamPiece.bytesMax }

    func start(waker: StreamWaker) {}

    /// A state needs no farewell: its last byte is its end, within the grace of a request.
    func finish() {}

    func ended(_ ending: StreamEnding) {}

    func next() -> StreamPiece {
        var piece: [UInt8] = []
        while piece.count < Self.pieceBytes {
            let end = list < lists.count ? lists[list].place : frame.count
            if taken < end {
                let next = min(end, taken + Self.pieceBytes)
                piece += frame[taken..<next]
                taken = next
            } else if list < lists.count {
                appendNumbers(to: &piece)
            } else {
                break
            }
        }
        return piece.isEmpty ? .end : .bytes(piece)
    }

    private func appendNumbers(to piece: inout [UInt8]) {
        let numbers = lists[list].numbers
        let next = min(numbers.count, number + Self.numbersPerItem)
        switch form {
        case .plain: spell(numbers, number..<next, to: &piece)
        case .compact: pack(numbers, number..<next, to: &piece)
        }
        (list, number) = next == numbers.count ? (list + 1, 0) : (list, next)
    }

    private func spell(_ numbers: StateNumbers, _ places: Range<Int>, to piece: inout [UInt8]) {
        var writer = JSONWriter(reservingBytes: places.count * Self.numberBytesMax + 2)
        writer.array { writer in
            for place in places { writer.hex(numbers[place]) }
        }
        if places.lowerBound > 0 { piece.append(UInt8(ascii: ",")) }
        // Without the brackets, which the frame has.
        piece += writer.bytes.dropFirst().dropLast()
    }

    private func pack(_ numbers: StateNumbers, _ places: Range<Int>, to piece: inout [UInt8]) {
        for place in places { packer.append(numbers[place], to: &piece) }
        guard places.upperBound == numbers.count else { return }
        packer.finish(to: &piece)
        packer = NumberPacker()
    }
}

extension Service {
    /// How the state is to be written.
    func stateForm(_ context: RequestContext) throws(Problem) -> StateForm {
        let query = context.query
        let form = query.value("form")?.choice(StateForm.words, query.problems)
        try query.check()
        return form ?? .plain
    }

    /// An answer with a state, or 304 when the client has it.
    func stateAnswer(
        _ context: RequestContext, etag: String, _ form: StateForm,
        _ body: (inout JSONWriter, StateLists) -> Void
    ) -> Response {
        let lists = StateLists(form)
        let framed = revisionAnswer(context, etag: etag) { body(&$0, lists) }
        guard framed.status == 200 else { return framed }
        return StateText(framed.body, lists).response(framed.headers)
    }
}
