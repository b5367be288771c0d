import TestSupport
import Testing
import Wire

@testable import FastPath

@Suite struct AddressTableTests {
    @Test func dvipasHaveTheirIndexAndGatewaysAreOursToo() {
        let dvipas = ["10.72.0.10", "203.0.113.1", "2001:db8::10"].map(address)
        let table = AddressTable(dvipas: dvipas, gateways: ["198.51.100.1", "203.0.113.1"].map(address))
        #expect(dvipas.map { table.find($0) } == [0, 1, 2], "a DVIPA that is a gateway, too, is a DVIPA")
        #expect(table.find(address("198.51.100.1")) == AddressTable.gateway)
        for stranger in ["10.72.0.11", "0.0.0.0", "::", "255.255.255.255"] {
            #expect(table.find(address(stranger)) == AddressTable.absent)
        }
    }

    @Test func emptyItKnowsNobody() {
        let table = AddressTable(dvipas: [], gateways: [])
        #expect(table.find(address("10.72.0.10")) == AddressTable.absent)
        #expect(table.find(IPAddress(high: 0, low: 0)) == AddressTable.absent)
    }

    @Test func manyAddressesBesideADictionary() {
        var generator = SeededGenerator(seed: 1)
        let all = (0..<4000).map { IPAddress(v4: 0x0A00_0000 + UInt32($0)) }.shuffled(using: &generator)
        let dvipas = Array(all[..<1000])
        let gateways = Array(all[1000..<2000])
        let table = AddressTable(dvipas: dvipas, gateways: gateways)
        for (index, dvipa) in dvipas.enumerated() { #expect(table.find(dvipa) == Int32(index)) }
        for gateway in gateways { #expect(table.find(gateway) == AddressTable.gateway) }
        for stranger in all[2000...] { #expect(table.find(stranger) == AddressTable.absent) }
    }
}
