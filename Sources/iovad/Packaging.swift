// `iovad packaging`: what a system needs to run the server, printed by the binary that it is for. `systemd`
// is a socket unit and a service unit (systemd.socket(5), systemd.exec(5)). systemd opens the socket and
// may start the server at the first connection; the server needs no network of its own, no user, no file
// system to write to, and gets none.

import ArgumentParser
import Glibc

struct Packaging: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "packaging", abstract: "Print the files that a system needs to run the server.",
        usage: "iovad packaging systemd [<options>]",
        subcommands: [PackagingSystemd.self])
}

struct PackagingSystemd: CheckedCommand {
    static let configuration = CommandConfiguration(
        commandName: "systemd", abstract: "Print a socket unit and a service unit.",
        usage: "iovad packaging systemd [<options>]",
        discussion: """
            Without --write-to, both are printed, each after a line with its file name. After installing: \
            systemctl daemon-reload && systemctl enable --now iovad.socket
            """)

    @Option(help: "HOST:PORT or /path of the socket. An address beyond loopback needs --token-file.")
    var listen = Settings.listenDefault
    @Option(
        help: "File with the token; systemd passes it to the server, which cannot read it itself.",
        completion: .file())
    var tokenFile: String?
    @Option(help: "File with IOVAD_ variables, a line each; it need not exist.", completion: .file())
    var environmentFile: String?
    @Option(help: "Path of the binary. Default: this one.", completion: .file())
    var binary: String?
    @Option(
        help: "Folder to write iovad.socket and iovad.service to, e.g. /etc/systemd/system.",
        completion: .directory)
    var writeTo: String?

    func checkArguments() throws {
        let paths = [tokenFile, environmentFile, binary].compactMap { $0 }
        let words = [listen] + paths
        // In a unit file a value ends with its line, and % and quotes have a meaning.
        guard
            words.allSatisfy({ $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"%\"'\\$".utf8.contains($0) } }
            )
        else {
            throw ValidationError(
                "paths and addresses in a unit file must not contain spaces, quotes, $, % or \\")
        }
        guard paths.allSatisfy({ $0.hasPrefix("/") }) else {
            throw ValidationError("--token-file, --environment-file and --binary must be absolute paths")
        }
        // A file of variables may name a token, or say that none is needed.
        try Settings.checkUnit(listen: listen, hasToken: tokenFile != nil || environmentFile != nil)
    }

    func answer() throws {
        guard let binary = binary ?? Environment.executablePath() else {
            throw ValidationError("cannot find the path of this binary: give --binary")
        }
        if let writeTo, let fault = Files.folderFault(writeTo, named: "--write-to") { throw fault }
        let files = [("iovad.socket", socket), ("iovad.service", service(binary))]
        for (name, text) in files {
            guard let writeTo else {
                print("# \(name)\n\(text)")
                continue
            }
            guard Files.write(Array(text.utf8), to: "\(writeTo)/\(name)") else {
                throw FileFault(place: "--write-to \(writeTo)/\(name)", code: errno)
            }
            Console.say("wrote \(writeTo)/\(name)")
        }
    }

    private var socket: String {
        let mode = listen.hasPrefix("/") ? "SocketMode=0660\n" : "FreeBind=yes\n"
        return """
            [Unit]
            Description=iovad: MSI doorbells in I/O virtual address space (socket)

            [Socket]
            ListenStream=\(listen)
            Backlog=1024
            \(mode)
            [Install]
            WantedBy=sockets.target

            """
    }

    private func service(_ binary: String) -> String {
        let environment = environmentFile.map { "EnvironmentFile=-\($0)\n" } ?? ""
        let credential = tokenFile.map { "LoadCredential=token:\($0)\n" } ?? ""
        let token = tokenFile == nil ? "" : "Environment=IOVAD_TOKEN_FILE=%d/token\n"
        return """
            [Unit]
            Description=iovad: MSI doorbells in I/O virtual address space
            Requires=iovad.socket
            After=iovad.socket

            [Service]
            Type=exec
            ExecStart=\(binary) serve
            # Reads the host, token file, certificate and key again.
            ExecReload=/bin/kill -HUP $MAINPID
            Restart=on-failure
            # Longer than --drain-seconds and --grace-seconds together, which are 0 and 10 by default.
            TimeoutStopSec=15
            LimitNOFILE=16384
            # Twice what full stores, bodies and answers in flight, and 10,000 connections take (SECURITY.md).
            MemoryMax=2G
            \(environment)\(credential)\(token)
            DynamicUser=yes
            ProtectSystem=strict
            ProtectHome=read-only
            PrivateTmp=yes
            PrivateDevices=yes
            # The socket comes from systemd: the server opens none.
            PrivateNetwork=yes
            RestrictAddressFamilies=AF_UNIX
            NoNewPrivileges=yes
            CapabilityBoundingSet=
            ProtectKernelTunables=yes
            ProtectKernelModules=yes
            ProtectKernelLogs=yes
            ProtectControlGroups=yes
            ProtectClock=yes
            ProtectHostname=yes
            ProtectProc=invisible
            RestrictNamespaces=yes
            RestrictRealtime=yes
            RestrictSUIDSGID=yes
            LockPersonality=yes
            MemoryDenyWriteExecute=yes
            SystemCallArchitectures=native
            SystemCallFilter=@system-service
            UMask=0077

            [Install]
            WantedBy=multi-user.target
            Also=iovad.socket

            """
    }
}
