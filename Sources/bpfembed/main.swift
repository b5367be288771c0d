// bpfembed CLANG SOURCE.bpf.c OBJECT.o OUTPUT.swift NAME [CLANG-FLAG ...]
//
// Compiles a BPF program and writes the object as a Swift array, so that the executable carries it and needs no file
// at run time. A C target cannot do it: SwiftPM does not compile C that a plugin generates.
import Foundation

let arguments = CommandLine.arguments
guard arguments.count >= 6 else {
    FileHandle.standardError.write(Data("usage: bpfembed CLANG SOURCE OBJECT OUTPUT NAME [FLAG ...]\n".utf8))
    exit(2)
}
let compile = Process()
compile.executableURL = URL(fileURLWithPath: arguments[1])
compile.arguments =
    ["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-target", "bpf", "-mcpu=v3", "-c", arguments[2], "-o", arguments[3]]
    + arguments.dropFirst(6)
try compile.run()
compile.waitUntilExit()
guard compile.terminationStatus == 0 else { exit(compile.terminationStatus) }
var source = "// Made by bpfembed.\nlet \(arguments[5]): [UInt8] = [\n"
for (index, byte) in try Data(contentsOf: URL(fileURLWithPath: arguments[3])).enumerated() {
    source += "\(byte),"
    if index % 32 == 31 { source += "\n" }
}
try (source + "]\n").write(toFile: arguments[4], atomically: true, encoding: .utf8)
