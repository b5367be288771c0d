extension Entry {
    func limits() throws(ConfigurationFailure) -> LimitSettings {
        let section = try Section(self, form: .limits, title: "limits")
        var settings = LimitSettings(
            connections: try section["connections"]?.integer(in: LimitSettings.connectionRange)
                ?? LimitSettings().connections)
        // What cannot be reached is no limit.
        if let most = try section["halfOpen"]?.integer(in: 16...settings.connections) {
            settings = LimitSettings(connections: settings.connections, halfOpen: most)
        }
        if let most = try section["halfOpenPerAssociation"]?.integer(in: 1...settings.halfOpen) {
            settings.halfOpenPerAssociation = most
        }
        if let most = try section["affinities"]?.integer(in: LimitSettings.affinityRange) {
            settings.affinities = most
        }
        return settings
    }
}
