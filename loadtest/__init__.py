"""The load test: three kinds of customers for Locust, a verdict, and a search for the most that a machine sustains."""
