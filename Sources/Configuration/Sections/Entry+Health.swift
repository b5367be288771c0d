extension Entry {
    func health() throws(ConfigurationFailure) -> HealthSettings {
        let section = try Section(self, form: .health, title: "health")
        let silence = try section["silenceMilliseconds"]?.integer(in: 200...60_000) ?? 800
        let probe = try section["probeMilliseconds"]?.integer(in: 50...30_000)
        if let probe, let entry = section["probeMilliseconds"], probe > silence / 2 {
            throw entry.failure(
                "probeMilliseconds is \(probe), more than half the silence of \(silence) ms, so that one lost probe "
                    + "could mean a lost target",
                remedy: "Write probeMilliseconds: \(min(200, silence / 4)).")
        }
        return HealthSettings(
            silenceMilliseconds: silence, probeMilliseconds: probe,
            whenLost: try section["whenLost"]?.word(["move": .move, "hold": .hold]) ?? .move)
    }
}
