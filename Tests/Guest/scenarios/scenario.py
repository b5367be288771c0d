"""A scenario: a folder, the network with the guest, and how many checks have passed."""
from checks import expect


class Scenario:
    def __init__(self, name, network, folder, options):
        self.name, self.network, self.folder, self.options = name, network, folder, options
        self.checked = 0

    @property
    def guest(self):
        return self.network.guest

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def check(self, condition, otherwise):
        expect(condition, otherwise)
        self.checked += 1

    def last_words(self):
        return self.guest.last_words() if self.guest else ""
