"""How ./store bench is called."""

import contextlib
import io
import os
import unittest

from bench.__main__ import arguments, main


class CommandLineTest(unittest.TestCase):
    def test_quick_is_one_short_round_on_the_small_shop_unless_said_otherwise(self):
        self.assertEqual((lambda o: (o.products, o.rounds, o.seconds))(arguments(["--quick"])), ([10_000], 1, 2))
        self.assertEqual((lambda o: (o.products, o.rounds))(arguments([])), ([10_000, 1_000_000], 5))
        self.assertEqual(arguments(["--quick", "--rounds", "3"]).rounds, 3)
        self.assertEqual(arguments(["--products", "20000,5000"]).products, [5_000, 20_000])

    def test_wrong_use_ends_with_2_and_a_sentence(self):
        for words in (["--rounds", "0"], ["--products", "many"], ["--products", "10"], ["--loud"], ["--seconds", "x"]):
            with contextlib.redirect_stderr(io.StringIO()) as said, self.assertRaises(SystemExit) as ended:
                arguments(words)
            self.assertEqual(ended.exception.code, 2, words)
            self.assertRegex(said.getvalue(), r"^\./store bench: .*; see \./store bench --help\.\n$")

    def test_missing_tools_end_with_2_and_say_where_to_get_them(self):
        self.addCleanup(os.environ.__setitem__, "PATH", os.environ["PATH"])
        os.environ["PATH"] = "/nowhere"
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(main(["--quick"]), 2)
        self.assertIn("needs wrk and pgbench and psql", said.getvalue())
        self.assertIn("apt install wrk postgresql", said.getvalue())
        self.assertIn("brew install wrk postgresql", said.getvalue())


if __name__ == "__main__":
    unittest.main()
