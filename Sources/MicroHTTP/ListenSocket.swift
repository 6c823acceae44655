// A listening socket made by us and handed to libmicrohttpd, so that TCP, unix sockets and inherited
// descriptors (LISTEN_FDS) take one path. It does not accept; whoever holds it closes it once.

import Glibc

/// A listening stream socket. The daemon that it is given to closes it.
public struct ListenSocket: Sendable {
    /// Clients that may wait to be accepted.
    public static let backlogCount: Int32 = 1024
    /// systemd's first passed descriptor (sd_listen_fds(3)).
    public static let firstInheritedDescriptor: Int32 = 3
    /// More passed descriptors than this are ignored.
    public static let maximumInheritedDescriptorCount: Int32 = 64

    public let descriptor: Int32
    /// The bound TCP port in host byte order; nil for unix sockets.
    public let port: UInt16?
    /// For the log: "127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock".
    public let name: String
    /// The file to remove at the end, with device and inode as they were bound.
    var file: (path: String, device: UInt64, inode: UInt64)?

    init(descriptor: Int32, file: (path: String, device: UInt64, inode: UInt64)? = nil) {
        self.descriptor = descriptor
        self.file = file
        let address = SocketAddress.local(of: descriptor)
        port = address?.port
        name = file.map { "unix:" + $0.path } ?? address?.text ?? "unix"
    }

    /// Closes the socket and removes its file, unless another socket has taken the place.
    func close() {
        if let file {
            var now = stat()
            if lstat(file.path, &now) == 0, UInt64(now.st_dev) == file.device,
                UInt64(now.st_ino) == file.inode
            {
                unlink(file.path)
            }
        }
        Glibc.close(descriptor)
    }
}
