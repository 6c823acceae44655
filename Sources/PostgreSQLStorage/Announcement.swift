// What a commit tells the other instances: which names it changed, and who changed them.

import Storage

/// A message of LISTEN and NOTIFY.
enum Announcement {
    static let channel = "iovad"
    /// Servers take less than 8000 bytes; a commit of more names says that it changed some.
    static let bytesMax = 7900

    /// Nothing where no entity was changed.
    static func commands(_ changes: [StoredChange], _ instance: String) -> [Command] {
        let names = Set(changes.compactMap(\.name)).sorted()
        if names.isEmpty { return [] }
        var payload = instance
        for name in names { payload += "\n\(name.kind.rawValue)/\(name.id)" }
        if payload.utf8.count > bytesMax || names.contains(where: { $0.id.utf8.contains(0x0a) }) {
            payload = instance + "\n"
        }
        return [Command("SELECT pg_notify('\(channel)', $1)", .text(payload))]
    }

    /// Who wrote, and what: nil where it does not say.
    static func read(_ payload: String) -> (instance: String, names: [StoredName]?) {
        let lines = payload.split(separator: "\n", omittingEmptySubsequences: false)
        var names: [StoredName]? = []
        for line in lines.dropFirst() {
            let words = line.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            if words.count == 2, let kind = StoredKind(rawValue: String(words[0])) {
                names?.append(StoredName(kind, String(words[1])))
            } else {
                names = nil
            }
        }
        return (String(lines[0]), names)
    }
}
