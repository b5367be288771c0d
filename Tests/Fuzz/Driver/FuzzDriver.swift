// What the fuzzers' mains have in common: libFuzzer is asked to run, and its inputs become arrays.

nonisolated(unsafe) private var body: ([UInt8]) -> Void = { _ in }

/// Hands every input of one byte or more to `run`, until libFuzzer has enough.
public func fuzz(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ run: @escaping ([UInt8]) -> Void
) -> CInt {
    body = run
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments) { testOneInput($0, $1) }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let data, count > 0 else { return 0 }
    body([UInt8](UnsafeBufferPointer(start: data, count: count)))
    return 0
}

// SwiftPM gives an executable's entry point a name of its own and calls it main; libFuzzer's own main stays out of the link.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt
