public import Associations

extension Host {
    /// Which outbound SA a packet of a batch that went through `seal` belongs to, sent or not; nil for one that none
    /// would carry.
    public func outboundSPI(of packet: Packet) -> SPI? {
        switch packet.verdict {
        case .pending, .sealed, .noSequenceNumber, .oversized, .tooBig, .transmitQueueFull:
            outbound.records[Int(packet.association)].spi
        default: nil
        }
    }
}
