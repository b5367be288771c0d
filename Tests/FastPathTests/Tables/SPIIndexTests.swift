import Associations
import TestSupport
import Testing

@testable import FastPath

@Suite struct SPIIndexTests {
    /// Thousands of random operations beside a dictionary. Few enough SPIs that they meet in the table, which is kept at
    /// its bound half of the time.
    @Test(arguments: [1, 8, 64, 300]) func itIsADictionary(_ capacity: Int) {
        var generator = SeededGenerator(seed: UInt64(capacity))
        var index = SPIIndex(capacity: capacity)
        var model: [UInt32: Int32] = [:]
        // Neighbouring SPIs, SPIs that differ in the high bits only, and random ones.
        let known = (0..<UInt32(capacity * 3)).map { step -> UInt32 in
            switch step % 3 {
            case 0: 256 + step
            case 1: step << 20 | 1 << 31
            default: UInt32(truncatingIfNeeded: generator.next()) | 256
            }
        }
        for step in 0..<8000 {
            let spi = known.randomElement(using: &generator)!
            let isFilling = step / 1000 % 2 == 0
            if !generator.once(in: isFilling ? 4 : 2) {
                if model[spi] != nil || model.count < capacity {
                    let place = Int32.random(in: 0..<Int32(capacity), using: &generator)
                    index.insert(SPI(rawValue: spi), at: place)
                    model[spi] = place
                }
            } else {
                index.remove(SPI(rawValue: spi))
                model[spi] = nil
            }
            #expect(index.find(SPI(rawValue: spi)) == model[spi] ?? -1)
            if step % 100 == 0 {
                for spi in known { #expect(index.find(SPI(rawValue: spi)) == model[spi] ?? -1, "step \(step)") }
            }
        }
    }

    @Test func zeroIsNotFoundInAnEmptyTable() {
        var index = SPIIndex(capacity: 4)
        #expect(index.find(SPI(rawValue: 0)) == -1)
        index.remove(SPI(rawValue: 0))
        #expect(index.find(SPI(rawValue: 0)) == -1)
    }
}
