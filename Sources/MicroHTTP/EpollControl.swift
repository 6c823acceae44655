// epoll_ctl of the whole process. MHD_quiesce_daemon of libmicrohttpd 0.9.75 takes the listening socket out
// of the epoll set of each thread, without a lock, while that thread may be doing the same: whoever comes
// second finds it gone, and libmicrohttpd ends the process. Here the second succeeds.

import Glibc

private typealias Control =
    @convention(c) (Int32, Int32, Int32, UnsafeMutableRawPointer?) -> Int32

/// The C library's.
private let control: Control = {
    // RTLD_NEXT, a cast in a macro: in the libraries that follow the program itself.
    guard let found = dlsym(UnsafeMutableRawPointer(bitPattern: -1), "epoll_ctl") else {
        preconditionFailure("the C library has no epoll_ctl")
    }
    return unsafeBitCast(found, to: Control.self)
}()

private let taking: Int32 = 2  // EPOLL_CTL_DEL

/// Found before the C library's by every library that the process has. Taking out what is not there
/// succeeds; for everything else the C library answers.
@_cdecl("epoll_ctl")
public func controlEpollSet(
    _ set: Int32, _ operation: Int32, _ descriptor: Int32, _ event: UnsafeMutableRawPointer?
) -> Int32 {
    let result = control(set, operation, descriptor, event)
    return result == -1 && operation == taking && errno == ENOENT ? 0 : result
}
