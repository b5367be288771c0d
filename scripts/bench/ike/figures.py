"""What was measured, and what of it may not be more than before."""
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
THRESHOLDS = ROOT / "Benchmarks" / "Thresholds" / "ike.json"


class Figures:
    def __init__(self):
        self.all = {}

    def add(self, figure):
        self.all[figure["name"]] = figure

    def note(self, name, value, unit, **more):
        self.add({"name": name, "value": round(value, 3), "unit": unit, **more})

    def append_to(self, path):
        with open(path, "a") as file:
            for figure in self.all.values():
                file.write(json.dumps(figure) + "\n")

    def write_thresholds(self):
        known = json.loads(THRESHOLDS.read_text())
        for name, threshold in known["figures"].items():
            if name in self.all:
                threshold["value"] = round(self.all[name]["value"], 1)
        THRESHOLDS.write_text(json.dumps(known, indent=2) + "\n")
        print("wrote %s" % THRESHOLDS.relative_to(ROOT))

    def judge(self):
        """0 when nothing is above its threshold. A threshold allows its value, so much more in proportion, and so much more."""
        known = json.loads(THRESHOLDS.read_text())["figures"]
        measured = [name for name in known if name in self.all]
        wrong = 0
        for name in measured:
            allowed = known[name]["value"] * (1 + known[name].get("tolerance", 0)) + known[name].get("margin", 0)
            if self.all[name]["value"] > allowed:
                wrong += 1
                print("above its threshold: %s: %.1f, where at most %.1f is allowed" % (name, self.all[name]["value"], allowed))
        if measured and not wrong:
            print("%d figures of IKE are within their thresholds" % len(measured))
        return 1 if wrong else 0
