extension Entry {
    func link() throws(ConfigurationFailure) -> LinkSettings {
        let section = try Section(self, form: .link, title: "link")
        var settings = LinkSettings()
        if let port = try section["port"]?.integer(in: 1...65535) { settings.port = UInt16(port) }
        if let path = try section["credentials"]?.absolutePath() { settings.credentials = path }
        return settings
    }
}
