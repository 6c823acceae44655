// Standard error, a line at a time, and the tables that commands print for people. A line is one write, so
// that lines of several threads do not mix; the progress bar is drawn on a terminal only and erased at the
// end. And the check that what is printed on standard output arrived there.

// The stream of standard output is a variable of C's, which Swift takes for one that anybody may change.
@preconcurrency import Glibc

enum Console {
    /// From now on the end of the process looks whether standard output took everything that was printed:
    /// where a disk is full, nobody must take a piece of an answer for all of it.
    static func checkOutputAtExit() {
        // A file that may not grow is a full disk, and no reason to end without a word.
        signal(SIGXFSZ, SIG_IGN)
        atexit {
            errno = 0
            guard fflush(stdout) != 0 || ferror(stdout) != 0 else { return }
            let reason = errno == 0 ? "" : ": \(String(cString: strerror(errno)))"
            Console.say("Error: standard output did not take everything\(reason)")
            _exit(Ending.failed.rawValue)
        }
    }

    static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        bytes.withUnsafeBytes { _ = write(2, $0.baseAddress, $0.count) }
    }

    /// Names and values in two columns, a line each, as standard output shows them.
    static func table(_ rows: [(name: String, value: String)], on terminal: Terminal = .output) -> String {
        terminal.lines(rows.map { [$0.name, $0.value] }, indent: 0, hasHeader: false)
            .map { $0 + "\n" }.joined()
    }
}

struct ProgressBar {
    private let total: Int
    private let isShown: Bool
    private var drawn = -1
    private static let width = 40

    init(total: Int) {
        self.total = total
        isShown = isatty(2) == 1 && total > 1
    }

    /// Draws when another percent is done.
    mutating func step(_ done: Int, _ label: String) {
        guard isShown else { return }
        let percent = done * 100 / total
        guard percent != drawn else { return }
        drawn = percent
        let filled = percent * Self.width / 100
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
        write("\r[\(bar)] \(percent)% \(Report.printable(label).prefix(30))\u{1b}[K")
    }

    func finish() {
        if isShown { write("\r\u{1b}[K") }
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        bytes.withUnsafeBytes { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }
}
