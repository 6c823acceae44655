// When a streamed connection rests and when it is woken, as a state machine without a socket. Its point is
// that a wake-up between "nothing yet" and the actual rest is not lost, that a connection is resumed once for
// each time that it was suspended, and that nothing rests any more once it has been cut.

/// The state of one streamed body. Used under its stream's lock.
struct StreamState: Hashable {
    private(set) var isResting = false
    private(set) var isCut = false
    private var hasEnded = false
    private var wakePending = false

    /// The source has nothing. True: suspend the connection, before the lock is given back. False: a wake-up
    /// or the end came meanwhile, look again.
    mutating func rest() -> Bool {
        precondition(!isResting && !hasEnded, "a stream rested twice or after its end")
        guard !wakePending, !isCut else {
            wakePending = false
            return false
        }
        isResting = true
        return true
    }

    /// There may be something. True: resume the connection, before the lock is given back.
    mutating func wake() -> Bool {
        guard !hasEnded else { return false }
        guard isResting else {
            wakePending = true
            return false
        }
        isResting = false
        return true
    }

    /// No more bytes shall go out. True: resume the connection, so that it can be closed.
    mutating func cut() -> Bool {
        isCut = true
        return wake()
    }

    /// The connection is done with the stream. From here on nothing touches it.
    mutating func end() {
        precondition(!hasEnded, "a stream ended twice")
        // libmicrohttpd ends a suspended connection only while it stops, which resumes all of them first.
        precondition(!isResting, "a resting stream ended")
        hasEnded = true
    }
}
