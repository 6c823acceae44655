// Why a trace cannot be run to its end: facts only, the words are the contract's.

/// The first operation whose meaning is undefined, or would destroy Linux's own state.
public struct TraceMistake: Error, Hashable, Sendable {
    /// What is wrong with an operation.
    public enum Reason: Hashable, Sendable {
        /// No allocation before it succeeded under this name.
        case unknownName
        /// The name's allocation failed, so it names nothing.
        case failedName(operation: Int)
        /// Another allocation, still there or freed since, has this name.
        case nameUsedTwice(operation: Int)
        /// It was freed before.
        case freedTwice(operation: Int)
        /// A cached free would file `pages` pages in the class of `classPages`, which hands out more.
        case smallerThanItsClass(pages: UInt64, classPages: UInt64)
        case input(IOVAInputError)
    }

    /// Index of the operation in its trace.
    public var operation: Int
    public var reason: Reason

    public init(operation: Int, reason: Reason) {
        self.operation = operation
        self.reason = reason
    }
}
