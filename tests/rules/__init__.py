"""Tests of the rulebook through the public exchange, rule by rule, with arithmetic by hand."""
