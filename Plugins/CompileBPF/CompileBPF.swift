import Foundation
import PackagePlugin

/// Compiles BPF/steer.bpf.c with the toolchain's own clang whenever it changes.
@main struct CompileBPF: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
        let source = context.package.directoryURL.appending(path: "BPF/steer.bpf.c")
        let object = context.pluginWorkDirectoryURL.appending(path: "steer.bpf.o")
        let output = context.pluginWorkDirectoryURL.appending(path: "SteerObject.swift")
        // Debian keeps asm/types.h under the multiarch folder, where clang does not look for a bpf target.
        #if arch(arm64)
            let multiarch = "/usr/include/aarch64-linux-gnu"
        #else
            let multiarch = "/usr/include/x86_64-linux-gnu"
        #endif
        return [
            .buildCommand(
                displayName: "Compiling \(source.lastPathComponent) for bpf",
                executable: try context.tool(named: "bpfembed").url,
                arguments: [
                    try context.tool(named: "clang").url.path, source.path, object.path, output.path, "steerObject",
                    "-idirafter", multiarch,
                ],
                inputFiles: [source], outputFiles: [output])
        ]
    }
}
