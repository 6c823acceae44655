// `iovad man`: the manual page, iovad(1), in the macros of man(7). It is written from what the argument
// parser says about every command, its options and arguments, so that it and the help cannot disagree; the
// exit statuses and the variables of `serve` have their homes elsewhere and are read from there.

import ArgumentParser
import JSON

struct ManCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "man", abstract: "Print the manual page.",
        discussion: """
              iovad man | man -l -
              iovad man > /usr/local/share/man/man1/iovad.1
            """)

    func run() throws {
        let tool = try JSONDocument(
            parsing: Array(Iovad._dumpHelp().utf8), limits: MachineFiles.jsonLimits)
        guard let root = tool.root.member("command") else {
            throw CommandFailure("the argument parser describes no command")
        }
        print(ManPage(root: root).text, terminator: "")
    }
}

struct ManPage {
    /// The root command, as the argument parser dumps it.
    let root: JSONNode

    var text: String {
        var lines = [".TH IOVAD 1 \"\" \"iovad \(Iovad.version)\" \"User Commands\"", ".SH NAME"]
        lines.append("iovad \\- " + Self.escaped(Iovad.configuration.abstract.lowercasedFirst.withoutDot))
        lines += [".SH SYNOPSIS", ".B iovad", ".I command", "[\\fIoptions\\fR] [\\fIarguments\\fR]"]
        lines += [".SH DESCRIPTION"] + Self.paragraphs(Self.description)
        lines.append(".SH COMMANDS")
        for command in commands(of: root) { lines += section(command, path: "iovad") }
        lines.append(".SH EXIT STATUS")
        for ending in Ending.allCases {
            lines += [".TP", ".B \(ending.rawValue)", Self.escaped(ending.meaning)]
        }
        lines.append(".SH ENVIRONMENT")
        for (name, meaning) in Self.variables { lines += [".TP", ".B \(name)", Self.escaped(meaning)] }
        lines += [".SH SEE ALSO", ".BR dmesg (1),", ".BR systemd.socket (5)"]
        return lines.joined(separator: "\n") + "\n"
    }

    private static let description = """
        Linux maps the doorbells of message-signalled interrupts (MSIs) into the I/O virtual address space \
        of devices behind Arm SMMUs. Where it does, whether a device reaches that place, and which memory \
        maps of virtual machines leave it free, is what this command answers: offline, or as a server.
        """

    private static let variables: [(String, String)] =
        Settings.variables.sorted().map {
            ("IOVAD_\($0)", "Default of --\($0.lowercased().replacing("_", with: "-")) of iovad serve.")
        } + [
            ("IOVAD_SERVER", "Default of --server of iovad agree."),
            ("IOVAD_TOKEN", "The token that iovad agree sends, unless --token-file is given."),
            ("NO_COLOR", "Where it is set, tables on a terminal have no colours."),
            ("CLICOLOR", "0: tables on a terminal have no colours."),
            ("CLICOLOR_FORCE", "Where it is set and not 0, tables have colours also where no terminal is."),
            ("COLUMNS", "Columns of the terminal."),
            ("SOURCE_DATE_EPOCH", "The time of the document that iovad sbom prints."),
        ]

    /// The argument parser adds `help`, which needs no section.
    private func commands(of command: JSONNode) -> [JSONNode] {
        command.children("subcommands").filter {
            $0.member("shouldDisplay") == nil || $0.flag("shouldDisplay")
        }
        .filter { $0.raw("commandName") != "help" }
    }

    private func section(_ command: JSONNode, path: String) -> [String] {
        let name = "\(path) \(command.raw("commandName"))"
        let below = commands(of: command)
        var lines = [".SS \(Self.escaped(name))"]
        lines += Self.paragraphs(command.raw("abstract")) + Self.paragraphs(command.raw("discussion"))
        guard below.isEmpty else {
            let rest = below.flatMap { section($0, path: name) }
            return command.raw("discussion").isEmpty ? rest : lines + rest
        }
        let common = ["help", "version"]
        for argument in command.children("arguments")
        where argument.flag("shouldDisplay")
            && !argument.children("names").contains(where: { common.contains($0.raw("name")) })
        {
            lines += [".TP", heading(of: argument), Self.escaped(argument.raw("abstract"))]
        }
        return lines
    }

    private func heading(of argument: JSONNode) -> String {
        let value = "\\fI\(Self.escaped(argument.raw("valueName")))\\fR"
        guard argument.raw("kind") != "positional" else {
            return value + (argument.flag("isRepeating") ? " ..." : "")
        }
        let names = argument.children("names").map { name in
            "\\fB" + Self.escaped((name.raw("kind") == "long" ? "--" : "-") + name.raw("name")) + "\\fR"
        }
        let takesValue = argument.raw("kind") == "option"
        return names.joined(separator: ", ") + (takesValue ? " \(value)" : "")
    }

    /// Paragraphs of a text; lines that begin with blanks are examples, and stay lines.
    private static func paragraphs(_ text: String) -> [String] {
        var lines: [String] = []
        var isExample = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let isIndented = line.hasPrefix("  ")
            if isIndented != isExample {
                lines += isIndented ? [".PP", ".nf"] : [".fi"]
                isExample = isIndented
            }
            if !line.isEmpty {
                lines.append(escaped(String(line)))
            } else if !isExample {
                lines.append(".PP")
            }
        }
        if isExample { lines.append(".fi") }
        return lines.last == ".PP" ? Array(lines.dropLast()) : lines
    }

    /// As it is to be read: a hyphen that can be copied, and no line that is a request.
    static func escaped(_ text: String) -> String {
        let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }
}

extension JSONNode {
    /// A string as it is, newlines too; empty when there is none.
    fileprivate func raw(_ name: String) -> String {
        member(name)?.string(bytesMax: .max, ProblemList(limit: 1)) ?? ""
    }
}

extension String {
    fileprivate var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
    fileprivate var withoutDot: String { hasSuffix(".") ? String(dropLast()) : self }
}
