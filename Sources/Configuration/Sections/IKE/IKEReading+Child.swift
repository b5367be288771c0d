internal import Associations
internal import Wire

extension IKEReading {
    func child(_ entry: Entry, title: String) throws(ConfigurationFailure) -> IKEChild {
        let section = try Section(entry, form: .child, title: "child of \(title)")
        let range = SecurityAssociation.replayWindowRange
        return IKEChild(
            mode: try section.required("mode").word(["tunnel": .tunnel, "transport": .transport]),
            proposals: try section["proposals"]?.proposals() ?? [],
            selectors: try section.trafficSelectors(),
            replayWindow: try section["replayWindow"]?.integer(in: range) ?? 128,
            peerReplayWindow: try section["peerReplayWindow"]?.integer(in: range) ?? 32,
            rekeySeconds: try section["rekeySeconds"]?.seconds() ?? 3600,
            rekeyBytes: try section["rekeyBytes"]?.integer(in: 0...Int.max) ?? 0,
            rekeyPackets: try section["rekeyPackets"]?.integer(in: 0...Int.max) ?? 0)
    }
}
