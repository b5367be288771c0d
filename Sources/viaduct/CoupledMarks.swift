import Associations
import Configuration
import ControlPlane
import FastPath

/// How far the numbers of manual outbound SAs are reserved: in a file of this router, and in the coupling facility where there
/// is one. Both are written before a number is used, so that neither's loss gives one twice.
struct CoupledMarks: Sendable {
    struct Entry: Sendable {
        let association: SecurityAssociation
        let file: ReservationFile
    }

    let isCoupled: Bool
    let files: [SPI: Entry]
    /// There once it is.
    let control = LateValue<RouterControl>()

    init(_ member: Member, isCoupled: Bool) throws {
        self.isCoupled = isCoupled
        var files: [SPI: Entry] = [:]
        for configured in member.cluster.securityAssociations where configured.association.direction == .outbound {
            let association = configured.association
            files[association.spi] = Entry(association: association, file: try member.reservation(of: association))
        }
        self.files = files
    }

    /// Numbers from the coupling facility's mark on, or from the file's where that is higher.
    func sequence(_ association: SecurityAssociation, _ mark: UInt64, _ sequencer: SequencerService) {
        let first = max(mark, files[association.spi]?.file.initialMark ?? 1)
        sequencer.add(
            SequencerService.Association(
                spi: association.spi, replayWindow: association.replayWindow,
                marks: .coupled(first: first, upTo: first),
                lastNumber: association.lastSequenceNumber))
    }

    /// The sequencers have ended, and numbers from `next` on were never granted. File and facility go back each by itself: the
    /// next start begins at the higher one.
    func giveBack(_ spi: SPI, _ mark: UInt64, _ next: UInt64, _ coupling: CouplingEnd?) {
        guard let entry = files[spi] else { return }
        coupling?.giveBack(entry.association.sequenceKey, mark: mark, next: next)
        do {
            try entry.file.reserve(upTo: next)
        } catch {
            Log.warn("sequence numbers: \(error)")
        }
    }

    func reserved(_ reserving: SequencerService.Reserving, _ isDurable: Bool, _ sequencer: SequencerService) {
        guard isDurable else { return sequencer.reservationFailed(reserving) }
        do {
            try files[reserving.spi]?.file.reserve(upTo: reserving.upTo)
            sequencer.reserved(reserving)
        } catch {
            Log.warn("sequence numbers: \(error)")
            sequencer.reservationFailed(reserving)
        }
    }
}
