"""What stands at the gateway: the system under test, or a charon in its place, which shows that the scenarios are right.

Both have: start(connections), stop(), initiate, terminate, terminate_child, rekey_child, rekey_ike (a connection's name each),
associations(), log_text(), last_words()."""
