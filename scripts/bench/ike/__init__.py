"""The parts of scripts/bench/ike.py."""
