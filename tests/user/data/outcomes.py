"""Runs one module of Python's test suite and prints each test's outcome."""
import sys
import unittest
import warnings

from test import support


class Outcomes(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.outcome = {}

    def startTest(self, test):
        super().startTest(test)
        self.outcome[test.id()] = "ok"

    def addError(self, test, err):
        super().addError(test, err)
        self.outcome[test.id()] = "error"
        print(f"{test.id()}: {self.errors[-1][1]}", flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.outcome[test.id()] = "failure"
        print(f"{test.id()}: {self.failures[-1][1]}", flush=True)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.outcome[test.id()] = "failure in a subtest"
            print(f"{subtest.id()}: {(self.failures + self.errors)[-1][1]}", flush=True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.outcome[test.id()] = "skipped"


def tests(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests(test)
        else:
            yield test


support.verbose = 0
support.use_resources = []
warnings.simplefilter("ignore")
module, *only = sys.argv[1:]
suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{module}")
if only:
    suite = unittest.TestSuite(test for test in tests(suite) if any(name in test.id() for name in only))
outcomes = Outcomes()
suite.run(outcomes)
sys.stdout.flush()
print("==== outcomes")
for name, outcome in sorted(outcomes.outcome.items()):
    print(outcome, name)
