"""Runs the tests in a folder, all or those of the modules that are named, and says in a last line how many passed."""

import pathlib
import signal
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Counted(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    # Told at once: the suites take minutes, and whoever waits wants to look while the programs still run.
    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.stream.writeln(self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.stream.writeln(self.errors[-1][1])


def main(folder, *names):
    # As Ctrl-C does: leaves by the front door, so that what the tests have started is stopped (processes.py).
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.path[:0] = [folder, str(HERE.parent / "watch")]
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(names) if names else loader.discover(folder)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Counted).run(suite)
    # Nothing here may be skipped: what is needed is installed.
    failed = len(result.failures) + len(result.errors) + len(result.skipped) + len(result.unexpectedSuccesses)
    print(f"{result.passed} passed, {failed} failed")
    return 1 if failed or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
