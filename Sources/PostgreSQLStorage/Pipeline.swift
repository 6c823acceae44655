// Commands in a pipeline: all are sent before the first answer is read. A segment ends with a sync, up to
// which the server skips what comes after an error; outside of BEGIN, a segment is a transaction of its own.
// Values go and come in binary.

import CPostgreSQL

/// A parameter, or a column of a row.
enum Value {
    case null
    case integer(Int64)
    case text(String)
    case bytes([UInt8])
}

/// A statement with what is put in for $1, $2, ...
struct Command {
    let sql: String
    let values: [Value]

    init(_ sql: String, _ values: Value...) {
        self.sql = sql
        self.values = values
    }
}

/// A column as it came.
struct Column {
    /// nil for NULL.
    let bytes: [UInt8]?

    /// Of a whole number of any width.
    var integer: Int64? {
        guard let bytes, let first = bytes.first else { return nil }
        return bytes.reduce(first >= 0x80 ? -1 : 0) { $0 << 8 | Int64($1) }
    }

    var text: String { String(decoding: bytes ?? [], as: UTF8.self) }
}

/// What one command gave.
struct Rows {
    var rows: [[Column]] = []
    /// "COMMIT" may be answered with "ROLLBACK".
    var tag = ""
}

extension Connection {
    /// Sends all segments and reads what became of each: the rows of its commands, or its first error.
    ///
    /// - Parameter sent: called when all is on its way and nothing was read.
    func run(
        _ segments: [[Command]], until deadline: Int64, sent: () -> Void = {}
    ) throws(ConnectionFailure) -> [Result<[Rows], Refusal>] {
        try prepare(segments, until: deadline)
        guard PQenterPipelineMode(handle) == 1 else { throw failure() }
        for segment in segments {
            for command in segment { try send(command) }
            guard PQpipelineSync(handle) == 1 else { throw failure() }
        }
        try flush(until: deadline)
        sent()
        var results: [Result<[Rows], Refusal>] = []
        for segment in segments { results.append(try read(segment.count, until: deadline)) }
        guard PQexitPipelineMode(handle) == 1 else { throw failure() }
        return results
    }

    /// One command by itself.
    func run(_ command: Command, until deadline: Int64) throws(ConnectionFailure) -> [[Column]] {
        switch try run([[command]], until: deadline)[0] {
        case .success(let rows): return rows[0].rows
        case .failure(let refusal): throw .refused(refusal)
        }
    }

    /// Has the server keep the statements that it does not know, before any of them is needed: where one came
    /// after an error, it would be skipped.
    private func prepare(_ segments: [[Command]], until deadline: Int64) throws(ConnectionFailure) {
        var missing: [String] = []
        for command in segments.joined() where statements[command.sql] == nil {
            statements[command.sql] = nextName()
            missing.append(command.sql)
        }
        if missing.isEmpty { return }
        guard PQenterPipelineMode(handle) == 1 else { throw failure() }
        for sql in missing {
            guard PQsendPrepare(handle, statements[sql] ?? "", sql, 0, nil) == 1 else { throw failure() }
        }
        guard PQpipelineSync(handle) == 1 else { throw failure() }
        let result = try read(missing.count, until: deadline)
        guard PQexitPipelineMode(handle) == 1 else { throw failure() }
        if case .failure(let refusal) = result {
            for sql in missing { statements[sql] = nil }
            throw .refused(refusal)
        }
    }

    /// The results of so many commands and of the sync after them.
    private func read(
        _ count: Int, until deadline: Int64
    ) throws(ConnectionFailure) -> Result<[Rows], Refusal> {
        var commands: [Rows] = []
        var refusal: Refusal?
        // One nil a command.
        var ends = 0
        while true {
            guard let result = try result(until: deadline) else {
                ends += 1
                guard PQstatus(handle) != CONNECTION_BAD, ends <= count + 1 else { throw failure() }
                continue
            }
            defer { PQclear(result) }
            if PQresultStatus(result) == PGRES_PIPELINE_SYNC { break }
            do throws(ConnectionFailure) {
                try check(result)
                commands.append(Self.rows(result))
            } catch {
                guard case .refused(let found) = error else { throw error }
                refusal = refusal ?? found
            }
        }
        if let refusal { return .failure(refusal) }
        guard commands.count == count else {
            throw .broken("the server gave \(commands.count) of \(count) results")
        }
        return .success(commands)
    }

    private static func rows(_ result: OpaquePointer) -> Rows {
        let columns = PQnfields(result)
        let rows = (0..<PQntuples(result)).map { row in
            (0..<columns).map { column in
                guard PQgetisnull(result, row, column) == 0 else { return Column(bytes: nil) }
                let bytes = UnsafeRawBufferPointer(
                    start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column)))
                return Column(bytes: Array(bytes))
            }
        }
        return Rows(rows: rows, tag: String(cString: PQcmdStatus(result)))
    }

    private func send(_ command: Command) throws(ConnectionFailure) {
        var bytes: [UInt8] = []
        var places: [Range<Int>?] = []
        for value in command.values {
            let start = bytes.count
            switch value {
            case .null:
                places.append(nil)
                continue
            case .integer(let number):
                withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
            case .text(let text): bytes += text.utf8
            case .bytes(let content): bytes += content
            }
            places.append(start..<bytes.count)
            // A pointer to an empty value is not NULL: there is a byte at every place.
            bytes.append(0)
        }
        let lengths = places.map { Int32(clamping: $0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: places.count)
        let code = bytes.withUnsafeBytes { buffer in
            let pointers = places.map { place -> UnsafePointer<CChar>? in
                guard let place, let base = buffer.baseAddress else { return nil }
                return (base + place.lowerBound).assumingMemoryBound(to: CChar.self)
            }
            return PQsendQueryPrepared(
                handle, statements[command.sql] ?? "", Int32(places.count), pointers, lengths, formats, 1)
        }
        guard code == 1 else { throw failure() }
    }
}
