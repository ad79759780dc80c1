"""Says for each role how many cases passed, and ends with one line for all of them. Fails if a case failed, or if a run
did not come to its end: a run that checked nothing must not look like one that found nothing."""

import json
import pathlib
import sys

folder, *roles = sys.argv[1:]
passed = failed = 0
whole = True
for role in roles:
    report = json.loads((pathlib.Path(folder) / f"{role}.json").read_text())
    cases = report["test_cases"]
    wrong = cases["with_failures"] + cases["errored"]
    right = cases["generated"] - wrong
    ended = report["complete"] and not report["errors"] and right > 0
    whole = whole and ended
    passed += right
    failed += wrong
    print(f"{role}: {right} passed, {wrong} failed" + ("" if ended else ", and the run did not come to its end"))
print(f"{passed} passed, {failed} failed")
sys.exit(0 if whole and failed == 0 else 1)
