internal import CMachine

/// Processors by their numbers, as the kernel gives them to this thread.
public enum Processors {
    /// Those on which the calling thread may run, in order; none where the kernel does not say.
    public static var available: [Int] {
        var numbers = [Int32](repeating: 0, count: 1024)
        // At most the array's length is written.
        let count = unsafe machine_processors(&numbers, Int32(numbers.count))
        return numbers.prefix(Int(count)).map(Int.init)
    }
}
